// A token's walk judged from what the fleets said of it.

import t from 'tap'
import { computeMetrics } from '../../../src/judge/metrics.ts'
import { proofsOf, readWalk } from '../../../src/judge/proof/ring.ts'
import type { RunEvent } from '../../../src/protocol/events.ts'
import { proofOf, withoutProof } from '../../fixtures/proof.ts'
import { historyOf, type RunData, ringRun } from '../../fixtures/run-folder.ts'

const NODES = 12

type Passed = Extract<RunEvent, { kind: 'token_passed' }>

/** What a walk is whose hops were changed: each gives the events in its place. */
function walkWith(change: (event: Passed) => Passed[]) {
  const data = ringRun({ nodes: NODES })
  const events = data.events.flatMap((event): RunEvent[] => (event.kind === 'token_passed' ? change(event) : [event]))
  return readWalk(data.plan, events, 1)
}

t.test('a token that came home through every node in order proves the ring', async t => {
  const walk = walkWith(event => [event])
  t.match(walk, {
    hops: NODES,
    isWhole: true,
    evidence: 'the token came home to node 1 through every node once, in order',
  })
  t.ok(Math.abs((walk?.walkS ?? 0) - NODES * 1e-4) < 1e-9)
})

t.test('the order in which fleets are heard does not matter', async t => {
  const data = ringRun({ nodes: NODES })
  t.match(readWalk(data.plan, data.events.toReversed(), 1), { hops: NODES, isWhole: true })
})

t.test('a walk that skips a node is red', async t => {
  // Node 5 handed it to node 7, and all went on as if nothing were missing.
  const skipped = walkWith(event => {
    if (event.hops === 5) return [{ ...event, node_id: 7 }]
    return event.hops < 5 ? [event] : event.hops < NODES ? [{ ...event, node_id: (event.node_id % NODES) + 1 }] : []
  })
  t.match(skipped, { hops: 4, isWhole: false })
  t.match(skipped?.evidence, 'hop 5, from node 5 to node 6, went from node 5 to node 7')
  const silent = walkWith(event => (event.hops === 5 ? [] : [event]))
  t.match(silent, {
    hops: 4,
    isWhole: false,
    evidence: /hop 5, .* was not made: all the same node 7 had the token, as hop 6/,
  })
})

t.test('a token seen twice is red', async t => {
  const twice = walkWith(event => (event.hops === 7 ? [event, event] : [event]))
  t.match(twice, { hops: 6, isWhole: false, evidence: /hop 7, .* was made twice: node 8 had it from node 7/ })
  const again = walkWith(event => (event.hops === 7 ? [event, { ...event, hops: 7 + NODES }] : [event]))
  t.match(again, { hops: NODES + 1, isWhole: false, evidence: /^a hop 19 of 12: node 8 had the token from node 7$/ })
})

t.test('a token that came from somebody else is red', async t => {
  const stolen = walkWith(event => [event.hops === 3 ? { ...event, from_id: 9 } : event])
  t.match(stolen, { hops: 2, isWhole: false, evidence: /went from node 9 to node 4/ })
})

t.test('a token that did not come home, was never had, or never sent', async t => {
  t.match(
    walkWith(event => (event.hops < 9 ? [event] : [])),
    { hops: 8, walkS: null, evidence: /hop 9, .* was not made: node 9 had the token last/ },
  )
  t.match(
    walkWith(() => []),
    { hops: 0, evidence: /node 1 sent the token and nobody had it/ },
  )
  const data = ringRun({ nodes: NODES })
  const unsent = data.events.filter(event => event.kind !== 'walk_started')
  t.match(readWalk(data.plan, unsent, 1), { hops: 0, isWhole: false, evidence: 'no token was sent' })
})

t.test('a node alone has its own token', async t => {
  const { plan, events } = ringRun({ nodes: 1 })
  t.same(plan.topology.edges, [])
  const evidence = 'node 1 had the token from itself: a ring of one has no link'
  t.match(readWalk(plan, events, 1), { hops: 1, isWhole: true, evidence })
  const unsaid = events.filter(event => event.kind !== 'token_passed')
  t.match(readWalk(plan, unsaid, 1), { hops: 0, isWhole: false })
})

t.test('a topology that is no ring has no walk', async t => {
  const { plan, events } = ringRun({ nodes: NODES })
  const line = { ...plan, topology: { ...plan.topology, edges: plan.topology.edges.slice(1) } }
  t.equal(readWalk(line, events, 1), null)
})

t.test('metrics are those of the last proof, and good ones are counted', async t => {
  const data = ringRun({ nodes: NODES })
  const again = proofOf(data.plan, 3, 2)
  const value = (run: RunData, name: string): number | string => {
    const metric = computeMetrics(historyOf(run))[name]
    return metric === undefined ? 'none' : metric.known ? metric.value : metric.why
  }
  const twice: RunData = {
    ...data,
    events: [...data.events, ...again.events],
    links: [...data.links, ...again.links],
  }
  t.same(proofsOf(twice.events), [1, 2])
  t.equal(value(twice, 'proofs_count'), 2)
  const stuck = again.events.filter(event => event.kind !== 'token_passed' || event.hops < 4)
  const spoilt: RunData = { ...data, events: [...data.events, ...stuck] }
  t.equal(value(spoilt, 'proofs_count'), 1)
  t.equal(value(spoilt, 'ring_hops_count'), 3)
  t.match(value(spoilt, 'ring_walk_s'), /was not made/)
  t.match(value(spoilt, 'links_disagreeing_count'), /host0 did not say/)
  for (const name of ['ring_hops_count', 'ring_walk_s', 'links_missing_count', 'links_crossing_missing_count'])
    t.match(value(withoutProof(data), name), 'the run did not prove its wiring')
  t.equal(value(withoutProof(data), 'proofs_count'), 0)
  const line = { ...data.plan, topology: { ...data.plan.topology, edges: data.plan.topology.edges.slice(1) } }
  t.match(value({ ...data, plan: line }, 'ring_hops_count'), /not one ring/)
  t.equal(value({ ...data, plan: line }, 'links_disagreeing_count'), 1)
})
