// The proof of a ring on real kernels: a fleet's walk and its link ends, and whole runs whose folders are then spoilt.

import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import type { FleetEvent } from '../../../src/dataplane/fleet.ts'
import type { LinkListing } from '../../../src/judge/types.ts'
import type { Plan } from '../../../src/plan.ts'
import { Lab } from '../../fixtures/fleet.ts'
import { NslabProcess } from '../../fixtures/nslab-process.ts'

type Passed = Extract<FleetEvent, { kind: 'token_passed' }>

const passedIn = (lab: Lab): Passed[] =>
  lab.recorder.events.filter((event): event is Passed => event.kind === 'token_passed')

t.test('a token walks a fleet, again and again, and its link ends are those of the ring', async t => {
  const nodes = 12
  const lab = await Lab.open(t, { topology: { preset: { type: 'ring', nNodes: nodes }, edges: [] } })
  await lab.wire()
  for (const walk of [1, 2]) {
    const from = lab.recorder.events.length
    lab.fleet.walk({ walk, first: 1, second: 2, nodesCount: nodes })
    await lab.recorder.until('token_passed 1', from)
    const hops = passedIn(lab).filter(event => event.walk === walk)
    t.same(
      hops.map(({ node_id, from_id, hops }) => [from_id, node_id, hops]),
      Array.from({ length: nodes }, (_, i) => [i + 1, ((i + 1) % nodes) + 1, i + 1]),
    )
  }
  const ends = await lab.fleet.linkEnds()
  t.equal(ends.length, 2 * nodes)
  for (const [id, peer, local, remote] of ends) {
    t.ok(
      ends.some(end => end[0] === peer && end[1] === id && end[2] === remote && end[3] === local),
      `${id}-${peer}`,
    )
    t.match(local, new RegExp(`^172\\.16\\.8\\.${id + 1}:`))
  }
})

t.test('a ring of two is walked out and back', async t => {
  const lab = await Lab.open(t, { topology: { preset: { type: 'ring', nNodes: 2 }, edges: [] } })
  await lab.wire()
  lab.fleet.walk({ walk: 1, first: 1, second: 2, nodesCount: 2 })
  await lab.recorder.until('token_passed 1')
  t.same(
    passedIn(lab).map(({ node_id, from_id }) => [from_id, node_id]),
    [
      [1, 2],
      [2, 1],
    ],
  )
})

t.test('a token for which there is no link is told of, and the fleet goes on', async t => {
  const lab = await Lab.open(t, { topology: { preset: { type: 'line', nNodes: 4 }, edges: [] } })
  await lab.wire()
  lab.fleet.walk({ walk: 1, first: 1, second: 3, nodesCount: 4 })
  t.match(await lab.recorder.until('token_stuck'), { node_id: 1, peer_id: 3, hops: 1, reason: 'no_link' })
  lab.fleet.walk({ walk: 2, first: 1, second: 2, nodesCount: 4 })
  t.match(await lab.recorder.until('token_stuck', 0, 2), { node_id: 4, hops: 4, reason: 'no other neighbour' })
  t.equal(lab.fleet.facts().links_up_count, 6)
})

/** A run of the shipped scenario through two hosts on this machine. */
async function runThroughTwoHosts(t: Test): Promise<NslabProcess> {
  const base = mkdtempSync(join(tmpdir(), 'nslab-proof-'))
  t.teardown(() => rmSync(base, { recursive: true, force: true }))
  const folder = join(base, 'run')
  const nslab = new NslabProcess(
    ['run', 'multihost', '--hosts', '2', '--nodes', '10', '--on', 'host', '--set', 'run.hold=0s', '--out', folder],
    { folder },
  )
  const { code, stderr } = await nslab.ended
  t.equal(code, 0, stderr)
  return nslab
}

t.test('a ring through two hosts is proven, and its folder spoilt in any way is not', async t => {
  const nslab = await runThroughTwoHosts(t)
  const { metrics } = nslab.report()
  t.match(metrics, {
    ring_hops_count: 10,
    links_count: 10,
    links_disagreeing_count: 0,
    links_missing_count: 0,
    links_crossing_count: 2,
    links_crossing_planned_count: 2,
    addresses_overlapping_count: 0,
    proofs_count: 1,
  })
  t.ok((metrics.ring_walk_s as number) > 0)

  const { folder } = nslab
  const judged = async (): Promise<{ code: number | null; text: string }> => {
    const { code, stdout } = await new NslabProcess(['report', folder]).ended
    return { code, text: stdout }
  }
  const good = await judged()
  t.equal(good.code, 0)
  t.match(good.text, /ring proven: 10 hops in .* ms, 10 links agree, 2 cross hosts/)

  const spoil = async (name: string, change: (text: string) => string): Promise<string> => {
    const path = join(folder, name)
    const before = readFileSync(path, 'utf8')
    const after = change(before)
    t.not(after, before)
    writeFileSync(path, after)
    const { code, text } = await judged()
    writeFileSync(path, before)
    t.equal(code, 1, text)
    return text
  }
  const plan = JSON.parse(readFileSync(join(folder, 'plan.json'), 'utf8')) as Plan
  const addressOf = (id: number): string =>
    plan.fleets.flatMap(({ fabric }) => fabric.nodes).find(({ nodeId }) => nodeId === id)?.address ?? ''

  t.comment('node 6 meets its neighbour 10 in place of node 5, as in the published example')
  const miswired = await spoil('links.ndjson', text =>
    eachLine<LinkListing>(text, listing => ({
      ...listing,
      ends: listing.ends.map(([id, peer, local, remote]) =>
        id === 6 && peer === 5 ? [id, peer, local, `${addressOf(10)}:8080`] : [id, peer, local, remote],
      ),
    })),
  )
  t.match(miswired, /✗ +links_disagreeing_count +1 .*5-6: .* but the other side is node 10's address/)
  t.match(miswired, /ring not proven: .* 9 links agree, 1 disagrees, 1 crosses hosts/)

  t.comment('a walk that leaves out a node')
  const skipped = await spoil('events.ndjson', text => text.replace(/^.*"token_passed".*"hops":4.*\n/m, ''))
  t.match(skipped, /✗ +ring_hops_count +3 .*hop 4, from node 4 to node 5, was not made/)

  t.comment('a token that a node had twice')
  const twice = await spoil('events.ndjson', text => text.replace(/^.*"token_passed".*"hops":7.*\n/m, '$&$&'))
  t.match(twice, /✗ +ring_hops_count +6 .*was made twice/)
})

const eachLine = <Line>(text: string, change: (line: Line) => unknown): string =>
  text
    .trim()
    .split('\n')
    .map(line => `${JSON.stringify(change(JSON.parse(line) as Line))}\n`)
    .join('')
