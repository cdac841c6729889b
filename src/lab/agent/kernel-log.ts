// The guest kernel's log, as far as a run wants to know of it: warnings and worse, and what is told below that level
// though it means a fault. Asked once a heartbeat: a reader that waits would take a thread of the pool.

import { closeSync, constants, openSync, readSync } from 'node:fs'
import { type KernelMessage, kernelLevels } from '../../vm/guest-calls.ts'

/** "info" to the kernel, a fault to a run: lost packets, programs that crashed. */
const TELLING = /neighbor table overflow|oom-kill|Out of memory|blocked for more than|segfault at|general protection/

/** Lines of a stack, of registers, of tables: what they belong to has a line of its own that says what happened. */
const DETAIL = new RegExp(
  [
    '^ ',
    '^(Call Trace|Code|CPU|Hardware name|Workqueue|Modules linked in|Mem-Info|Tasks state)\\b',
    '^(RIP|RSP|RAX|RBX|RCX|RDX|RSI|RDI|RBP|R\\d\\d|FS|CS|DS|ES|CR\\d|DR\\d|PKRU|EFLAGS)\\b.*:',
    '^(memory|swap): usage',
    '^Memory cgroup stats',
    '^---\\[',
  ].join('|'),
)

/** A record is at most 8 KiB: CONSOLE_EXT_LOG_MAX of the kernel. */
const RECORD_BYTES = 8192
/** Of one poll; a kernel that complains without end would drown the run. */
const MESSAGES_MAX = 50

/** A record of /dev/kmsg, `4,339,5140900,-;text` and lines of facts. Null where it is not the kernel's own. */
export function parseKernelRecord(record: string): KernelMessage | null {
  const [, priority, us, message] = /^(\d+),\d+,(\d+),[^;]*;(.*)/.exec(record) ?? []
  if (priority === undefined || us === undefined || message === undefined) return null
  const level = kernelLevels[Number(priority) & 7] as KernelMessage['level']
  // Facilities other than the kernel's are programs'.
  if (Number(priority) >> 3 !== 0) return null
  return { monotonic_ns: `${us}000`, level, message: message.replace(/\\x([0-9a-f]{2})/g, unescaped) }
}

const unescaped = (_: string, hex: string): string => String.fromCharCode(Number.parseInt(hex, 16))

/** Whether a run wants to know. */
export function isTelling(message: KernelMessage): boolean {
  return isUrgent(message) || (message.level === 'warning' && !DETAIL.test(message.message))
}

/** What is told before any warning. */
function isUrgent({ level, message }: KernelMessage): boolean {
  return (kernelLevels.indexOf(level) <= kernelLevels.indexOf('err') && !DETAIL.test(message)) || TELLING.test(message)
}

/** At most `MESSAGES_MAX`, the urgent ones first to be kept, in their order; the last says how many more there were. */
export function shortened(messages: readonly KernelMessage[]): KernelMessage[] {
  const last = messages.at(-1)
  if (messages.length <= MESSAGES_MAX || last === undefined) return [...messages]
  const urgent = messages.filter(isUrgent).slice(0, MESSAGES_MAX)
  const others = messages.filter(message => !isUrgent(message)).slice(0, MESSAGES_MAX - urgent.length)
  const kept = new Set([...urgent, ...others])
  const more = { ...last, message: `${messages.length - kept.size} more messages` }
  return [...messages.filter(message => kept.has(message)), more]
}

/** Reads what the kernel has said since it was made. */
export class KernelLog {
  readonly #fd: number
  readonly #sinceNs = process.hrtime.bigint()
  readonly #record = Buffer.allocUnsafe(RECORD_BYTES)

  /** Throws what open(2) does: not every process may read the log. */
  constructor(path = '/dev/kmsg') {
    this.#fd = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK)
  }

  /** What there is to tell since the last time. */
  poll(): KernelMessage[] {
    const messages: KernelMessage[] = []
    for (let record = this.#next(); record !== null; record = this.#next()) {
      const message = parseKernelRecord(record)
      if (message !== null && BigInt(message.monotonic_ns) >= this.#sinceNs && isTelling(message))
        messages.push(message)
    }
    return shortened(messages)
  }

  /** Null when there is no more just now. */
  #next(): string | null {
    for (;;) {
      try {
        const size = readSync(this.#fd, this.#record)
        return size === 0 ? null : this.#record.toString('utf8', 0, size)
      } catch (error) {
        // The kernel has overwritten what was to be read; the next read goes on after the gap.
        if ((error as NodeJS.ErrnoException).code !== 'EPIPE') return null
      }
    }
  }

  close(): void {
    closeSync(this.#fd)
  }
}
