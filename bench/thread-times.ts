// Processor time of a process, thread by thread, between two looks.

import { readdirSync, readFileSync } from 'node:fs'
import { TICKS_PER_S } from '../src/lab/proc/proc.ts'

interface ThreadTime {
  readonly name: string
  /** On a processor, by the scheduler's clock. */
  readonly runNs: number
  /** By ticks: what share of it was user's. */
  readonly userS: number
  readonly systemS: number
}

interface Look {
  readonly atMs: number
  readonly threads: ReadonlyMap<string, ThreadTime>
}

/** Seconds of processor a second: processors. */
export interface ThreadTimes {
  /** Threads that move packets: nslab-lane-…, nslab-max. */
  readonly lanes: number
  readonly others: number
  readonly user: number
  readonly system: number
}

/** Threads that end meanwhile are left out. */
export function readThreads(pid: number): Look {
  const folder = `/proc/${pid}/task`
  const threads = new Map<string, ThreadTime>()
  for (const id of readdirSync(folder)) {
    try {
      const stat = readFileSync(`${folder}/${id}/stat`, 'utf8')
      const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
      threads.set(id, {
        name: stat.slice(stat.indexOf('(') + 1, stat.lastIndexOf(')')),
        runNs: Number(readFileSync(`${folder}/${id}/schedstat`, 'utf8').split(' ')[0]),
        userS: Number(fields[11]) / TICKS_PER_S,
        systemS: Number(fields[12]) / TICKS_PER_S,
      })
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException
      if (code !== 'ENOENT' && code !== 'ESRCH') throw error
    }
  }
  return { atMs: performance.now(), threads }
}

/** Of threads that were there at both looks, or came between. */
export function timesBetween(before: Look, after: Look): ThreadTimes {
  const seconds = (after.atMs - before.atMs) / 1000
  const sum = { lanes: 0, others: 0, user: 0, system: 0 }
  for (const [id, { name, runNs, userS, systemS }] of after.threads) {
    const then = before.threads.get(id)
    sum[/^nslab-(lane|max)/.test(name) ? 'lanes' : 'others'] += (runNs - (then?.runNs ?? 0)) / 1e9 / seconds
    sum.user += (userS - (then?.userS ?? 0)) / seconds
    sum.system += (systemS - (then?.systemS ?? 0)) / seconds
  }
  return sum
}
