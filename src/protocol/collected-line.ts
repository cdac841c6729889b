// Reads a line that an observer writes to its standard output, in the format "nslab.collect/1" (collected.ts): of a
// user's program, too, which has to tell what is judged, and may leave out the rest.

import type { CollectedLine } from './collected.ts'
import {
  absentOr,
  type Check,
  count,
  counts,
  listOf,
  nullable,
  oneOf,
  parseLine,
  SAYS_NOT_WHAT,
  type Shape,
  text,
  texts,
  time,
  times,
} from './line-shape.ts'

const isCookie: Check = value => typeof value === 'string' && /^\d+$/.test(value)
const cookies = (...keys: string[]): Shape => keys.map(key => [key, isCookie, 'a cookie: decimal digits, in quotes'])

const shapes: Readonly<Record<CollectedLine['is'], Shape>> = {
  start: [],
  netns: [
    ...times('mono_s'),
    ...cookies('netns'),
    ...counts('inode'),
    ...nullable(texts('name')),
    ...texts('found_by'),
  ],
  netns_gone: [...times('mono_s'), ...cookies('netns')],
  socket: [
    ...counts('poll'),
    ...times('mono_s'),
    ...cookies('netns', 'cookie'),
    ['family', oneOf(4, 6), '4 or 6'],
    ...texts('state'),
    ...counts('src_port', 'dst_port'),
  ],
  poll: [
    ...counts('poll'),
    ...times('mono_s', 'took_s'),
    ...nullable(cookies('first_of')),
    ...counts('namespaces_count', 'sockets_count', 'dropped_count', 'repeated_count', 'incomplete_count'),
  ],
  blind: [
    ...times('mono_s'),
    ...counts('unreadable_processes_count'),
    ['kinds', listOf(text), 'a list of kinds'],
    ['unopened_namespaces_count', absentOr(count), 'a count'],
    ['unresolved_sockets_count', absentOr(count), 'a count'],
    ['large_apart_s', absentOr(time), 'a time in s'],
  ],
  stop: [],
}

const KINDS = Object.keys(shapes).join(', ')

/** A key "is", as JSON has it or a language's own way to print a table. */
const MEANS_A_LINE = /["'`]is["'`]\s*(:|=>)/
/** Clocks of one machine: a line may be read a moment before it says that it was written. */
const AHEAD_S = 1

/** `line`, or why it is none of the format (`problem`); null: it is for people, a line of a log. */
export type Collected = { readonly line: CollectedLine } | { readonly problem: string } | null

/** `nowS`: CLOCK_MONOTONIC of the observer's machine. */
export function readCollected(words: string, nowS: number): Collected {
  if (!words.startsWith('{') || !MEANS_A_LINE.test(words)) return null
  const parsed = parseLine<CollectedLine>(words, shapes)
  if (parsed === null) return { problem: `"is" must be one of ${KINDS}` }
  // A log may be of JSON, too.
  if ('problem' in parsed) return parsed.problem === SAYS_NOT_WHAT ? null : parsed
  const { line } = parsed
  if (line.is !== 'start' && line.is !== 'stop' && line.mono_s > nowS + AHEAD_S)
    return { problem: `mono_s of "${line.is}" must be CLOCK_MONOTONIC in s, which is ${nowS.toFixed(1)} now` }
  return parsed
}

/** What a line that says `is` has to hold, as a line. */
export function formOf(words: string): string {
  const is = /["'`]is["'`]\s*(?::|=>)\s*["'`](\w+)["'`]/.exec(words)?.[1] ?? ''
  return forms[is as CollectedLine['is']] ?? `{"is": …} with one of ${KINDS}`
}

/** Examples: soak/README.md has them, too, and a test holds the two together. */
export const forms: Readonly<Record<CollectedLine['is'], string>> = {
  start: '{"is": "start"}',
  netns: '{"is": "netns", "mono_s": 12.5, "netns": "4097", "inode": 4026531840, "name": null, "found_by": "process"}',
  netns_gone: '{"is": "netns_gone", "mono_s": 14.2, "netns": "4097"}',
  socket:
    '{"is": "socket", "poll": 1, "mono_s": 12.6, "netns": "4097", "cookie": "8193", "family": 4, ' +
    '"state": "ESTABLISHED", "src_port": 40000, "dst_port": 80}',
  poll:
    '{"is": "poll", "poll": 1, "mono_s": 12.5, "took_s": 0.1, "first_of": null, "namespaces_count": 1, ' +
    '"sockets_count": 1, "dropped_count": 0, "repeated_count": 0, "incomplete_count": 0}',
  blind: '{"is": "blind", "mono_s": 12.5, "unreadable_processes_count": 0, "kinds": []}',
  stop: '{"is": "stop"}',
}
