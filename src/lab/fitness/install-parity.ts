// Puts ISA-L on this machine where a scenario has lossless flows with forward error correction: by the set-up's own
// installer, in a clone. Guest images that are made here take it from here.

import { existsSync } from 'node:fs'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { NslabError } from '../../base/errors.ts'
import type { Scenario } from '../../config/types.ts'
import { isLossless } from '../../protocol/traffic.ts'
import { DERIVATIONS_VARIABLE, IMAGES_VARIABLE } from '../../vm/image/find.ts'

/** The same place from src/ and from dist/. */
const installerPath = fileURLToPath(new URL('../../setup/system.mjs', import.meta.url))

interface Installer {
  readonly parityNeeds: readonly unknown[]
  ensureSystem(needs: readonly unknown[]): Promise<void>
}

export function needsParity({ controller, dataplane, hosts }: Scenario): boolean {
  const isFec = [dataplane, ...hosts.dataplanes].some(({ engine }) => engine.lossless.paritySymbols > 0)
  return isFec && controller.flows.some(({ spec }) => isLossless(spec))
}

/** Where fleets run: on this machine, in guests whose image is made here, or in those of another image. */
export type ParityGround = 'here' | 'guests' | 'other guests'

/** `inVms`: the run's hosts are. */
export function parityGround({ hosts }: Scenario, inVms: boolean): ParityGround {
  if (!inVms) return 'here'
  const { [IMAGES_VARIABLE]: folder = '', [DERIVATIONS_VARIABLE]: derivations = '' } = process.env
  return hosts.image === undefined && folder === '' && derivations === '' ? 'guests' : 'other guests'
}

/** NOT_FIT {problems} with what to do, nothing changed, where it can't. */
export async function installParity(ground: ParityGround, path: string = installerPath): Promise<void> {
  if (ground === 'other guests')
    throw missing(
      'session_mode = "fec" needs ISA-L, which only guest images have that are made on a machine with it, without ' +
        '--image: --on host, or session_mode = "plain"',
    )
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
