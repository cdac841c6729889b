// What `nslab run` hears of a change of a link that it asked for.

import t from 'tap'
import { LinkChanges, type LinkChangesOptions } from '../../src/controller/link-changes.ts'
import type { LinkOutcome } from '../../src/controller/links.ts'
import type { Notice } from '../../src/protocol/steering.ts'
import { until } from '../fixtures/control-client.ts'

type LinkSet = Extract<Notice, { is: 'link_set' }>

function changesWith(outcome: LinkOutcome, options: Partial<LinkChangesOptions> = {}) {
  const heard: LinkSet[] = []
  const asked: unknown[] = []
  const changes = new LinkChanges({
    change: (...asking) => {
      asked.push(asking)
      return outcome
    },
    send: notice => heard.push(notice),
    ...options,
  })
  const ask = (change: number, shape = {}) =>
    changes.ask({ do: 'set_link', change, node_id: 3, peer_id: 4, shape: shape as never })
  return { changes, heard, asked, ask }
}

t.test('a change is answered once, when the node has it', async t => {
  const { ask, asked, changes, heard } = changesWith('told')
  ask(1, { delay_s: 0.01 })
  ask(2)
  t.same(asked, [
    [3, 4, { delay_s: 0.01 }, 1],
    [3, 4, {}, 2],
  ])
  t.same(heard, [])
  changes.done(5, 1)
  t.same(heard, [], 'said by another node')
  changes.done(3, 1)
  changes.done(3, 1)
  changes.done(3, 99)
  t.same(heard, [{ is: 'link_set', change: 1 }])
  changes.left(4)
  changes.left(3)
  t.match(heard.slice(1), [{ change: 2, problem: /node 3 left/ }])
})

t.test('a change that can not be done says why', async t => {
  for (const [outcome, problem] of [
    ['unknown', /no link from node 3 to node 4/],
    ['away', /node 3 is not connected/],
  ] as const) {
    const { ask, heard } = changesWith(outcome)
    ask(1)
    t.match(heard, [{ change: 1, problem }])
  }
  const { ask, asked, heard } = changesWith('told')
  ask(1, { loss_ratio: 2 })
  ask(2, { los: 0.1 })
  t.match(heard, [
    { change: 1, problem: /loss_ratio/ },
    { change: 2, problem: /los/ },
  ])
  t.same(asked, [])
})

t.test('a node that does not answer is told of', async t => {
  const { ask, changes, heard } = changesWith('told', { timeScale: 0.001 })
  ask(1)
  await until(() => heard.length === 1)
  t.match(heard, [{ change: 1, problem: /has not answered/ }])
  changes.done(3, 1)
  t.equal(heard.length, 1)
  ask(2)
  changes.close()
})
