// Traffic while nodes, controllers and fleets come and go.

import { execFile } from 'node:child_process'
import { readdirSync } from 'node:fs'
import { promisify } from 'node:util'
import t from 'tap'
import { Lab, type LabOptions } from '../../fixtures/fleet.ts'
import { accountOf, counted, pause, stream, warnings } from '../../fixtures/flows.ts'

const run = promisify(execFile)
const routed: LabOptions = { controller: { routing: 'shortest_path' } }

/** Deletes a node's interface, as no part of nslab would; resolves when all are wired again. */
async function kill(lab: Lab, nodeId: number): Promise<void> {
  const from = lab.recorder.events.length
  const fd = lab.fleet.whereIs(nodeId)?.fd
  await run('nsenter', [`--net=/proc/${process.pid}/fd/${fd}`, 'ip', 'link', 'del', `veth${nodeId - 1}b`])
  await lab.recorder.until(`node_restarted ${nodeId}`, from)
  await lab.recorder.until('all_wired', from)
}

t.test('a source that is made again starts its flow anew, and says so', async t => {
  const lab = await Lab.open(t, routed)
  await lab.startController()
  lab.core?.traffic.setFlow(1, stream(1, 1, 4))
  await lab.fleet.build()
  const before = await counted(lab, 1, ({ sink }) => (sink?.receivedPackets ?? 0) > 20)
  await lab.core?.hear('UserFlowStart', 1)
  await kill(lab, 1)
  const after = await counted(lab, 1, ({ source, sink }) => (source?.sentPackets ?? 0) > 20 && sink !== undefined)
  t.ok((after.source?.firstNs ?? 0n) > (before.source?.lastNs ?? 0n))
  await lab.core?.hear('UserFlowStart', 1)
  const { sink } = await counted(lab, 1, ({ sink }) => (sink?.receivedPackets ?? 0) > 20)
  t.ok((sink?.firstNs ?? 0n) >= (after.source?.firstNs ?? 0n), 'its sink counts from there')
  t.strictSame(warnings(lab), [])
})

t.test('a relay that is made again has its routes again, and a link its shape', async t => {
  const lab = await Lab.open(t, routed)
  await lab.startController()
  lab.core?.traffic.setFlow(1, stream(1, 1, 4))
  await lab.fleet.build()
  const relay = async (): Promise<number> => (((await accountOf(lab, 2))?.inPackets ?? 0) > 0 ? 2 : 6)
  await counted(lab, 1, ({ sink }) => (sink?.receivedPackets ?? 0) > 20)
  const dead = await relay()
  const other = dead === 2 ? 3 : 5
  lab.core?.traffic.changeLink(dead, other, { delay_s: 0.3 }, 1)
  await lab.core?.hear('LinkSet', dead)
  await kill(lab, dead)
  const received = (await counted(lab, 1, () => true)).sink?.receivedPackets ?? 0
  const { sink } = await counted(lab, 1, ({ sink }) => (sink?.receivedPackets ?? 0) > received + 20)
  t.ok(sink)
  t.ok(((await accountOf(lab, dead))?.outPackets ?? 0) > 0)
  const { sink: late } = await counted(lab, 1, ({ sink }) => (sink?.latencyP50Ns ?? 0) > 290_000_000)
  t.ok(late, 'it is as slow as the controller wants it')
  // Its links may be up before it has its routes again: what comes until then is dropped, and told.
  const early = `no route: node ${dead} has none from node 1 to node 4;`
  t.strictSame(
    warnings(lab).filter(message => !message.startsWith(early)),
    [],
  )
})

t.test('a flow goes on without a controller; the next one has it told again and nothing starts twice', async t => {
  const lab = await Lab.open(t, routed)
  await lab.startController()
  lab.core?.traffic.setFlow(1, stream(1, 1, 4))
  lab.core?.traffic.setFlow(2, stream(2, 1, 3))
  await lab.fleet.build()
  const before = await counted(lab, 1, ({ sink }) => (sink?.receivedPackets ?? 0) > 20)
  await counted(lab, 2, ({ sink }) => (sink?.receivedPackets ?? 0) > 20)
  await lab.stopController()
  const received = (await counted(lab, 1, () => true)).sink?.receivedPackets ?? 0
  await counted(lab, 1, ({ sink }) => (sink?.receivedPackets ?? 0) > received + 50)
  const from = lab.recorder.events.length
  await lab.startController()
  lab.core?.traffic.setFlow(1, stream(1, 1, 4))
  await lab.recorder.until('all_wired', from)
  const told = await lab.core?.hear('UserFlowStart', 1)
  t.match(told, { flows: [{ controller_id: 1 }] }, 'the new one hears of it')
  await counted(lab, 2, ({ source, sink }) => source === undefined && sink === undefined)
  const { source } = await counted(lab, 1, () => true)
  t.equal(source?.firstNs, before.source?.firstNs)
  t.strictSame(warnings(lab), [])
})

/** Of this process. */
const threads = (): number => readdirSync('/proc/self/task').length
const descriptors = (): number => readdirSync('/proc/self/fd').length

t.test('a fleet that ends in the middle of traffic leaves no thread and no descriptor', async t => {
  const live = async (): Promise<void> => {
    const lab = await Lab.open(t, routed)
    await lab.startController()
    for (const id of [1, 2, 3]) lab.core?.traffic.setFlow(id, stream(id, id, id + 3))
    await lab.fleet.build()
    for (const id of [1, 2, 3]) await counted(lab, id, ({ sink }) => (sink?.receivedPackets ?? 0) > 20)
    const [end] = await Promise.all([lab.fleet.stop(20_000), lab.fleet.traffic.count().catch(() => null)])
    t.strictSame(end.remaining, [])
    await lab.stopController()
    lab.root.close()
  }
  // What Node.js itself keeps is there after the first.
  await live()
  const before = [threads(), descriptors()]
  await live()
  while (threads() > (before[0] as number) || descriptors() > (before[1] as number)) await pause()
  t.ok(threads() <= (before[0] as number))
})

t.test('a fleet that ends before its flows could start ends as ever', async t => {
  const lab = await Lab.open(t, routed)
  await lab.startController()
  for (let id = 1; id <= 200; id++) lab.core?.traffic.setFlow(id, stream(id, (id % 6) + 1, ((id + 2) % 6) + 1))
  await lab.fleet.build()
  await lab.recorder.until('all_wired')
  t.strictSame((await lab.fleet.stop(20_000)).remaining, [])
  t.equal(await lab.fleet.traffic.count(), null)
})
