// Who makes or uses something in the cache, as part of a name: what a process that was killed has left is told from
// what another is about to finish.

import { readFileSync } from 'node:fs'

/** This process: its id and start, for ids are used again. */
export const mark = (): string => `${process.pid}.${startOf('self')}`

export function isAlive(maker: string): boolean {
  const [pid = '', start] = maker.split('.')
  return /^\d+$/.test(pid) && startOf(pid) === start
}

/** proc(5), field starttime; empty where there is no such process. */
function startOf(pid: string): string {
  try {
    return readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ').at(-1)?.split(' ')[19] ?? ''
  } catch {
    return ''
  }
}
