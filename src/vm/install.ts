// Puts QEMU on this machine by the set-up's own installer, where there is one: in a clone.

import { existsSync } from 'node:fs'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { NslabError } from '../base/errors.ts'
import { QEMU_NAME, QEMU_REMEDY } from './qemu-program.ts'

/** The same place from src/ and from dist/. */
const installerPath = fileURLToPath(new URL('../../src/setup/system.mjs', import.meta.url))

interface Installer {
  readonly vmNeeds: readonly unknown[]
  ensureSystem(needs: readonly unknown[]): Promise<void>
}

/** As root on Debian apt installs it, after saying so; else NOT_FIT {problems} with the command, nothing changed. */
export async function installQemu(path: string = installerPath): Promise<void> {
  if (!existsSync(path)) throw missing(`a microVM needs ${QEMU_NAME}. ${QEMU_REMEDY}`)
  const { ensureSystem, vmNeeds } = (await import(pathToFileURL(path).href)) as Installer
  try {
    await ensureSystem(vmNeeds)
  } catch (error) {
    throw missing((error as Error).message, error)
  }
}

const missing = (problem: string, cause?: unknown): NslabError =>
  new NslabError('NOT_FIT', { problems: [problem], limits: ['qemu'] }, { cause })
