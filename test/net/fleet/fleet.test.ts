// A fleet from the first namespace to the last, on the real kernel.

import t from 'tap'
import { Lab } from '../../fixtures/fleet.ts'

t.test('a ring is wired: every node joins once, every edge has one link', async t => {
  const lab = await Lab.open(t, { topology: { preset: { type: 'ring', nNodes: 12 }, edges: [] } })
  await lab.wire()
  const { links_up_count, nodes_ready_count, node_restarts_count, control_reconnects_count } = lab.fleet.facts()
  t.strictSame([links_up_count, nodes_ready_count, node_restarts_count, control_reconnects_count], [24, 12, 0, 0])
  const kinds = lab.recorder.kinds()
  for (const kind of ['node_up', 'node_connected', 'node_ready']) {
    t.equal(kinds.filter(seen => seen.startsWith(`${kind} `)).length, 12, kind)
  }
  t.equal(kinds[0], 'fabric_started')
  t.ok(kinds.indexOf('node_connected 1') < kinds.indexOf('node_up 12') || kinds.includes('fabric_ended'))
})

t.test('the fleet says where a node is, while it is', async t => {
  const lab = await Lab.open(t)
  t.equal(lab.fleet.whereIs(1), null, 'before it is built')
  await lab.wire()
  const place = lab.fleet.whereIs(2)
  t.equal(place?.address, '172.16.8.3')
  t.type(place?.fd, 'number')
  for (const id of [0, 7, -1, 1.5]) t.equal(lab.fleet.whereIs(id), null)
  await lab.fleet.stop(10_000)
  t.equal(lab.fleet.whereIs(2), null, 'after it ended')
})

t.test('stopping tells the controller, removes everything and says how long it took', async t => {
  const lab = await Lab.open(t)
  await lab.wire()
  const end = await lab.fleet.stop(10_000)
  t.strictSame(end.remaining, [])
  t.type(end.facts.teardown_s, 'number')
  t.equal(end.facts.links_up_count, 12, 'as it was before the end')
  await lab.recorder.until('node_left', 0, 6)
  t.equal(await lab.fleet.stop(1), end, 'a second stop is the first')
})

t.test('a fleet without edges is ready with its routes', async t => {
  const lab = await Lab.open(t, { topology: { edges: [], nNodes: 5 } })
  await lab.wire()
  t.equal(lab.fleet.facts().links_up_count, 0)
})

t.test('a full mesh has one link an edge, whoever dials', async t => {
  const lab = await Lab.open(t, { topology: { preset: { type: 'full_mesh', nNodes: 8 }, edges: [] } })
  await lab.wire()
  t.equal(lab.fleet.facts().links_up_count, 56)
})

t.test('a fleet that knows nothing beforehand learns run id and neighbours from the controller', async t => {
  const lab = await Lab.open(t, { standalone: true, controllerRunId: 'f'.repeat(32) })
  await lab.wire()
  t.equal(lab.fleet.facts().links_up_count, 12)
})

t.test('a controller of another run is refused, and the fleet ends', async t => {
  const lab = await Lab.open(t, { controllerRunId: 'e'.repeat(32) })
  await lab.startController()
  await lab.fleet.build()
  const error = await lab.fatal
  t.match(error, { code: 'NODE_LOST' })
  t.equal(lab.recorder.kinds().filter(kind => kind.startsWith('node_lost')).length, 6)
})

t.test('a kernel call that fails ends the build, with nothing left', async t => {
  const lab = await Lab.open(t, { fleet: { failAt: { call: 40, errno: 12 } } })
  await lab.startController()
  await t.rejects(lab.fleet.build(), { code: 'KERNEL_REFUSED', facts: { errno: 'ENOMEM' } })
  t.strictSame((await lab.fleet.stop(10_000)).remaining, [])
})

t.test('a stop in the middle of building ends it', async t => {
  const lab = await Lab.open(t, { topology: { preset: { type: 'ring', nNodes: 60 }, edges: [] } })
  await lab.startController()
  const built = t.rejects(lab.fleet.build(), { code: 'INTERRUPTED' })
  await lab.recorder.until('node_up')
  const end = await lab.fleet.stop(10_000)
  await built
  t.strictSame(end.remaining, [])
  await t.rejects(lab.fleet.build(), { code: 'INTERRUPTED' }, 'nor can it be built again')
})
