// Links judged from their two ends: what agrees, and every way in which one does not.

import t from 'tap'
import { readLinks, sharedAddresses } from '../../../src/judge/proof/links.ts'
import type { LinkListing } from '../../../src/judge/types.ts'
import type { Plan } from '../../../src/plan.ts'
import type { LinkEnd } from '../../../src/protocol/steering.ts'
import { proofOf, withEnds } from '../../fixtures/proof.ts'
import { type RunData, ringRun } from '../../fixtures/run-folder.ts'

/** A ring of ten through two hosts of five, as the published multi-host example wants it. */
function twoHosts(): RunData {
  const data = ringRun({ nodes: 10 })
  const [fleet] = data.plan.fleets
  if (fleet === undefined) throw new Error('no fleet')
  const half = (host: string, from: number): Plan['fleets'][number] => ({
    ...fleet,
    host,
    nodeIdOffset: from,
    nNodes: 5,
    fabric: { ...fleet.fabric, nodes: fleet.fabric.nodes.slice(from, from + 5) },
  })
  const plan = { ...data.plan, fleets: [half('host1', 0), half('host2', 5)] }
  return { ...data, plan, links: proofOf(plan, 1).links }
}

const addressIn = ({ plan }: RunData, id: number): string =>
  plan.fleets.flatMap(({ fabric }) => fabric.nodes).find(({ nodeId }) => nodeId === id)?.address ?? ''

const facts = ({ plan, links }: RunData, proof = 1) => {
  const read = readLinks(plan, links, proof)
  if (typeof read === 'string') throw new Error(read)
  return read
}

const isEnd = ([id, peer]: LinkEnd, node: number, other: number): boolean => id === node && peer === other

t.test('links whose ends agree are counted, and those between hosts', async t => {
  t.same(facts(twoHosts()), { agreeing: 10, strays: 0, crossing: 2, missing: [], disagreeing: [] })
})

t.test('the published multi-host error is red: the link of 6 to 5 really ends at 10', async t => {
  const good = twoHosts()
  // Both hosts of the example have 172.16.8.x: node 6 dials node 5's address and meets its own neighbour.
  const data = withEnds(good, ([id, peer, local, remote]) =>
    id === 6 && peer === 5 ? [id, peer, local, `${addressIn(good, 10)}:8080`] : [id, peer, local, remote],
  )
  const { agreeing, crossing, disagreeing } = facts(data)
  t.same([agreeing, crossing, disagreeing.length], [9, 1, 1])
  t.match(disagreeing[0], /^5-6: .*but the other side is node 10's address$/)
  const alone = withEnds(data, end => (isEnd(end, 5, 6) ? null : end))
  t.match(facts(alone).disagreeing[0], /node 10's address/, 'also where node 5 has no end of it')
})

t.test('every way in which a link does not agree is told', async t => {
  const good = twoHosts()
  const cases: Readonly<Record<string, readonly [(end: LinkEnd) => LinkEnd | null, RegExp]>> = {
    'one end alone': [end => (isEnd(end, 2, 1) ? null : end), /^1-2: node 1 has it, node 2 does not$/],
    'the other alone': [end => (isEnd(end, 1, 2) ? null : end), /^1-2: node 2 has it, node 1 does not$/],
    'another connection': [
      end => (isEnd(end, 2, 1) ? [2, 1, `${addressIn(good, 2)}:1`, end[3]] : end),
      /^1-2: node 1 has .* to .*, node 2 has .*:1 to /,
    ],
    'a foreign address': [
      end => (isEnd(end, 2, 1) ? [2, 1, '10.0.0.1:8080', end[3]] : end),
      /but its own side is nobody's address$/,
    ],
  }
  for (const [name, [change, expected]] of Object.entries(cases)) {
    const { agreeing, disagreeing, missing } = facts(withEnds(good, change))
    t.same([agreeing, disagreeing.length, missing.length], [9, 1, 0], name)
    t.match(disagreeing[0], expected, name)
  }
})

t.test('a link that neither end has is missing', async t => {
  const data = withEnds(twoHosts(), end => (isEnd(end, 5, 6) || isEnd(end, 6, 5) ? null : end))
  t.match(facts(data), { agreeing: 9, crossing: 1, missing: ['5-6'], disagreeing: [] })
})

t.test('an end that is told twice does not agree', async t => {
  const data = twoHosts()
  const again = data.links.flatMap(({ ends }) => ends).find(end => isEnd(end, 1, 2)) as LinkEnd
  const links = data.links.map(listing =>
    listing.host === 'host1' ? { ...listing, ends: [...listing.ends, again] } : listing,
  )
  t.match(facts({ ...data, links }).disagreeing, [/^1-2: node 1 has it twice$/])
})

t.test('an end on another host than planned does not agree', async t => {
  const data = twoHosts()
  const moved = data.links.flatMap(({ ends }) => ends).filter(([id]) => id === 3)
  const links = data.links.map((listing): LinkListing => {
    const ends = listing.ends.filter(([id]) => id !== 3)
    return listing.host === 'host2' ? { ...listing, ends: [...ends, ...moved] } : { ...listing, ends }
  })
  t.match(facts({ ...data, links }).disagreeing, [
    /^2-3: node 3 is on host2, planned on host1$/,
    /^3-4: node 3 is on host2, planned on host1$/,
  ])
})

t.test('a link that nobody planned does not agree with the plan, however well its ends do', async t => {
  const data = twoHosts()
  const [one, other] = [`${addressIn(data, 1)}:8080`, `${addressIn(data, 3)}:40000`]
  const stray: LinkEnd[] = [
    [1, 3, one, other],
    [3, 1, other, one],
  ]
  const withStray = (ends: readonly LinkEnd[]) =>
    facts({
      ...data,
      links: data.links.map(l => (l.host === 'host1' ? { ...l, ends: [...l.ends, ...ends] } : l)),
    })
  t.match(withStray(stray), { agreeing: 10, strays: 1, disagreeing: ['1-3: up, but not planned'] })
  t.match(withStray(stray.slice(1)), { strays: 0, disagreeing: [/^1-3: up, but not planned; node 3 has it, node 1/] })
  const unknown: LinkEnd = [1, 77, one, '10.0.0.1:1']
  t.match(withStray([unknown]).disagreeing, [/^1-77: up, but not planned; .*nobody's address$/])
})

t.test('a listing in parts is one, and without its last part it proves nothing', async t => {
  const data = twoHosts()
  const parts = data.links.flatMap(({ ends, ...listing }) => [
    { ...listing, more: true, ends: ends.slice(0, 3) },
    { ...listing, ends: ends.slice(3) },
  ])
  t.same(facts({ ...data, links: parts }), facts(data))
  t.equal(readLinks(data.plan, parts.slice(0, -1), 1), 'host2 did not say which links are up')
  t.equal(readLinks(data.plan, [], 1), 'host1, host2 did not say which links are up')
  t.match(readLinks(data.plan, data.links, 2), /host1, host2/, 'of another proof')
})

t.test('addresses that two nodes have are named, from the plan and from what was seen', async t => {
  const data = twoHosts()
  t.same(sharedAddresses(data.plan, data.links), [])
  const seen = withEnds(data, ([id, peer, local, remote]) =>
    id === 6 ? [id, peer, `${addressIn(data, 1)}:8080`, remote] : [id, peer, local, remote],
  )
  t.same(sharedAddresses(seen.plan, seen.links), [`${addressIn(data, 1)}: 1, 6`])
  const [first, second] = data.plan.fleets
  const overlapping = { ...data.plan, fleets: [first, { ...second, fabric: first?.fabric, nodeIdOffset: 5 }] } as Plan
  t.equal(sharedAddresses(overlapping, []).length, 0, 'the same nodes are no others')
  const bridges = (second?.fabric.bridges ?? []).map(bridge => ({ ...bridge, address: addressIn(data, 4) }))
  const gateway = { ...data.plan, fleets: [first, { ...second, fabric: { ...second?.fabric, bridges } }] } as Plan
  t.same(sharedAddresses(gateway, []), [`${addressIn(data, 4)}: 4, isobr0 of host2`])
})
