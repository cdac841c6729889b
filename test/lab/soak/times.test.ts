import t from 'tap'
import { churnLineAt, observedLineAt } from '../../../src/lab/soak/times.ts'
import type { ChurnLine } from '../../../src/protocol/churn.ts'
import type { ObservedLine } from '../../../src/protocol/observed.ts'

const later = (tS: number): number => tS + 100

t.test('each time of a line of churn is put on the other axis, and nothing else', async t => {
  const socket = { population: 'pair', cookie: '9', family: 4, port: 1, peer_port: 2 } as const
  const made: ChurnLine = {
    is: 'made',
    op: 1,
    id: 1,
    kind: 'named',
    fill: true,
    name: 'a',
    fault: null,
    cookie: '5',
    inode: 6,
    due_s: 1,
    asked_s: 2,
    exists_s: 3,
    made_s: 4,
    sockets: [socket, { ...socket, from_s: 5, until_s: 6 }],
  }
  t.same(churnLineAt(made, later), {
    ...made,
    due_s: 101,
    asked_s: 102,
    exists_s: 103,
    made_s: 104,
    sockets: [socket, { ...socket, from_s: 105, until_s: 106 }],
  })
  const dropped: ChurnLine = {
    is: 'dropped',
    op: 2,
    id: 1,
    due_s: 1,
    asked_s: 2,
    returned_s: 3,
    gone_s: 4,
    gone_error_s: 0.5,
    ended: [[0, 7]],
  }
  const moved = { ...dropped, due_s: 101, asked_s: 102, returned_s: 103, gone_s: 104, ended: [[0, 107]] }
  t.same(churnLineAt(dropped, later), moved)
  t.match(churnLineAt({ ...dropped, gone_s: null }, later), { gone_s: null })
  t.same(churnLineAt({ is: 'end', t_s: 1, ops_count: 2 }, later), { is: 'end', t_s: 101, ops_count: 2 })
})

t.test('so is each time of what was observed', async t => {
  const found = { is: 'found', t_s: 1, got_s: 2, netns: '5', inode: 6, name: null, found_by: 'self' } as const
  t.same(observedLineAt(found, later), { ...found, t_s: 101, got_s: 102 })
  const forgot: ObservedLine = {
    is: 'forgot',
    t_s: 3,
    netns: '5',
    gone: true,
    more: false,
    sockets: [['9', 4, 1, 2, 'LISTEN', 1, 2, 8]],
  }
  const moved = { ...forgot, t_s: 103, sockets: [['9', 4, 1, 2, 'LISTEN', 101, 102, 8]] }
  t.same(observedLineAt(forgot, later), moved)
  t.same(observedLineAt({ is: 'scraped', t_s: 1, values: { up_s: 1 } }, later), {
    is: 'scraped',
    t_s: 101,
    values: { up_s: 1 },
  })
})
