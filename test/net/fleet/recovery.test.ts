// Nodes and controllers that go away and come back, on the real kernel.

import { execFile } from 'node:child_process'
import { Socket } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { promisify } from 'node:util'
import t from 'tap'
import { Lab } from '../../fixtures/fleet.ts'

const run = promisify(execFile)

/** Runs a command in the namespace of a node, from outside of the fleet. */
function inNode(lab: Lab, nodeId: number, command: string, ...args: string[]): Promise<unknown> {
  const place = lab.fleet.whereIs(nodeId)
  return run('nsenter', [`--net=/proc/${process.pid}/fd/${place?.fd}`, command, ...args])
}

t.test('a node whose interface is deleted is made again on the same id and address', async t => {
  const lab = await Lab.open(t)
  await lab.wire()
  const before = lab.fleet.whereIs(3)
  const from = lab.recorder.events.length
  await inNode(lab, 3, 'ip', 'link', 'del', 'veth2b')
  await lab.recorder.until('all_wired', from)
  const kinds = lab.recorder.kinds(from)
  t.ok(kinds.includes('node_restarted 3'))
  t.ok(kinds.indexOf('node_left 3') < kinds.indexOf('node_connected 3'))
  t.equal(kinds.filter(kind => kind.startsWith('node_connected')).length, 1, 'no other node had to join again')
  const after = lab.fleet.whereIs(3)
  t.equal(after?.address, before?.address)
  t.not(after?.cookie, before?.cookie)
  const { links_up_count, node_restarts_count } = lab.fleet.facts()
  t.strictSame([links_up_count, node_restarts_count], [12, 1])
})

t.test('a node lost while others are still being made does not stop them, and is made again', async t => {
  const lab = await Lab.open(t, { topology: { preset: { type: 'ring', nNodes: 60 }, edges: [] } })
  await lab.startController()
  const built = lab.fleet.build()
  await lab.recorder.until('node_up 3')
  await inNode(lab, 3, 'ip', 'link', 'del', 'veth2b')
  await built
  await lab.recorder.until('node_restarted 3')
  await lab.recorder.until('all_wired')
  while (lab.fleet.facts().links_up_count !== 120) await lab.recorder.until('node_ready', lab.recorder.events.length)
})

t.test('two neighbours that die together come back together', async t => {
  const lab = await Lab.open(t)
  await lab.wire()
  const from = lab.recorder.events.length
  await Promise.all([
    inNode(lab, 3, 'ip', 'link', 'set', 'veth2b', 'down'),
    inNode(lab, 4, 'ip', 'link', 'del', 'veth3b'),
  ])
  await Promise.all([lab.recorder.until('node_restarted 3', from), lab.recorder.until('node_restarted 4', from)])
  while (lab.fleet.facts().nodes_ready_count !== 6) await lab.recorder.until('node_ready', lab.recorder.events.length)
  t.equal(lab.fleet.facts().links_up_count, 12)
})

t.test('a node that dies is only reported where that is wanted', async t => {
  const lab = await Lab.open(t, { config: { onNodeDeath: 'report' } })
  await lab.wire()
  const from = lab.recorder.events.length
  await inNode(lab, 2, 'ip', 'link', 'del', 'veth1b')
  t.match(await lab.recorder.until('node_lost 2', from), { reason: /link/ })
  const { nodes_lost_count, node_restarts_count } = lab.fleet.facts()
  t.strictSame([nodes_lost_count, node_restarts_count], [1, 0])
})

t.test('a node that dies ends the fleet where that is wanted', async t => {
  const lab = await Lab.open(t, { config: { onNodeDeath: 'fatal' } })
  await lab.wire()
  await inNode(lab, 2, 'ip', 'link', 'del', 'veth1b')
  t.match(await lab.fatal, { code: 'NODE_LOST', facts: { nodeId: 2 } })
})

t.test('a node that gets no carrier is lost once carrier_max_wait_ms has passed at each try', async t => {
  const lab = await Lab.open(t, { config: { carrierMaxWaitMs: 200 } })
  await lab.wire()
  // A bridge that is down forwards for nobody, however often nodes are made again.
  await run('nsenter', [`--net=/proc/${process.pid}/fd/${lab.root.fd}`, 'ip', 'link', 'set', 'isobr0', 'down'])
  t.match(await lab.fatal, { code: 'NODE_LOST', facts: { reason: /carrier in node \d: ETIMEDOUT \(none in 200 ms\)/ } })
})

t.test('a node that can not dial the controller from a broken namespace is made again', async t => {
  const lab = await Lab.open(t)
  await lab.fleet.build()
  // No controller yet: nodes are between tries when the address vanishes.
  await inNode(lab, 5, 'ip', 'addr', 'flush', 'dev', 'veth4b')
  await lab.recorder.until('node_restarted 5')
  await lab.startController()
  await lab.recorder.until('all_wired')
  t.equal(lab.fleet.facts().links_up_count, 12)
})

t.test('a fleet waits for a controller that is late', async t => {
  const lab = await Lab.open(t)
  await lab.fleet.build()
  await lab.startController()
  await lab.recorder.until('all_wired')
  t.equal(lab.fleet.facts().nodes_ready_count, 6)
})

t.test('a controller that restarts finds its nodes again, and costs no link', async t => {
  const lab = await Lab.open(t)
  await lab.wire()
  await lab.stopController()
  t.equal(lab.fleet.facts().links_up_count, 12, 'links need no controller')
  const from = lab.recorder.events.length
  await lab.startController()
  await lab.recorder.until('all_wired', from)
  const { links_up_count, control_reconnects_count, node_restarts_count } = lab.fleet.facts()
  t.strictSame([links_up_count, control_reconnects_count, node_restarts_count], [12, 6, 0])
  t.match(await lab.recorder.until('node_connected 1', from), { incarnation: 2 })
})

t.test('another run on the same controller proves every link anew', async t => {
  const lab = await Lab.open(t, { standalone: true, controllerRunId: 'a'.repeat(32) })
  await lab.wire()
  await lab.stopController()
  const from = lab.recorder.events.length
  await lab.startController('b'.repeat(32))
  await lab.recorder.until('all_wired', from)
  t.equal(lab.fleet.facts().links_up_count, 12)
})

t.test('a stranger on a link is refused by name and harms nobody', async t => {
  const lab = await Lab.open(t)
  await lab.wire()
  const from = lab.recorder.events.length
  const fd = await lab.root.openSocket({ connect: { address: '172.16.8.2', port: 8080, timeoutMs: 5000 } })
  const stranger = new Socket({ fd })
  stranger.on('error', () => {})
  stranger.resume()
  stranger.write(Buffer.alloc(64, 'x'))
  t.match(await lab.recorder.until('link_refused 1', from), { peer_id: 0 })
  stranger.destroy()
  const { links_up_count, links_refused_count } = lab.fleet.facts()
  t.strictSame([links_up_count, links_refused_count], [12, 1])
})

t.test('a node whose link listener is gone is made again', async t => {
  const lab = await Lab.open(t)
  await lab.wire()
  const from = lab.recorder.events.length
  await inNode(lab, 3, 'ss', '--kill', '--tcp', '--listening')
  t.match(await lab.recorder.until('node_restarted 3', from), { reason: /listener/ })
  await lab.recorder.until('all_wired', from)
  while (lab.fleet.facts().links_up_count !== 12) await lab.recorder.until('node_ready', lab.recorder.events.length)
})

t.test('a control connection that is cut is made again, and costs no link', async t => {
  const lab = await Lab.open(t)
  await lab.wire()
  const from = lab.recorder.events.length
  await inNode(lab, 3, 'ss', '--kill', '--tcp', 'state', 'established', 'dport', '=', ':3000')
  await lab.recorder.until('all_wired', from)
  t.match(await lab.recorder.until('node_connected 3', from), { incarnation: 2 })
  const { links_up_count, control_reconnects_count, node_restarts_count } = lab.fleet.facts()
  t.strictSame([links_up_count, control_reconnects_count, node_restarts_count], [12, 1, 0])
})

t.test('a link that is cut is made again by the node that dialled it', async t => {
  const lab = await Lab.open(t)
  await lab.wire()
  const from = lab.recorder.events.length
  await inNode(
    lab,
    3,
    'ss',
    '--kill',
    '--tcp',
    'state',
    'established',
    '(',
    'dport',
    '=',
    ':8080',
    'or',
    'sport',
    '=',
    ':8080',
    ')',
  )
  // The first of the two may be up again before the second is cut.
  await lab.recorder.until('all_wired', from)
  while (lab.fleet.facts().links_up_count !== 12) await sleep(20)
  t.strictSame(
    lab.recorder.kinds(from).filter(kind => /connected|restarted|lost/.test(kind)),
    [],
  )
})
