// Probes of links at a fleet, with an engine that only keeps what it is told.

import { mock } from 'node:test'
import t from 'tap'
import { bandwidthMbps, type ProbeMessage, Probes } from '../../../src/dataplane/traffic/probes.ts'
import type { EngineCounts, PacketEngine, SinkCount } from '../../../src/native/engine.ts'
import type { NodeMessage } from '../../../src/protocol/messages.ts'
import { PROBE_FLOWS } from '../../../src/protocol/traffic.ts'

const sink = (changes: Partial<SinkCount> = {}): SinkCount => ({
  nodeId: 2,
  flow: PROBE_FLOWS + 5,
  receivedPackets: 11,
  receivedBytes: 11_000,
  duplicatePackets: 0,
  reorderedPackets: 0,
  tooLatePackets: 0,
  sentPackets: 12,
  finished: true,
  firstNs: 1_000n,
  lastNs: 8_001_000n,
  latencyP50Ns: 1_000_000,
  latencyP99Ns: 2_000_000,
  latencyMaxNs: 3_000_000,
  ...changes,
})

function fleet(startFlow: () => Promise<void> = () => Promise.resolve()) {
  const done: unknown[] = []
  const said: NodeMessage[] = []
  const engine = {
    changeRoutes: async (nodeId: number, changes: unknown) => void done.push(['routes', nodeId, changes]),
    startFlow: async (nodeId: number, flow: unknown) => {
      await startFlow()
      done.push(['start', nodeId, flow])
    },
    stopFlow: async (nodeId: number, flow: number) => void done.push(['stop', nodeId, flow]),
  } as unknown as PacketEngine
  const counts: EngineCounts = { links: [], nodes: [], sources: [], sinks: [sink()] } as unknown as EngineCounts
  const probes = new Probes({
    engine: () => engine,
    baseAddress: () => '10.0.0.0',
    count: async () => counts,
    send: (_, message) => said.push(message) > 0,
  })
  t.teardown(() => probes.clear())
  return { probes, done, said }
}

const flow = PROBE_FLOWS + 5
const link: ProbeMessage = { type: 'ProbeLink', remote_node_id: 2, probe_id: 5, probe_bytes: 12_000 }
const expect: ProbeMessage = { type: 'ExpectProbe', remote_node_id: 1, probe_id: 5 }
/** What was promised has happened. */
const settled = (): Promise<void> => new Promise(resolve => setImmediate(resolve))

t.test('its source goes over the link, and is forgotten when it has said its last word', async t => {
  mock.timers.enable({ apis: ['setTimeout'] })
  t.teardown(() => mock.timers.reset())
  const { probes, done, said } = fleet()
  probes.told(1, [2, 9], link)
  await settled()
  t.same(done, [
    ['routes', 1, [{ change: 'send_over', flow, nextHop: 2 }]],
    ['start', 1, { flow, destination: 2, bytes: 12_000, baseAddress: '10.0.0.0' }],
  ])
  t.same(probes.finished([{ nodeId: 1, flow, end: 'source' }]), [])
  mock.timers.tick(900)
  t.equal(done.length, 2)
  mock.timers.tick(200)
  t.same(done.slice(2), [
    ['stop', 1, flow],
    ['routes', 1, [{ change: 'send_over', flow, nextHop: 0 }]],
  ])
  t.same(said, [])
})

t.test('its sink says what it has measured, be it before it was told of it', async t => {
  for (const isEarly of [false, true]) {
    const { probes, said } = fleet()
    const other = { nodeId: 2, flow: 7, end: 'sink' } as const
    if (!isEarly) probes.told(2, [1], expect)
    t.same(probes.finished([{ nodeId: 2, flow, end: 'sink' }, other]), [other], 'flows of others are theirs')
    if (isEarly) probes.told(2, [1], expect)
    await settled()
    t.match(said, [
      {
        type: 'ProbeLinkResult',
        node_id: 2,
        probe_id: 5,
        from_node_id: 1,
        to_node_id: 2,
        bandwidth_mbps: 10,
        sent_packets: 12,
        received_packets: 11,
        latency_p50_s: 0.001,
      },
    ])
    probes.clear()
  }
})

t.test('a link that does not take it, and what the engine refuses, is said', async t => {
  mock.timers.enable({ apis: ['setTimeout'] })
  t.teardown(() => mock.timers.reset())
  const { probes, done, said } = fleet()
  probes.told(1, [9], link)
  probes.told(1, [2], link)
  probes.told(1, [2], link)
  await settled()
  t.match(said, [
    { type: 'ProbeLinkFailed', node_id: 1, probe_id: 5, reason: 'node 1 has no link to node 2' },
    { reason: 'node 1 is at this probe already' },
  ])
  mock.timers.tick(20_000)
  t.match(said[2], { type: 'ProbeLinkFailed', reason: 'the link to node 2 has not taken it within 20 s' })
  t.match(done.at(-2), ['stop', 1, flow])
  const broken = fleet(() => Promise.reject(new Error('EEXIST')))
  broken.probes.told(1, [2], link)
  await settled()
  t.match(broken.said, [{ type: 'ProbeLinkFailed', reason: /the engine did not begin it: EEXIST/ }])
})

t.test('bandwidth is of what came after the first packet', async t => {
  t.equal(bandwidthMbps(sink()), 10)
  t.equal(bandwidthMbps(sink({ receivedPackets: 1, receivedBytes: 1000, lastNs: 1_000n })), null)
})
