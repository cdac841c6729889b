// What a fleet does with a token: says that a node was handed it, and hands it on once.

import t from 'tap'
import type { FleetNode } from '../../src/dataplane/fleet-node.ts'
import { LINK_ENDS_A_NOTICE, TOKENS_AGAIN_TOLD } from '../../src/dataplane/limits.ts'
import { linkEndsOf, linkNotices } from '../../src/dataplane/link-ends.ts'
import { Walks } from '../../src/dataplane/walks.ts'
import type { TokenEvent } from '../../src/native/links.ts'

/** Nodes 4 to 6 of a ring of nine, and all that they did. */
function fleet() {
  const nodes = [4, 5, 6].map(nodeId => ({ nodeId, peers: [nodeId - 1, nodeId + 1] }) as unknown as FleetNode)
  const did: string[] = []
  const walks = new Walks(
    nodes,
    { sendToken: (node, peer, walk, hops) => did.push(`${node} sends to ${peer}: ${walk}.${hops}`) },
    event => {
      if (event.kind === 'walk_started') did.push(`started at ${event.node_id}: ${event.walk}`)
      if (event.kind === 'token_passed') did.push(`${event.node_id} had it from ${event.from_id}: ${event.hops}`)
      if (event.kind === 'token_stuck') did.push(`stuck ${event.node_id}-${event.peer_id}: ${event.reason}`)
    },
  )
  const hear = (nodeId: number, peerId: number, hops: number, walk = 1, kind: TokenEvent['kind'] = 'token'): void =>
    walks.see({ kind, nodeId, peerId, hops, walk, reason: kind === 'token' ? '' : 'no_link', atNs: 1n })
  return { walks, did, hear, nodes }
}

const WALK = { walk: 1, first: 1, second: 2, nodesCount: 9 }

t.test('a token is handed on to the neighbour that it did not come from, either way round', async t => {
  const { walks, did, hear } = fleet()
  walks.begin(WALK)
  hear(4, 3, 3)
  t.same(did, ['4 had it from 3: 3', '4 sends to 5: 1.4'])
  did.length = 0
  walks.begin({ ...WALK, walk: 2 })
  hear(6, 7, 3, 2)
  t.same(did, ['6 had it from 7: 3', '6 sends to 5: 2.4'])
})

t.test('the fleet that has the first node starts the walk, and ends it there', async t => {
  const { walks, did, hear } = fleet()
  walks.begin({ ...WALK, first: 5, second: 6 })
  t.same(did.splice(0), ['started at 5: 1', '5 sends to 6: 1.1'])
  hear(5, 4, 9)
  t.same(did, ['5 had it from 4: 9'])
})

t.test('tokens of other walks, and before any walk, are dropped', async t => {
  const { walks, did, hear } = fleet()
  hear(4, 3, 3)
  walks.begin({ ...WALK, walk: 2 })
  hear(4, 3, 3, 1)
  hear(4, 3, 3, 3)
  hear(4, 5, 4, 1, 'token_unsent')
  t.same(did, [])
})

t.test('a token that comes again is told and goes no further, however often it comes', async t => {
  const { walks, did, hear } = fleet()
  walks.begin(WALK)
  for (let i = 0; i < 10 * TOKENS_AGAIN_TOLD; i++) hear(4, 3, 3)
  t.equal(did.filter(line => line.startsWith('4 sends')).length, 1)
  t.equal(did.filter(line => line.startsWith('4 had')).length, 1 + TOKENS_AGAIN_TOLD)
  walks.begin({ ...WALK, walk: 2 })
  hear(4, 3, 3, 2)
  t.equal(did.at(-1), '4 sends to 5: 2.4', 'the next walk begins afresh')
})

t.test('a token that has gone over as many links as there are goes no further', async t => {
  const { walks, did, hear } = fleet()
  walks.begin(WALK)
  hear(4, 3, 9)
  hear(5, 4, 2 ** 32 - 1)
  t.same(did, ['4 had it from 3: 9', `5 had it from 4: ${2 ** 32 - 1}`])
})

t.test('what could not be handed on is told', async t => {
  const { walks, did, hear, nodes } = fleet()
  walks.begin(WALK)
  hear(4, 3, 3)
  hear(4, 5, 4, 1, 'token_unsent')
  Object.assign(nodes[1] as FleetNode, { peers: [6] })
  hear(5, 6, 5)
  t.same(did, [
    '4 had it from 3: 3',
    '4 sends to 5: 1.4',
    'stuck 4-5: no_link',
    '5 had it from 6: 5',
    'stuck 5-0: no other neighbour',
  ])
})

t.test('in a ring of two the way on is the way back', async t => {
  const { walks, did, hear, nodes } = fleet()
  nodes.splice(0, 3, ...[4, 5].map(nodeId => ({ nodeId, peers: [9 - nodeId] }) as unknown as FleetNode))
  walks.begin({ walk: 1, first: 4, second: 5, nodesCount: 2 })
  hear(5, 4, 1)
  hear(4, 5, 2)
  t.same(did, ['started at 4: 1', '4 sends to 5: 1.1', '5 had it from 4: 1', '5 sends to 4: 1.2', '4 had it from 5: 2'])
})

t.test('in a ring of one the node has its own token, and no link is asked for', async t => {
  const { walks, did, nodes } = fleet()
  nodes.splice(1)
  walks.begin({ walk: 1, first: 4, second: 4, nodesCount: 1 })
  t.same(did, ['started at 4: 1', '4 had it from 4: 1'])
})

t.test('link ends are read as the addon lists them', async t => {
  t.same(linkEndsOf(new Uint32Array()), [])
  const one = [1, 2, 0xac100802, 8080, 0xac100803, 65_535]
  t.same(linkEndsOf(Uint32Array.from([...one, 2, 1, 0xffffffff, 1, 0, 2])), [
    [1, 2, '172.16.8.2:8080', '172.16.8.3:65535'],
    [2, 1, '255.255.255.255:1', '0.0.0.0:2'],
  ])
})

t.test('many link ends are told in parts, none in one', async t => {
  const ends = Array.from({ length: 2 * LINK_ENDS_A_NOTICE + 1 }, (_, i) => [i + 1, 1, 'a:1', 'b:2'] as const)
  const notices = linkNotices(7, ends)
  t.match(notices, [
    { is: 'links', proof: 7, more: true },
    { is: 'links', proof: 7, more: true },
    { is: 'links', proof: 7, more: false },
  ])
  t.same(
    notices.flatMap(notice => (notice.is === 'links' ? notice.ends : [])),
    ends,
  )
  t.same(linkNotices(7, ends.slice(0, LINK_ENDS_A_NOTICE)).length, 1)
  t.same(linkNotices(7, []), [{ is: 'links', proof: 7, ends: [], more: false }])
})
