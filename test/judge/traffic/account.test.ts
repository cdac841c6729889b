// Traffic, judged from what fleets say: a good run, and each way in which one is not.

import { readFileSync } from 'node:fs'
import t from 'tap'
import { dropReasons, trafficMetrics } from '../../../src/base/traffic-metrics.ts'
import { judgeGate } from '../../../src/judge/gates.ts'
import { readHistory } from '../../../src/judge/history.ts'
import type { Metrics } from '../../../src/judge/metric.ts'
import { computeMetrics } from '../../../src/judge/metrics.ts'
import type { TrafficLine } from '../../../src/judge/types.ts'
import { historyOf, ringRun, writeRunFolder } from '../../fixtures/run-folder.ts'
import {
  linkOf,
  nodeOf,
  SENT,
  sinkOf,
  sourceOf,
  type Traffic,
  trafficHistory,
  trafficRun,
} from '../../fixtures/traffic.ts'

const metricsOf = (change?: (traffic: Traffic) => void): Metrics => computeMetrics(trafficHistory(change))

const verdict = (metrics: Metrics, metric: string, operator: '==' | '<=' | '>=' = '==', limit = 0): string =>
  judgeGate({ name: metric, metric, operator, limit }, metrics, { level: 'host', holdS: 10 }).verdict

const values = (metrics: Metrics, ...names: string[]): unknown[] =>
  names.map(name => {
    const metric = metrics[name]
    return metric?.known === true ? metric.value : (metric?.why ?? 'no such metric')
  })

t.test('traffic of which nothing is lost', t => {
  const metrics = metricsOf()
  t.match(metrics, {
    flows_count: { value: 2, others: [] },
    flows_planned_count: { value: 2 },
    flows_finished_count: { value: 2 },
    flows_unfinished_count: { value: 0 },
    flow_packets_sent_count: { value: 2 * SENT, others: [] },
    flow_packets_received_count: { value: 3 * SENT },
    flow_packets_lost_count: { value: 0, others: [] },
    flow_loss_ratio: { value: 0 },
    flow_packets_duplicated_count: { value: 0 },
    flow_packets_reordered_count: { value: 0 },
    flow_latency_p50_s: { value: 0.002 },
    flow_latency_p99_s: { value: 0.006 },
    flow_latency_p50_max_s: { value: 0.004 },
    flow_latency_p99_max_s: { value: 0.012 },
    flow_latency_max_s: { value: 0.02 },
    packets_held_count: { value: 0 },
    packets_dropped_count: { value: 0 },
    packets_dropped_queue_full_count: { value: 0 },
    packets_unaccounted_count: { value: 0 },
    packets_lost_with_links_count: { value: 0, evidence: 'no link broke' },
    packet_hops_count: { value: 4 * SENT, others: [{ value: 4 * SENT }] },
  })
  t.ok(Math.abs((values(metrics, 'flow_rate_min_ratio')[0] as number) - 1) < 1e-9)
  t.equal(values(metrics, 'packet_hops_per_s')[0], (4 * SENT) / (10.01 - 2))
  t.same(
    trafficMetrics.map(({ name }) => name).filter(name => metrics[name] === undefined),
    [],
    'every metric that is documented is there',
  )
  t.end()
})

t.test('a run without flows has none of these metrics', t => {
  const metrics = computeMetrics(historyOf(ringRun()))
  t.same(
    trafficMetrics.filter(({ name }) => metrics[name] !== undefined),
    [],
  )
  t.end()
})

t.test('a lost packet fails its gates, and is named', t => {
  const metrics = metricsOf(traffic => {
    sinkOf(traffic, 1, 3).received_packets -= 1
  })
  t.same(values(metrics, 'flow_packets_lost_count', 'flow_loss_ratio'), [1, 1 / (3 * SENT)])
  t.match(metrics.flow_packets_lost_count, { evidence: 'flow 1 (1 to 3): 1 of 1000' })
  t.equal(verdict(metrics, 'flow_packets_lost_count'), 'fail')
  t.equal(verdict(metrics, 'flow_loss_ratio'), 'fail')
  t.equal(verdict(metricsOf(), 'flow_packets_lost_count'), 'pass')
  t.end()
})

t.test('a member of a group that has heard nothing lacks every packet', t => {
  const metrics = metricsOf(traffic => {
    traffic.flows.splice(traffic.flows.indexOf(sinkOf(traffic, 2, 3)), 1)
  })
  t.same(values(metrics, 'flow_packets_lost_count', 'flows_unfinished_count'), [SENT, 1])
  t.match(metrics.flow_packets_lost_count, { evidence: `flow 2 (2 to all): ${SENT} of ${2 * SENT}` })
  t.match(metrics.flows_unfinished_count, { evidence: 'flow 2 (2 to all): node 3 had not heard the end' })
  t.match(metrics.flow_rate_min_ratio, { value: 0 })
  t.end()
})

t.test('packets that nobody can account for fail the gate: at a node, on a link, at its sender', t => {
  const cases: [string, (traffic: Traffic) => void, string][] = [
    ['node', traffic => nodeOf(traffic, 2).in_packets++, 'node 2: 2001 in + 1000 made, 3000 out + 0 dropped + 0 held'],
    ['link', traffic => linkOf(traffic, 3, 2).received_packets--, 'link 2-3: 2000 sent, 1999 received'],
    ['more than was sent', traffic => linkOf(traffic, 1, 2).received_packets++, 'link 2-1: 1000 sent, 1001 received'],
    ['sender', traffic => linkOf(traffic, 1, 2).sent.in_packets++, 'link 1-2: 1001 in + 0 made, 1000 out'],
  ]
  for (const [what, change, evidence] of cases) {
    const metrics = metricsOf(change)
    t.match(metrics.packets_unaccounted_count, {
      value: 1,
      evidence: new RegExp(`^${evidence.replaceAll('+', '\\+')}`),
    })
    t.equal(verdict(metrics, 'packets_unaccounted_count'), 'fail', what)
  }
  t.end()
})

t.test('what was dropped or still waits is accounted for, by reason', t => {
  const metrics = metricsOf(traffic => {
    const node = nodeOf(traffic, 2)
    node.in_packets += 5
    node.dropped = { no_route: 3 }
    node.held_packets = 2
    const { sent } = linkOf(traffic, 1, 2)
    sent.in_packets += 7
    sent.dropped = { queue_full: 4, loss: 3 }
  })
  const names = ['', 'no_route_', 'queue_full_', 'loss_', 'early_'].map(reason => `packets_dropped_${reason}count`)
  t.same(values(metrics, ...names), [10, 3, 4, 3, 0])
  t.same(values(metrics, 'packets_held_count', 'packets_unaccounted_count'), [2, 0])
  t.end()
})

t.test('what was on a link that broke is told apart', t => {
  const lose = (traffic: Traffic): void => {
    linkOf(traffic, 3, 2).received_packets -= 8
  }
  const broken: [string, (traffic: Traffic) => void][] = [
    ['down at the end', traffic => Object.assign(linkOf(traffic, 2, 3), { up: false })],
    ['down at the other end', traffic => Object.assign(linkOf(traffic, 3, 2), { up: false })],
    ['up again', traffic => Object.assign(linkOf(traffic, 2, 3), { breaks: 1 })],
  ]
  for (const [what, put] of broken) {
    const metrics = metricsOf(traffic => {
      lose(traffic)
      put(traffic)
    })
    t.same(values(metrics, 'packets_unaccounted_count', 'packets_lost_with_links_count'), [0, 8], what)
    t.match(metrics.packets_lost_with_links_count, { evidence: /2-3: 8/ })
  }
  const data = trafficRun(lose)
  data.events.push({ t_s: 5, from: 'controller', kind: 'node_lost', node_id: 3, reason: 'killed' })
  const metrics = computeMetrics(historyOf(data))
  t.same(values(metrics, 'packets_unaccounted_count', 'packets_lost_with_links_count'), [0, 8], 'a node was gone')
  t.end()
})

t.test('what a link over UDP lost is told apart, and accounted for', t => {
  const metrics = metricsOf(traffic => {
    const link = linkOf(traffic, 3, 2)
    Object.assign(link, { received_packets: link.received_packets - 8, lost_packets: 8 })
  })
  const names = ['packets_unaccounted_count', 'packets_lost_with_links_count', 'packets_lost_in_transport_count']
  t.same(values(metrics, ...names), [0, 0, 8])
  t.match(metrics.packets_lost_in_transport_count, { evidence: '2-3: 8' })
  const wrong = metricsOf(traffic => Object.assign(linkOf(traffic, 3, 2), { lost_packets: 1 }))
  t.match(wrong.packets_unaccounted_count, { value: 1, evidence: /2000 received, 1 lost in transport/ })
  const broken = metricsOf(traffic => {
    const link = linkOf(traffic, 3, 2)
    Object.assign(link, { received_packets: link.received_packets - 8, lost_packets: 5, breaks: 1 })
  })
  t.same(values(broken, ...names), [0, 3, 5], 'the rest was under way when the link broke')
  t.end()
})

t.test('a flow whose end was made anew proves nothing about loss', t => {
  const data = trafficRun()
  data.events.push({ t_s: 5, from: 'controller', kind: 'node_restarted', node_id: 1, reason: 'killed' })
  const metrics = computeMetrics(historyOf(data))
  t.equal(verdict(metrics, 'flow_packets_lost_count'), 'unknown')
  const before = trafficRun()
  before.events.push({ t_s: 0.1, from: 'controller', kind: 'node_lost', node_id: 1, reason: 'killed' })
  t.equal(verdict(computeMetrics(historyOf(before)), 'flow_packets_lost_count'), 'pass', 'before all was wired')
  t.end()
})

t.test('duplicates and packets out of order', t => {
  const metrics = metricsOf(traffic => {
    sinkOf(traffic, 2, 1).duplicate_packets = 2
    sinkOf(traffic, 1, 3).reordered_packets = 3
    sinkOf(traffic, 1, 3).too_late_packets = 1
  })
  t.same(values(metrics, 'flow_packets_duplicated_count', 'flow_packets_reordered_count'), [2, 4])
  t.match(metrics.flow_packets_duplicated_count, { evidence: 'flow 2 (2 to all): 2' })
  t.equal(verdict(metrics, 'flow_packets_duplicated_count'), 'fail')
  t.equal(verdict(metrics, 'flow_packets_reordered_count'), 'fail')
  t.end()
})

t.test('a flow that never began, one that had not sent all, one whose end was not heard', t => {
  const cases: [(traffic: Traffic) => void, string][] = [
    [traffic => traffic.flows.splice(0, 2), 'flow 1 (1 to 3) never began'],
    [traffic => Object.assign(sourceOf(traffic, 1), { finished: false }), 'flow 1 (1 to 3) had not sent all'],
    [
      traffic => Object.assign(sinkOf(traffic, 1, 3), { finished: false }),
      'flow 1 (1 to 3): node 3 had not heard the end',
    ],
  ]
  for (const [change, evidence] of cases) {
    const metrics = metricsOf(change)
    t.match(metrics.flows_unfinished_count, { value: 1, evidence })
    t.equal(verdict(metrics, 'flows_unfinished_count'), 'fail', evidence)
    t.match(metrics.flows_finished_count, { value: 1 })
  }
  t.match(metricsOf(cases[0]?.[0]).flows_count, { value: 1 })
  t.end()
})

t.test('a flow whose source was stopped at the end of the hold is not finished', t => {
  const data = trafficRun()
  data.traffic?.push({ t_s: 10, ask: 3, host: 'host0', running: [2] })
  const metrics = computeMetrics(historyOf(data))
  t.match(metrics.flows_unfinished_count, { value: 1, evidence: 'flow 2 (2 to all) had not sent all' })
  t.equal(verdict(metrics, 'flow_packets_lost_count'), 'pass')
  t.end()
})

t.test('a flow that a row has added is judged by the ends that told of it', t => {
  const metrics = metricsOf(traffic => {
    traffic.flows.push({ ...sourceOf(traffic, 1), flow_id: 9 }, { ...sinkOf(traffic, 1, 3), flow_id: 9 })
    traffic.flows.push({ ...sinkOf(traffic, 1, 3), flow_id: 9, node_id: 2, received_packets: SENT - 4 })
  })
  t.same(values(metrics, 'flows_count', 'flows_planned_count', 'flow_packets_lost_count'), [3, 2, 4])
  t.end()
})

t.test('sources that count otherwise than they told their sinks are believed by neither gate', t => {
  const metrics = metricsOf(traffic => {
    sinkOf(traffic, 1, 3).announced_packets = SENT + 1
  })
  t.equal(verdict(metrics, 'flow_packets_lost_count'), 'unknown')
  t.equal(verdict(metrics, 'flow_packets_sent_count', '==', 2 * SENT), 'unknown')
  t.end()
})

t.test('a flow that comes at half its rate is the one that counts', t => {
  const metrics = metricsOf(traffic => {
    sinkOf(traffic, 2, 1).last_s = 18.01
  })
  const ratio = values(metrics, 'flow_rate_min_ratio')[0] as number
  t.ok(Math.abs(ratio - 0.5) < 1e-9)
  t.match(metrics.flow_rate_min_ratio, { evidence: 'flow 2 (2 to all), of 3 paced ends' })
  t.end()
})

t.test('times between two kernels are not compared', t => {
  const data = trafficRun()
  const [fleet] = data.plan.fleets
  if (fleet === undefined) throw new Error('no fleet')
  const two = [
    { ...fleet, nNodes: 2 },
    { ...fleet, host: 'host1', nodeIdOffset: 2, nNodes: 1 },
  ]
  data.plan = { ...data.plan, fleets: two }
  const [last] = (data.traffic ?? []).slice(-1) as [TrafficLine]
  data.traffic?.push({ ...last, host: 'host1', part: { nodes: [], links: [], flows: [] }, more: false })
  const of = (level: 'host' | 'kvm'): Metrics =>
    computeMetrics(historyOf({ ...data, environment: { ...data.environment, level } }))
  t.match(of('host').flow_latency_p50_max_s, { value: 0.004 }, 'several hosts on one machine have one clock')
  t.match(of('kvm').flow_latency_p50_max_s, { value: 0.001, evidence: 'of 1 ends of flows' })
  t.end()
})

t.test('processor time by hops is of the samples around the flows', t => {
  const data = trafficRun()
  const [first] = data.samples
  if (first === undefined) throw new Error('no samples')
  const sample = (t_s: number, cpu_s: number) => ({
    ...first,
    t_s,
    processes: ['dataplane:host0', 'dataplane:host1'].map(name => ({
      name,
      pid: 1,
      rss_bytes: 1,
      threads_count: 1,
      descriptors_count: 1,
      cpu_s,
    })),
  })
  data.samples = [sample(1, 9), sample(1.9, 10), sample(6, 12), sample(10.5, 14), sample(11, 20)]
  t.match(computeMetrics(historyOf(data)).packet_hop_cpu_s, { value: (2 * (14 - 10)) / (4 * SENT) })
  data.samples = []
  t.match(computeMetrics(historyOf(data)).packet_hop_cpu_s, { known: false })
  t.end()
})

t.test('a run that did not account for its packets, and a fleet that was silent, prove nothing', t => {
  const data = trafficRun()
  const whole = data.traffic ?? []
  data.traffic = whole.slice(0, 2)
  t.match(computeMetrics(historyOf(data)).packets_unaccounted_count, {
    known: false,
    why: 'the run did not account for its packets',
  })
  data.traffic = whole.slice(0, -1)
  t.match(computeMetrics(historyOf(data)).flows_count, {
    known: false,
    why: 'host0 did not say what became of its packets',
  })
  t.end()
})

t.test('read back from its folder it is the same; damage makes it unknown', t => {
  const data = trafficRun()
  const folder = writeRunFolder(data)
  t.teardown(folder.remove)
  t.same(computeMetrics(readHistory(folder.path)), computeMetrics(historyOf(data)))
  const broken = writeRunFolder({ ...data, traffic: [...(data.traffic ?? []), { t_s: 1 } as TrafficLine] })
  t.teardown(broken.remove)
  t.match(computeMetrics(readHistory(broken.path)).packets_unaccounted_count, { known: false, why: /damaged/ })
  t.end()
})

t.test('reasons are those of the engine', t => {
  const text = readFileSync(new URL('../../../native/engine/packets/drop.cc', import.meta.url), 'utf8')
  const named = [...text.matchAll(/case Drop::(\w+):/g)].map(match => match[1])
  t.same(
    Object.keys(dropReasons),
    named.filter(name => name !== 'none'),
  )
  t.end()
})

t.test('a crash over the traffic makes its metrics unknown, and no other', async t => {
  const history = trafficHistory()
  const crashed = computeMetrics({ ...history, samples: null as unknown as typeof history.samples })
  t.match(crashed.packet_hop_cpu_s, { known: false, why: /the judge failed/ })
  t.match(crashed.packet_hops_count, { known: true })
  const whole = Object.defineProperty({ ...history }, 'traffic', {
    get: () => {
      throw new Error('boom')
    },
  })
  t.match(computeMetrics(whole).packet_hops_count, { known: false, why: 'the judge failed: boom' })
})
