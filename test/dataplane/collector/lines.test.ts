// What is written, read again: rows and events of nslab.collect/1, and the same in the text format of COPY.

import t from 'tap'
import { copyLine, copyRows } from '../../../src/dataplane/collector/copy-text.ts'
import { encodeLine, encodeRows } from '../../../src/dataplane/collector/lines.ts'
import type { EventLine } from '../../../src/dataplane/collector/types.ts'
import { batchOf, established, timeWait } from '../../fixtures/socket-rows.ts'

t.test('a row comes back as it was, with what its batch says', async t => {
  const rows = [established, timeWait, { ...established, congestion: 'od"d\\\n' }, { ...timeWait, congestion: '' }]
  const batch = batchOf(0, 1, { poll: 9, netns: '18446744073709551614', rows })
  const { rows: _, ...head } = batch
  const text = encodeRows(batch)
  t.match(text, /\n$/)
  t.same(
    text
      .trimEnd()
      .split('\n')
      .map(line => JSON.parse(line)),
    rows.map(row => ({ is: 'socket', ...head, ...row })),
  )
  t.equal(encodeRows(batchOf(0)), '')
})

const events: readonly EventLine[] = [
  { is: 'start', schema: 'nslab.collect/1', at_s: 1, mono_s: 2, pid: 3, interval_s: 5 },
  { is: 'netns', at_s: 1, mono_s: 2, netns: '5', inode: 6, name: '/run/netns/a\tb\\c', found_by: 'directory' },
  { is: 'netns', at_s: 1, mono_s: 2, netns: '5', inode: 6, name: null, found_by: 'thread' },
  { is: 'netns_gone', at_s: 1, mono_s: 2, netns: '5' },
  {
    is: 'poll',
    poll: 1,
    at_s: 1,
    mono_s: 2,
    took_s: 0.5,
    first_of: null,
    namespaces_count: 3,
    sockets_count: 4,
    dropped_count: 5,
    repeated_count: 6,
    incomplete_count: 7,
  },
  {
    is: 'blind',
    at_s: 1,
    mono_s: 2,
    unreadable_processes_count: 4,
    kinds: ['socket', 'descriptor'],
    unopened_namespaces_count: 5,
    unseen_namespaces_count: null,
    large_apart_s: 0.5,
  },
  { is: 'stop', at_s: 1, mono_s: 2, polls_count: 9 },
]

t.test('an event is a line of its own', async t => {
  t.same(
    events.map(line => JSON.parse(encodeLine(line))),
    events,
  )
  t.ok(events.every(line => /^[^\n]*\n$/.test(encodeLine(line))))
})

t.test('COPY text has a field for each column, nulls told from empty words, and specials escaped', async t => {
  const fields = copyRows(batchOf(0, 1, { rows: [established, { ...timeWait, congestion: '' }] }), '3\t14\t')
    .trimEnd()
    .split('\n')
    .map(line => line.split('\t'))
  t.same(
    fields.map(({ length }) => length),
    [26, 26],
  )
  t.same(fields[0]?.slice(0, 7), ['3', '14', '1', '2027-01-15T08:00:00.125Z', '12.5', '4097', '18446744073709551615'])
  t.equal(fields[1]?.[15], '\\N')
  t.equal(fields[1]?.[18], '')
  t.equal(fields[1]?.[25], '\\N')
  t.same(
    events.map(line => copyLine(line, '1\t2\t')?.table),
    [undefined, 'namespaces', 'namespaces', 'namespaces', 'polls', 'blind', undefined],
  )
  t.match(copyLine(events[1] as EventLine, '')?.text, '/run/netns/a\\tb\\\\c')
  const blind = events.flatMap(line =>
    line.is === 'blind' ? copyLine(line, '1\t2\t')?.text.trimEnd().split('\t') : [],
  )
  t.same(blind.slice(4), ['4', '{socket,descriptor}', '5', '\\N', '\\N', '\\N', '\\N', '0.5'])
})
