// The least that lines of churn.ndjson and observed.ndjson must hold to be judged. Keys may be added at any time, so
// unknown ones pass, and so does a line of a kind that is not known here.

import type { ChurnLine } from '../../protocol/churn.ts'
import {
  absentOr,
  type Check,
  count,
  counts,
  type Fields,
  flags,
  listOf,
  nullable,
  oneOf,
  type Parsed,
  parseLine,
  type Shape,
  text,
  texts,
  time,
  times,
} from '../../protocol/line-shape.ts'
import type { ObservedLine } from '../../protocol/observed.ts'

const kinds = ['named', 'mounted', 'process', 'thread', 'descriptor', 'socket'] as const
const populations = ['pair', 'short', 'half_closed', 'time_wait', 'listener'] as const

const isTrueSocket: Check = value => {
  const socket = value as Fields | null
  return (
    typeof socket === 'object' &&
    socket !== null &&
    (populations as readonly unknown[]).includes(socket.population) &&
    (socket.cookie === null || typeof socket.cookie === 'string') &&
    (socket.family === 4 || socket.family === 6) &&
    count(socket.port) &&
    count(socket.peer_port) &&
    (socket.from_s === undefined || time(socket.from_s)) &&
    (socket.until_s === undefined || time(socket.until_s))
  )
}

const isSeenSocket: Check = value =>
  Array.isArray(value) &&
  value.length >= 8 &&
  typeof value[0] === 'string' &&
  (value[1] === 4 || value[1] === 6) &&
  count(value[2]) &&
  count(value[3]) &&
  typeof value[4] === 'string' &&
  time(value[5]) &&
  time(value[6]) &&
  count(value[7])

const isEnding: Check = value => Array.isArray(value) && count(value[0]) && time(value[1])

const churnShapes: Readonly<Record<ChurnLine['is'], Shape>> = {
  there: [...times('t_s'), ['cookies', listOf(text), 'a list of cookies'], ...nullable(counts('unseen_count'))],
  begin: times('t_s'),
  made: [
    ...counts('op', 'id', 'inode'),
    ['kind', oneOf(...kinds), 'a kind of namespace'],
    ...flags('fill'),
    ...nullable(texts('name', 'fault')),
    ...texts('cookie'),
    ...times('due_s', 'asked_s', 'exists_s', 'made_s'),
    ['sockets', listOf(isTrueSocket), 'a list of sockets'],
  ],
  dropped: [
    ...counts('op', 'id'),
    ...times('due_s', 'asked_s', 'returned_s', 'gone_error_s'),
    ...nullable(times('gone_s')),
    ['ended', absentOr(listOf(isEnding)), 'a list of sockets that ended'],
  ],
  failed: [...counts('op', 'id'), ...times('t_s'), ...texts('operation', 'reason')],
  passed: [...counts('op', 'id'), ...times('t_s'), ['cookies', listOf(text), 'a list of cookies']],
  end: [...times('t_s'), ...counts('ops_count')],
}

const observedShapes: Readonly<Record<ObservedLine['is'], Shape>> = {
  observer_started: [...times('t_s'), ...counts('pid', 'start_ticks')],
  observer_exited: [...times('t_s'), ...counts('pid'), ...texts('status'), ...flags('wanted', 'oom')],
  child_stays: [...times('t_s', 'first_s'), ...counts('pid', 'start_ticks', 'parent_pid'), ...texts('name')],
  child_ended: [...times('t_s', 'last_s'), ...counts('pid', 'start_ticks'), ...flags('parent_lives')],
  memory_group: [...times('t_s'), ...counts('oom_kills_count', 'current_bytes', 'max_bytes')],
  found: [...times('t_s', 'got_s'), ...texts('netns', 'found_by'), ...counts('inode'), ...nullable(texts('name'))],
  forgot: [
    ...times('t_s'),
    ...texts('netns'),
    ...flags('gone', 'more'),
    ['sockets', listOf(isSeenSocket), 'a list of sockets'],
  ],
  polled: [
    ...times('t_s', 'took_s'),
    ...counts('poll', 'namespaces_count'),
    ...nullable(texts('first_of')),
    ...counts('rows_sent_count', 'rows_stored_count', 'rows_doubled_count', 'rows_dropped_count'),
    ...counts('repeated_count', 'incomplete_count'),
  ],
  blind: [
    ...times('t_s'),
    ...counts('unreadable_processes_count'),
    ['kinds', listOf(text), 'a list of kinds'],
    ['unopened_namespaces_count', absentOr(count), 'a count'],
    ['unresolved_sockets_count', absentOr(count), 'a count'],
    ['large_apart_s', absentOr(time), 'a time'],
  ],
  log_match: [...times('t_s'), ...texts('pattern', 'line'), ['count', absentOr(count), 'a count']],
  line_malformed: [
    ...times('t_s'),
    ...counts('line'),
    ...texts('text', 'problem'),
    ['count', absentOr(count), 'a count'],
  ],
  scraped: [
    ...times('t_s'),
    ['problem', absentOr(text), 'a text'],
    ['values', value => typeof value === 'object' && value !== null && Object.values(value).every(time), 'numbers'],
  ],
}

export const parseChurnLine = (line: string): Parsed<ChurnLine> => parseLine<ChurnLine>(line, churnShapes)

export const parseObservedLine = (line: string): Parsed<ObservedLine> => parseLine<ObservedLine>(line, observedShapes)
