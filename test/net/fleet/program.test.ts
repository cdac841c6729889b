// The dataplane as a program: steered over a channel, or by hand with a relay to the machine's own controller.

import { mkdtempSync, rmSync } from 'node:fs'
import { type AddressInfo, connect, createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import t from 'tap'
import { planFleet } from '../../../src/addressing/fleet.ts'
import { Channel } from '../../../src/base/channel.ts'
import { systemClock } from '../../../src/base/clock.ts'
import { Random } from '../../../src/base/random.ts'
import { Core } from '../../../src/controller/core.ts'
import { ControlServer } from '../../../src/controller/server.ts'
import { type DataplaneOptions, runDataplane } from '../../../src/dataplane/main.ts'
import { native } from '../../../src/native/addon.ts'
import type { Command, Notice } from '../../../src/protocol/steering.ts'
import { makeTopology } from '../../../src/topology/make.ts'
import { controllerConfig, runId } from '../../fixtures/controller.ts'
import { CONTROL_PORT, dataplaneConfig, Recorder } from '../../fixtures/fleet.ts'
import { socketPair } from '../../fixtures/socket-pair.ts'

const ring = { preset: { type: 'ring', nNodes: 4 }, edges: [] } as const

interface Teardown {
  teardown(fn: () => unknown): unknown
}

/** A controller on loopback, on the machine's own network. */
async function startController(t: Teardown, recorder: Recorder, at = 0): Promise<number> {
  const core = new Core({
    config: controllerConfig({ topology: ring }),
    topology: makeTopology(ring),
    runId,
    token: null,
    onNode: () => {},
    onEvent: recorder.see,
  })
  const server = new ControlServer({ core, onEvent: recorder.see })
  const { port } = await server.listen({ host: '127.0.0.1', port: at })
  t.teardown(() => {
    core.end()
    return server.close()
  })
  return port
}

function options(port: number, recorder: Recorder, stop: AbortController): DataplaneOptions {
  const config = dataplaneConfig({ nNodes: 4, controllerAddr: `127.0.0.1:${port}` })
  return {
    native,
    config,
    controllerAddr: config.controllerAddr,
    spec: planFleet(config),
    name: 'dataplane',
    firstIncarnation: 1,
    originNs: systemClock.nowNs(),
    signal: stop.signal,
    onEvent: recorder.see,
    clock: systemClock,
    random: new Random(1),
  }
}

/** `nslab run`'s end of a channel: what came, and the wait for more. */
async function steer(t: Teardown) {
  const [ours, theirs] = await socketPair()
  const notices: Notice[] = []
  let wake = (): void => {}
  const channel = new Channel<Command, Notice>(
    ours,
    notice => {
      notices.push(notice)
      wake()
    },
    () => wake(),
  )
  const until = async <I extends Notice['is']>(is: I): Promise<Extract<Notice, { is: I }>> => {
    for (;;) {
      const found = notices.find(notice => notice.is === is)
      if (found !== undefined) return found as Extract<Notice, { is: I }>
      await new Promise<void>(resolve => (wake = resolve))
    }
  }
  t.teardown(() => ours.destroy())
  return { channel, notices, until, steering: theirs, ours }
}

t.test('a fleet by hand reaches the controller on loopback and ends when it is told', async t => {
  const recorder = new Recorder()
  const stop = new AbortController()
  const port = await startController(t, recorder)
  const ended = runDataplane(options(port, recorder, stop))
  await recorder.until('all_wired')
  stop.abort()
  const { facts, remaining } = await ended
  t.equal(facts.links_up_count, 8)
  t.strictSame(remaining, [])
  t.equal(recorder.kinds().at(-1)?.startsWith('node_left') || recorder.kinds().includes('stopped'), true)
})

t.test('a fleet by hand waits for a controller that is late', async t => {
  const recorder = new Recorder()
  const stop = new AbortController()
  const reserved = createServer()
  await new Promise<void>(resolve => reserved.listen(0, '127.0.0.1', resolve))
  const { port } = reserved.address() as AddressInfo
  await new Promise(resolve => reserved.close(resolve))
  const ended = runDataplane(options(port, recorder, stop))
  await recorder.until('fabric_ended')
  await startController(t, recorder, port)
  await recorder.until('all_wired')
  stop.abort()
  t.strictSame((await ended).remaining, [])
})

t.test('an address that is not loopback is refused when the fleet is on its own', async t => {
  const recorder = new Recorder()
  const wrong = { ...options(3000, recorder, new AbortController()), controllerAddr: '206.12.95.232:3000' }
  await t.rejects(runDataplane(wrong), { code: 'CONFIG_INVALID' })
})

t.test('a steered fleet waits for build, answers where a node is, and stops with its facts', async t => {
  const { channel, until, steering } = await steer(t)
  const recorder = new Recorder()
  const root = await native.Netns.create()
  t.teardown(() => root.close())
  const base = options(CONTROL_PORT, recorder, new AbortController())
  const { onEvent: _, ...steered } = { ...base, runId, root, steering }
  const ended = runDataplane(steered)
  t.match(await until('ready'), { pid: process.pid })
  channel.send({ do: 'netns', node_id: 1 })
  t.match(await until('netns'), { node_id: 1, fd: -1 })
  channel.send({ do: 'traffic', ask: 4, stop_sources: true })
  t.match(await until('traffic'), { ask: 4, more: false, part: { links: [], nodes: [], flows: [] } })
  channel.send({ do: 'capture', capture: 5, node_id: 9, peer_id: 0, path: '/nowhere/x.pcap', bytes_max: 1000 })
  const problem = 'node 9 is not of this fleet, which has nodes 1 to 4'
  t.match(await until('captured'), { capture: 5, problem })
  channel.send({ do: 'build' })
  channel.send({ do: 'missing' })
  channel.send({ do: 'stop', deadline_s: 10 })
  const { remaining, facts } = await until('stopped')
  t.strictSame(remaining, [])
  t.type(facts.teardown_s, 'number')
  await ended
})

t.test('a steered fleet ends with its channel', async t => {
  const { channel, until, steering, ours } = await steer(t)
  const root = await native.Netns.create()
  t.teardown(() => root.close())
  const ended = runDataplane({ ...options(CONTROL_PORT, new Recorder(), new AbortController()), runId, root, steering })
  await until('ready')
  channel.send({ do: 'build' })
  channel.flush()
  ours.end()
  t.strictSame((await ended).remaining, [])
})

t.test('a steered fleet that can not go on says so', async t => {
  const { channel, until, steering } = await steer(t)
  const root = await native.Netns.create()
  t.teardown(() => root.close())
  const base = options(CONTROL_PORT, new Recorder(), new AbortController())
  // A multicast address, which the kernel gives to no interface.
  const spec = { ...base.spec, nodes: base.spec.nodes.map(node => ({ ...node, mac: '03:00:00:00:00:01' })) }
  const ended = t.rejects(runDataplane({ ...base, spec, runId, root, steering }), { code: 'KERNEL_REFUSED' })
  await until('ready')
  channel.send({ do: 'build' })
  t.match(await until('failed'), { code: 'KERNEL_REFUSED', exit_code: 6 })
  await ended
})

for (const depth of [0, 3]) {
  t.test(
    `the run folder's socket says where nodes are, ${depth === 0 ? 'and lives as long as the fleet' : 'however long its path'}`,
    async t => {
      const folder = mkdtempSync(join(tmpdir(), `nslab-${'x'.repeat(depth * 40)}-`))
      t.teardown(() => rmSync(folder, { recursive: true }))
      const recorder = new Recorder()
      const stop = new AbortController()
      const port = await startController(t, recorder)
      const ended = runDataplane({ ...options(port, recorder, stop), socketPath: join(folder, 'fleet.sock') })
      await recorder.until('all_wired')
      process.chdir(folder)
      t.teardown(() => process.chdir('/'))
      const client = connect('./fleet.sock')
      const answers = createInterface({ input: client })[Symbol.asyncIterator]()
      const ask = async (question: string): Promise<unknown> => {
        client.write(`${question}\n`)
        return JSON.parse((await answers.next()).value as string)
      }
      t.match(await ask('{"node_id":2}'), { pid: process.pid, address: '172.16.8.3', fd: Number, cookie: String })
      t.match(await ask('{"node_id":9}'), { error: String, known: '1-4' })
      t.match(await ask('{"node_id":"2"}'), { error: String, known: '1-4' })
      t.match(await ask('nonsense'), { error: 'not JSON' })
      t.match(await ask('null'), { error: String })
      const closed = new Promise(resolve => client.once('close', resolve))
      stop.abort()
      await ended
      await closed
      const refused = new Promise<NodeJS.ErrnoException>(resolve => connect('./fleet.sock').once('error', resolve))
      t.match(await refused, { code: 'ENOENT' })
    },
  )
}

t.test('a fleet that overlaps another is refused, naming both, and harms nobody', async t => {
  const recorder = new Recorder()
  const stop = new AbortController()
  const port = await startController(t, recorder)
  const first = runDataplane(options(port, recorder, stop))
  await recorder.until('all_wired')
  const from = recorder.events.length
  // As one started later by hand: of a higher incarnation.
  const second = { ...options(port, new Recorder(), new AbortController()), firstIncarnation: 1000 }
  await t.rejects(runDataplane(second), { code: 'NODE_LOST' })
  const refusal = await recorder.until('refused', from)
  // By machine and process; whoever knows the rest of its name passes for a node of it.
  const fleet = '[^ :]+:\\d+'
  t.match(refusal, { code: 'id_taken', reason: new RegExp(`fleet ${fleet} .*fleet ${fleet} `) })
  t.notOk(recorder.kinds(from).some(kind => kind.startsWith('node_left')))
  stop.abort()
  t.equal((await first).facts.links_up_count, 8)
})
