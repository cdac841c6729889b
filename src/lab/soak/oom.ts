// Whether the kernel killed a process for want of memory: its own count of such kills, and its log where that may be
// read. The log has process numbers of the first PID namespace, so a process is known there by its name.

import { closeSync, constants, openSync, readSync } from 'node:fs'
import { readOrNull } from '../../base/read-or-null.ts'

/** A record is at most 8 KiB: CONSOLE_EXT_LOG_MAX of the kernel. */
const RECORD_BYTES = 8192
/** The kernel cuts a task's name there. */
const COMM_CHARS = 15

export class OomWatch {
  #kills = killsCount()
  #fd = openLog()
  readonly #record = Buffer.allocUnsafe(RECORD_BYTES)

  /** Whether a process with one of these names, which ended by SIGKILL that nobody here sent, was killed so. */
  explains(names: ReadonlySet<string>): boolean {
    const before = this.#kills
    this.#kills = killsCount()
    if (this.#kills <= before) return false
    if (this.#fd === null) return true
    const victims = this.#victims()
    // The log says less than it should where another reader has emptied it, or its lines were overrun.
    return victims.length === 0 || [...names].some(name => victims.includes(name.slice(0, COMM_CHARS)))
  }

  /** Safe twice. */
  close(): void {
    if (this.#fd !== null) closeSync(this.#fd)
    this.#fd = null
  }

  #victims(): string[] {
    const victims: string[] = []
    for (;;) {
      try {
        const size = readSync(this.#fd as number, this.#record, 0, RECORD_BYTES, null)
        const victim = victimOf(this.#record.toString('utf8', 0, size))
        if (victim !== null) victims.push(victim)
      } catch (error) {
        // EPIPE: records were overrun; the next read goes on behind them. EAGAIN: that was all.
        if ((error as NodeJS.ErrnoException).code !== 'EPIPE') return victims
      }
    }
  }
}

/** The name in `Out of memory: Killed process 17 (node) …` and in the record of a control group. */
export const victimOf = (record: string): string | null => /Killed process \d+ \(([^)]*)\)/.exec(record)?.[1] ?? null

/** All of this kernel's, control groups' included. */
const killsCount = (): number => Number(/^oom_kill (\d+)$/m.exec(readOrNull('/proc/vmstat') ?? '')?.[1] ?? 0)

/** From its end on. Null where this process may not read it. */
function openLog(): number | null {
  let fd: number
  try {
    fd = openSync('/dev/kmsg', constants.O_RDONLY | constants.O_NONBLOCK)
  } catch {
    return null
  }
  const record = Buffer.allocUnsafe(RECORD_BYTES)
  for (;;) {
    try {
      readSync(fd, record, 0, RECORD_BYTES, null)
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException
      if (code === 'EPIPE') continue
      if (code === 'EAGAIN') return fd
      closeSync(fd)
      return null
    }
  }
}
