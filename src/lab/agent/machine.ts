// What the agent does to the machine it runs on, as far as that is a guest: who it is, and its end. Outside a guest all
// of it is refused.

import { readFileSync, writeFileSync } from 'node:fs'
import { hostname } from 'node:os'
import { promisify } from 'node:util'
import { NslabError } from '../../base/errors.ts'
import type { Identity } from '../../vm/guest-calls.ts'

export interface Machine {
  /** Throws KERNEL_REFUSED where this may not be done to the machine. */
  requireGuest(operation: string): void
  /** Once it is allowed. */
  setIdentity(identity: Identity): Promise<void>
  powerOff(): void
  reboot(): void
  panic(): void
}

/** The time of day is for names and records: a message's way is not worth a step back. */
const WALL_TOLERANCE_MS = 100

/** This machine as a guest: its init ends it on signals, its kernel panics on demand. */
export const guestMachine: Machine = {
  requireGuest: () => {},
  async setIdentity({ hostname: name, interfaces, wall_ms, seed }) {
    const { native } = await import('../../native/addon.ts')
    native.reseedRandom(Buffer.from(seed, 'base64'))
    if (name !== hostname()) writeFileSync('/proc/sys/kernel/hostname', name)
    const commands = interfaces
      .filter(({ name: link, mac }) => macOf(link) !== mac)
      .map(({ name: link, mac }) => `ip link set ${word(link)} down && ip link set ${word(link)} address ${word(mac)}`)
    if (Math.abs(Date.now() - wall_ms) > WALL_TOLERANCE_MS) native.setWallClock(wall_ms)
    // One shell for all: starting a process is the slowest of it under emulation.
    if (commands.length > 0) await inShell(commands.join(' && '))
  },
  // Both mean the same to nslab-init (native/guest/agent.h) and to systemd, as the flake's guests have it.
  powerOff: () => void process.kill(1, 'SIGPWR'),
  reboot: () => void process.kill(1, 'SIGINT'),
  panic: () => writeFileSync('/proc/sysrq-trigger', 'c'),
}

/** A machine that is somebody's own. */
export const ownMachine: Machine = {
  requireGuest: operation => {
    throw new NslabError('KERNEL_REFUSED', { operation, where: hostname(), errno: 'EPERM', reason: 'it is no guest' })
  },
  setIdentity: async () => {},
  powerOff: () => {},
  reboot: () => {},
  panic: () => {},
}

function macOf(link: string): string {
  try {
    return readFileSync(`/sys/class/net/${link}/address`, 'utf8').trim()
  } catch {
    return ''
  }
}

/** Names and addresses come from the runner; they are words and stay words. */
function word(text: string): string {
  if (!/^[\w.:-]+$/.test(text)) throw new Error(`not a name or address: ${text}`)
  return text
}

async function inShell(line: string): Promise<void> {
  // Loading it takes 30 ms under emulation, which hello does not wait for.
  const { execFile } = await import('node:child_process')
  try {
    await promisify(execFile)('sh', ['-c', line])
  } catch (error) {
    const { code, stderr } = error as { readonly code?: number | string; readonly stderr?: string }
    const facts = { operation: line, where: hostname(), errno: `exit ${code}`, reason: stderr?.trim() ?? '' }
    throw new NslabError('KERNEL_REFUSED', facts, { cause: error })
  }
}
