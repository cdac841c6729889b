// Puts ISA-L on this machine where a scenario has lossless flows with forward error correction: by the set-up's own
// installer, in a clone.

import { existsSync } from 'node:fs'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { NslabError } from '../base/errors.ts'
import type { Scenario } from '../config/types.ts'
import { isLossless } from '../protocol/traffic.ts'

/** The same place from src/ and from dist/. */
const installerPath = fileURLToPath(new URL('../../src/setup/system.mjs', import.meta.url))

interface Installer {
  readonly parityNeeds: readonly unknown[]
  ensureSystem(needs: readonly unknown[]): Promise<void>
}

export function needsParity({ controller, dataplane, hosts }: Scenario): boolean {
  const isFec = [dataplane, ...hosts.dataplanes].some(({ engine }) => engine.lossless.paritySymbols > 0)
  return isFec && controller.flows.some(({ spec }) => isLossless(spec))
}

/** NOT_FIT {problems} with what to do, nothing changed, where it can't. `inVms`: fleets run in guests of nslab's image. */
export async function installParity(inVms: boolean, path: string = installerPath): Promise<void> {
  if (inVms)
    throw missing('session_mode = "fec" needs ISA-L, which microVMs do not have: --on host, or session_mode = "plain"')
  // An installed package has no set-up; the engine looks for the library, and says what it lacks.
  if (!existsSync(path)) return
  const { ensureSystem, parityNeeds } = (await import(pathToFileURL(path).href)) as Installer
  try {
    await ensureSystem(parityNeeds)
  } catch (error) {
    throw missing((error as Error).message, error)
  }
}

const missing = (problem: string, cause?: unknown): NslabError =>
  new NslabError('NOT_FIT', { problems: [problem], limits: [] }, { cause })
