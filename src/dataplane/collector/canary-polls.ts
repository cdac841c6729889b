// Canaries of polls: sockets that are missed or made up, and dumps that are cut, late, or never end.

import type { CanaryHooks } from './canaries.ts'
import type { OnRows, Polling } from './parts.ts'

/** What a canary changes of it. */
const changed = (polling: Polling, change: Partial<Polling>): Polling => ({
  setFilter: filter => polling.setFilter(filter),
  poll: (number, slots) => polling.poll(number, slots),
  remove: slot => polling.remove(slot),
  close: () => polling.close(),
  ...change,
})

export function stalled(polling: Polling, seconds: number): Polling {
  const fromMs = performance.now() + seconds * 1000
  return changed(polling, {
    poll: (number, slots) => (performance.now() < fromMs ? polling.poll(number, slots) : new Promise(() => {})),
  })
}

export const slowed = (polling: Polling, seconds: number): Polling =>
  changed(polling, {
    poll: async (number, slots) => {
      const outcomes = await polling.poll(number, slots)
      await new Promise(resolve => setTimeout(resolve, seconds * 1000))
      return outcomes
    },
  })

export function holding(polling: Polling, of: number): Polling {
  let count = 0
  return changed(polling, {
    remove: slot => {
      if (++count % of !== 0) polling.remove(slot)
    },
  })
}

/** It is called gone in time, and polled meanwhile. */
export const releasingLate = (polling: Polling, seconds: number): Polling =>
  changed(polling, { remove: slot => void setTimeout(() => polling.remove(slot), seconds * 1000).unref() })

/** By the socket's cookie, so that it is the same ones in each poll; those without one are left. */
export const missingSockets =
  (of: number): CanaryHooks['rows'] =>
  onRows =>
  group =>
    onRows({ ...group, rows: group.rows.filter(({ cookie }) => cookie === '0' || BigInt(cookie) % BigInt(of) !== 0n) })

/** In turn, and those of a poll are some more of those that it has: what is left out in one is told by the next. */
export function skipping(of: number): CanaryHooks['rows'] {
  let count = 0
  return onRows => group => onRows({ ...group, rows: group.rows.filter(() => (++count + group.poll) % of !== 0) })
}

/** Beyond every cookie that a kernel gives in its time. */
const NOBODYS = 2n ** 60n

export function ghostSockets(of: number): CanaryHooks['rows'] {
  let count = 0
  return onRows => group => {
    const rows = group.rows.flatMap(row => {
      if (++count % of !== 0) return [row]
      const cookie = String(NOBODYS + BigInt(count))
      return [row, { ...row, cookie, state: 'ESTABLISHED', src_port: 1, dst_port: 2 }]
    })
    return onRows({ ...group, rows })
  }
}

/** Half of what such a dump would have told is not told, and that it is not whole. */
export function cutting(of: number): Partial<CanaryHooks> {
  const isCut = (poll: number, slot: number): boolean => (poll + slot) % of === 0
  return {
    rows: (onRows: OnRows) => group =>
      onRows(isCut(group.poll, group.slot) ? { ...group, rows: group.rows.slice(group.rows.length / 2) } : group),
    polling: polling =>
      changed(polling, {
        poll: async (number, slots) =>
          (await polling.poll(number, slots)).map(outcome => ({
            ...outcome,
            incomplete: isCut(number, outcome.slot) ? 'truncated' : outcome.incomplete,
          })),
      }),
  }
}
