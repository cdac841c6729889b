// The packet engine through JavaScript: flows over real links, relays, routes that change, links that are shaped.

import { once } from 'node:events'
import { readdirSync, readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { Worker } from 'node:worker_threads'
import t from 'tap'
import { native } from '../../src/native/addon.ts'
import type { LinkSetting, RouteChange } from '../../src/native/engine.ts'
import { runIsolated } from '../fixtures/in-netns.ts'
import { loopbackNamespace } from '../fixtures/links.ts'
import { isBalanced, linkOf, Overlay, sinkOf } from '../fixtures/packet-engine.ts'

t.setTimeout(120_000)

const laneThreads = (): number =>
  readdirSync('/proc/self/task').filter(id => {
    try {
      return readFileSync(`/proc/self/task/${id}/comm`, 'utf8').startsWith('nslab-lane')
    } catch {
      return false
    }
  }).length

t.test('a flow arrives complete at its neighbour, and every packet is counted', async t => {
  const overlay = await Overlay.chain(t, await loopbackNamespace(t), 2, { lanes: 2 })
  await overlay.engine.startFlow(1, { flow: 7, destination: 2, bytes: 500_000, packetBytes: 1000 })
  await overlay.arrived(2, 7)
  const counts = await overlay.quiet()
  const sink = sinkOf(counts, 2, 7)
  t.match(sink, {
    receivedPackets: 500,
    receivedBytes: 500_000,
    duplicatePackets: 0,
    reorderedPackets: 0,
    tooLatePackets: 0,
    sentPackets: 500,
    finished: true,
  })
  t.ok(sink && sink.firstNs > 0n && sink.lastNs >= sink.firstNs, 'with times')
  t.ok(sink && sink.latencyP50Ns > 0 && sink.latencyP99Ns >= sink.latencyP50Ns, 'and latencies')
  t.match(counts.sources, [{ nodeId: 1, flow: 7, sentPackets: 500, sentBytes: 500_000, finished: true }])
  const sent = linkOf(counts, 1, 2)?.sent
  t.ok(sent && sent.outPackets >= 500 && isBalanced(sent), 'the link has them')
  t.equal(counts.nodes.length, 2)
  for (const { nodeId, account } of counts.nodes) t.ok(isBalanced(account), `node ${nodeId} is balanced`)
  await overlay.until(() => overlay.finished.length === 2)
  t.match(new Set(overlay.finished.map(({ nodeId, end }) => `${nodeId} ${end}`)), new Set(['1 source', '2 sink']))
})

t.test('a relay hands on by derived routes, both ways', async t => {
  const overlay = await Overlay.chain(t, await loopbackNamespace(t), 3, { lanes: 2 })
  await overlay.engine.startFlow(1, { flow: 1, destination: 3, bytes: 140_000, rateBytesPerS: 5_000_000 })
  await overlay.engine.startFlow(3, { flow: 2, destination: 1, bytes: 140_000, rateBytesPerS: 5_000_000 })
  await Promise.all([overlay.arrived(3, 1), overlay.arrived(1, 2)])
  const counts = await overlay.quiet()
  t.match(sinkOf(counts, 3, 1), { receivedPackets: 100, sentPackets: 100 })
  t.match(sinkOf(counts, 1, 2), { receivedPackets: 100, sentPackets: 100 })
  const relay = counts.nodes.find(({ nodeId }) => nodeId === 2)?.account
  t.ok(relay && relay.inPackets >= 200 && relay.outPackets === relay.inPackets, 'the relay keeps nothing')
})

t.test('a node that spreads over lanes loses nothing and keeps the order, as one that does not', async t => {
  const overlay = await Overlay.chain(t, await loopbackNamespace(t), 3, { lanes: 3, processors: 3, backpressure: true })
  t.equal(overlay.engine.lanes, 3)
  for (const flow of [1, 2, 3, 4, 5, 6]) await overlay.engine.startFlow(1, { flow, destination: 3, bytes: 700_000 })
  await Promise.all([1, 2, 3, 4, 5, 6].map(flow => overlay.arrived(3, flow)))
  const counts = await overlay.engine.count()
  for (const flow of [1, 2, 3, 4, 5, 6]) t.match(sinkOf(counts, 3, flow), { receivedPackets: 500, reorderedPackets: 0 })
})

t.test('installed routes win over derived ones; withdrawn, they are gone', async t => {
  // 1 - 2 - 4 and 1 - 3 - 4
  const netns = await loopbackNamespace(t)
  const edges = [
    [1, 2],
    [1, 3],
    [2, 4],
    [3, 4],
  ] as const
  const overlay = await Overlay.make(t, netns, edges, { lanes: 1 })
  const { engine } = overlay
  const derive = (runs: number[]): RouteChange => ({ change: 'derive', runs })
  await engine.changeRoutes(1, [derive([1, 1, 1, 2, 1, 3, 1, 2])])
  for (const nodeId of [2, 3]) await engine.changeRoutes(nodeId, [derive([1, 1, 2, 0, 1, 4])])
  await overlay.join()
  const send = async (flow: number): Promise<number[]> => {
    await engine.startFlow(1, { flow, destination: 4, bytes: 10_000, packetBytes: 100 })
    await overlay.until(() => overlay.finished.some(end => end.end === 'source' && end.flow === flow))
    const counts = await overlay.quiet()
    return [2, 3].map(peerId => linkOf(counts, 1, peerId)?.sent.outPackets ?? 0)
  }
  const [over2 = 0, none] = await send(1)
  t.ok(over2 >= 100 && none === 0, 'the derived route is taken')
  await engine.changeRoutes(1, [{ change: 'install', source: 1, destination: 4, routes: [{ id: 9, nextHops: [3] }] }])
  // What is left of the first flow says its end by this way.
  await overlay.arrived(4, 1)
  const [still = 0, over3 = 0] = await send(2)
  t.ok(over3 >= 100 && still <= over2 + 5, 'the installed one wins')
  await overlay.arrived(4, 2)
  await t.rejects(
    engine.changeRoutes(1, [{ change: 'pin', source: 1, destination: 4, flow: 3, route: 8 }]),
    { code: 'ENOENT' },
    'there is no such route to pin a flow to',
  )
  await engine.changeRoutes(1, [
    {
      change: 'install',
      source: 1,
      destination: 4,
      routes: [
        { id: 8, nextHops: [2] },
        { id: 9, nextHops: [3] },
      ],
    },
    { change: 'pin', source: 1, destination: 4, flow: 3, route: 8 },
    { change: 'pin', source: 1, destination: 4, flow: 4, route: 9 },
  ])
  const before = await overlay.quiet()
  const sent = (counts: typeof before, peerId: number): number => linkOf(counts, 1, peerId)?.sent.outPackets ?? 0
  const [by8 = 0, by8other = 0] = await send(3)
  t.ok(by8 - sent(before, 2) >= 100 && by8other - sent(before, 3) <= 5, 'a pinned flow takes its route')
  await overlay.arrived(4, 3)
  const [by9other = 0, by9 = 0] = await send(4)
  t.ok(by9 - by8other >= 100 && by9other - by8 <= 10, 'and another the other')
  await overlay.arrived(4, 4)
  // Withdrawn, with nothing derived.
  await engine.changeRoutes(1, [{ change: 'install', source: 1, destination: 4, routes: [] }, derive([])])
  await send(5)
  const { nodes } = await engine.count()
  t.ok((nodes.find(({ nodeId }) => nodeId === 1)?.account.dropped.no_route ?? 0) >= 100, 'dropped for want of a route')
})

t.test('a link is as it was set: before it is up, while it is, and when it has come back', async t => {
  const netns = await loopbackNamespace(t)
  const overlay = await Overlay.make(t, netns, [[1, 2]], { lanes: 2 })
  const { engine, links } = overlay
  await engine.changeRoutes(1, [{ change: 'derive', runs: [1, 1, 1, 2] }])
  await engine.setLink(1, 2, { lossRatio: 1 })
  await overlay.join()
  const sent = async (flow: number): Promise<{ loss: number; out: number }> => {
    await engine.startFlow(1, { flow, destination: 2, bytes: 10_000, packetBytes: 100 })
    await overlay.until(() => overlay.finished.some(end => end.end === 'source' && end.flow === flow))
    // The last closing packet leaves 200 ms later.
    const counts = await overlay.counted(now => (now.nodes[0]?.account.inPackets ?? 0) % 105 === 0)
    const account = linkOf(counts, 1, 2)?.sent
    return { loss: account?.dropped.loss ?? 0, out: account?.outPackets ?? 0 }
  }
  t.same(await sent(1), { loss: 105, out: 0 }, 'all lost by what was set before')
  await engine.setLink(1, 2, {})
  t.same(await sent(2), { loss: 105, out: 105 }, 'none by what was set meanwhile')
  t.equal(linkOf(await engine.count(), 1, 2)?.breaks, 0)
  await engine.setLink(1, 2, { lossRatio: 1 })
  // Node 2 is made again.
  links.removeNode(2)
  await overlay.until(() => !overlay.isUp(1, 2))
  await overlay.add(2, netns, 2)
  await overlay.join()
  t.same(await sent(3), { loss: 210, out: 105 }, 'and all again, over the link that came back')
  t.equal(linkOf(await engine.count(), 1, 2)?.breaks, 1, 'that it broke is counted')
  await engine.setLinks({})
  t.same(await sent(4), { loss: 315, out: 105 }, 'what is set for all is not for one that was set')
})

t.test('what is set for all links holds for those that are there and those that come', async t => {
  const lost: LinkSetting = { lossRatio: 1 }
  const overlay = await Overlay.chain(t, await loopbackNamespace(t), 2, { lanes: 2, links: lost })
  const send = (flow: number): Promise<void> =>
    overlay.engine.startFlow(1, { flow, destination: 2, bytes: 1000, packetBytes: 100 })
  await send(1)
  await overlay.counted(counts => linkOf(counts, 1, 2)?.sent.dropped.loss === 15)
  await overlay.engine.setLinks({})
  await send(2)
  await overlay.arrived(2, 2)
  t.match(sinkOf(await overlay.engine.count(), 2, 2), { receivedPackets: 10 })
})

t.test('a shaped link keeps its rate and its delay', async t => {
  const overlay = await Overlay.chain(t, await loopbackNamespace(t), 2, { lanes: 1 })
  const rate = 1_000_000
  await overlay.engine.setLink(1, 2, { rateBytesPerS: rate, bucketBytes: 2000, delayNs: 50_000_000 })
  // Against this, and not against the first packet: on a busy machine that is the one that is read late.
  const startedNs = process.hrtime.bigint()
  await overlay.engine.startFlow(1, { flow: 1, destination: 2, bytes: 200_000, packetBytes: 1000 })
  await overlay.arrived(2, 1)
  const sink = sinkOf(await overlay.engine.count(), 2, 1)
  t.equal(sink?.receivedPackets, 200)
  t.ok(sink && sink.latencyP50Ns >= 50_000_000, 'no packet is earlier')
  // The bucket's 2,000 bytes may come at once.
  const leastNs = 50_000_000 + (198_000 / rate) * 1e9
  t.ok(sink && Number(sink.lastNs - startedNs) >= leastNs, 'nor are they faster than the rate')
})

t.test('stopSources ends flows in order; a stopped flow is forgotten, and starts anew from zero', async t => {
  const overlay = await Overlay.chain(t, await loopbackNamespace(t), 2, { lanes: 2 })
  const { engine } = overlay
  const endless = { flow: 1, destination: 2, durationNs: 3_600e9, rateBytesPerS: 1_000_000, packetBytes: 500 }
  await engine.startFlow(1, endless)
  await t.rejects(engine.startFlow(1, endless), { code: 'EEXIST' })
  await overlay.counted(counts => (sinkOf(counts, 2, 1)?.receivedPackets ?? 0) > 50)
  await engine.stopSources()
  await overlay.arrived(2, 1)
  const counts = await overlay.quiet()
  const [source] = counts.sources
  t.ok(source?.finished)
  t.match(sinkOf(counts, 2, 1), { receivedPackets: source?.sentPackets, sentPackets: source?.sentPackets })
  // What comes late of a stopped flow opens nothing.
  await engine.stopFlow(1, 1)
  await engine.startFlow(1, endless)
  await overlay.counted(now => (sinkOf(now, 2, 1)?.receivedPackets ?? 0) > 50)
  await engine.stopFlow(2, 1)
  const [, after] = [await overlay.counted(now => nobodyOf(now, 2) > 20), await engine.count()]
  t.same(after.sinks, [])
  // Another start is another flow.
  await engine.stopFlow(1, 1)
  await engine.startFlow(1, { flow: 1, destination: 2, bytes: 5000, packetBytes: 500 })
  await overlay.until(() => overlay.finished.filter(({ end }) => end === 'sink').length === 2)
  t.match(sinkOf(await engine.count(), 2, 1), { receivedPackets: 10, duplicatePackets: 0, sentPackets: 10 })
})

const nobodyOf = (counts: Awaited<ReturnType<Overlay['engine']['count']>>, node: number): number =>
  counts.nodes.find(({ nodeId }) => nodeId === node)?.account.dropped.nobody ?? 0

t.test('close() under load leaves no thread and no descriptor', async t => {
  const netns = await loopbackNamespace(t)
  const threads = laneThreads()
  const descriptors = readdirSync('/proc/self/fd').length
  const overlay = await Overlay.chain(t, netns, 3, { lanes: 3, processors: 3 })
  t.equal(laneThreads(), threads + 3)
  for (let flow = 1; flow <= 4; flow++) {
    await overlay.engine.startFlow(1, { flow, destination: 3, durationNs: 3_600e9 })
  }
  await overlay.counted(counts => (sinkOf(counts, 3, 4)?.receivedPackets ?? 0) > 0)
  const asked = overlay.engine.count().then(
    () => 'answered',
    error => error.code,
  )
  await overlay.links.close()
  const closed = overlay.engine.close()
  await t.rejects(overlay.engine.count(), { code: 'ECANCELED' })
  await closed
  await overlay.engine.close()
  t.ok(['answered', 'ECANCELED'].includes(await asked), 'what was asked before is answered')
  t.equal(laneThreads(), threads, 'no thread')
  t.equal(readdirSync('/proc/self/fd').length, descriptors, 'no descriptor')
  await t.rejects(overlay.engine.startFlow(1, { flow: 9, destination: 3, bytes: 1 }), { code: 'ECANCELED' })
  t.throws(() => new native.Links(new Uint8Array(16), () => {}, undefined, overlay.engine), { code: 'EINVAL' })
})

const addon = fileURLToPath(new URL('../../native/build/Release/nslab.node', import.meta.url))

/** Carries packets over a link, until it is ended. */
const busy = `
  const { Netns, Links, PacketEngine } = require(${JSON.stringify(addon)})
  const carry = async () => {
    const netns = await Netns.create()
    const engine = new PacketEngine({ lanes: 2 }, () => {})
    const links = new Links(new Uint8Array(16), () => {}, undefined, engine)
    for (const [nodeId, peer] of [[1, 2], [2, 1]]) {
      await links.addNode({ nodeId, netns, address: '127.1.0.' + nodeId, port: 4000, incarnation: 1, peers: [peer] })
      await engine.changeRoutes(nodeId, [{ change: 'derive', runs: [1, 1, 1, 2] }])
    }
    links.dial(1, 2, '127.1.0.2', 4000)
    await engine.startFlow(1, { flow: 1, destination: 2, durationNs: 3_600e9 })
    while ((await engine.count()).sinks.length === 0);
  }`

t.test('a program that closes nothing ends: by itself without nodes, and under load when it says so', async t => {
  const idle = `const { PacketEngine } = require(${JSON.stringify(addon)}); new PacketEngine({}, () => {}).count()`
  for (const code of [idle, `${busy}; carry().then(() => process.exit(0))`]) {
    t.match(await runIsolated([], process.execPath, ['-e', code]), { code: 0, stderr: '' })
  }
})

t.test("a worker's end under load ends its lanes", async t => {
  const before = laneThreads()
  const told = `${busy}; carry().then(() => require('node:worker_threads').parentPort.postMessage('carries packets'))`
  const worker = new Worker(told, { eval: true, execArgv: [] })
  await once(worker, 'message')
  t.equal(laneThreads(), before + 2)
  await worker.terminate()
  t.equal(laneThreads(), before)
})

t.test('an engine that only its links know goes on, and tells what has finished', async t => {
  const code = `
    const { Netns, Links, PacketEngine } = require(${JSON.stringify(addon)})
    const collect = async () => {
      for (let i = 0; i < 20; i++) { gc(); await new Promise(resolve => setImmediate(resolve)) }
    }
    const begin = async () => {
      const netns = await Netns.create()
      const engine = new PacketEngine({ lanes: 1 }, flows => { console.log(flows[0].end); process.exit(0) })
      globalThis.links = new Links(new Uint8Array(16), () => {}, undefined, engine)
      await links.addNode({ nodeId: 1, netns, address: '127.1.0.1', port: 4000, incarnation: 1, peers: [] })
      await engine.startFlow(1, { flow: 1, destination: 2, durationNs: 500e6, rateBytesPerS: 100000 })
    }
    begin().then(collect)`
  t.match(await runIsolated([], process.execPath, ['--expose-gc', '-e', code]), { code: 0, stdout: 'source\n' })
})

t.test('what is wrong is refused by name', async t => {
  const engine = new native.PacketEngine({ lanes: 1 }, () => {})
  t.teardown(() => engine.close())
  const wrong = async (asked: Promise<unknown>, operation: string): Promise<void> => {
    await t.rejects(asked, { code: 'EINVAL', operation }, operation)
  }
  for (const [options, operation] of [
    [{ lanes: 65 }, 'PacketEngine lanes'],
    [{ processors: 0 }, 'PacketEngine processors'],
    [{ concurrent: 1 }, 'PacketEngine concurrent'],
    [{ channelCapacity: 0 }, 'PacketEngine channelCapacity'],
    [{ baseAddress: '10.0.0' }, 'PacketEngine baseAddress'],
    [{ links: { lossRatio: -1 } }, 'PacketEngine links lossRatio'],
  ] as const) {
    t.throws(() => new native.PacketEngine(options as object, () => {}), { code: 'EINVAL', operation }, operation)
  }
  t.throws(() => new native.PacketEngine({}, undefined as never), { code: 'EINVAL' })
  const setting = (setting: object): Promise<void> => engine.setLink(1, 2, setting)
  await wrong(engine.setLink(0, 2, {}), 'setLink nodeId')
  await wrong(engine.setLink(1, 0, {}), 'setLink peerId')
  await wrong(setting({ lossRatio: 1.5 }), 'setLink lossRatio')
  await wrong(setting({ delayNs: Number.NaN }), 'setLink delayNs')
  await wrong(setting({ rateBytesPerS: 0 }), 'setLink rateBytesPerS')
  await wrong(setting({ discipline: 'lifo' }), 'setLink discipline')
  await wrong(setting({ queuePackets: 0 }), 'setLink queuePackets')
  const route = (change: object): Promise<void> => engine.changeRoutes(1, [change as RouteChange])
  await wrong(engine.changeRoutes(1, undefined as never), 'changeRoutes changes')
  await wrong(route({}), 'changeRoutes changes[0] change')
  await wrong(route({ change: 'derive', runs: [1] }), 'changeRoutes changes[0] runs')
  await wrong(
    route({ change: 'install', source: 1, destination: 2, routes: [{ id: 1, nextHops: [0] }] }),
    'changeRoutes changes[0] routes[0] nextHops',
  )
  await wrong(route({ change: 'member', group: 65_536, member: true }), 'changeRoutes changes[0] group')
  const flow = (setting: object): Promise<void> => engine.startFlow(1, { flow: 1, destination: 2, ...setting })
  await wrong(flow({}), 'startFlow bytes')
  await wrong(flow({ bytes: 1, durationNs: 1 }), 'startFlow bytes')
  await wrong(flow({ bytes: 1, packetBytes: 51 }), 'startFlow packetBytes')
  await wrong(flow({ bytes: 1, flow: 2 ** 31 }), 'startFlow flow')
  await wrong(flow({ bytes: 1, destination: 65_536, isGroup: true }), 'startFlow destination')
  await wrong(flow({ bytes: 1, weight: 0 }), 'startFlow weight')
  await wrong(engine.stopFlow(1, -1), 'stopFlow flow')
  await wrong(engine.capture(1, 0, -1), 'capture fd')
  for (const asked of [
    engine.setLink(1, 2, {}),
    engine.changeRoutes(1, []),
    flow({ bytes: 1 }),
    engine.stopFlow(1, 1),
    engine.capture(1, 0, null),
  ])
    await t.rejects(asked, { code: 'ENOENT' }, 'there is no such node')
  t.throws(() => new native.Links(new Uint8Array(16), () => {}, undefined, {} as never), { code: 'EINVAL' })
})
