// A probe of a link ends once: with what its far end measured, or with why not.

import t from 'tap'
import type { LinkOutcome } from '../../src/controller/links.ts'
import { type ProbeAsk, type ProbeEnd, type ProbeRow, Probes } from '../../src/controller/probes.ts'
import { PROBE_FLOWS, PROBE_IDS } from '../../src/protocol/traffic.ts'
import { until } from '../fixtures/control-client.ts'
import { CoreBench } from '../fixtures/controller.ts'

const ask: ProbeAsk = { srcNodeId: 1, dstNodeId: 2, bytes: 1000 }
const measure = {
  bandwidth_mbps: 94.5,
  sent_packets: 10,
  received_packets: 10,
  latency_p50_s: 0.001,
  latency_p99_s: 0.002,
}
const resultOf = (probe_id: number, from = 1, to = 2) =>
  ({ type: 'ProbeLinkResult', node_id: to, probe_id, from_node_id: from, to_node_id: to, ...measure }) as const

function probesWith(outcome: LinkOutcome, timeScale = 1) {
  const begun: [number, ProbeAsk][] = []
  const rows: ProbeRow[] = []
  const ends: ProbeEnd[] = []
  const warnings: string[] = []
  const probes = new Probes({
    begin: (...probe) => {
      begun.push(probe)
      return outcome
    },
    onResult: row => rows.push(row),
    timeScale,
  })
  return { probes, begun, rows, ends, warnings }
}

t.test('what its far end measured is its end, and a row', async t => {
  const { probes, begun, rows, ends } = probesWith('told')
  probes.ask(ask, end => ends.push(end))
  probes.ask(ask, end => ends.push(end))
  const [first, second] = begun.map(([id]) => id) as [number, number]
  t.equal(first, PROBE_IDS.asked)
  t.not(first, second)
  probes.measured(resultOf(first, 2, 1))
  probes.measured(resultOf(99))
  t.same([rows, ends], [[], []], 'of others')
  probes.measured(resultOf(first))
  probes.measured(resultOf(first))
  t.same(ends, [{ result: measure }])
  t.same(rows, [{ probeId: first, srcNodeId: 1, dstNodeId: 2, ...measure }])
  probes.failed(3, second, 'of a stranger')
  t.equal(ends.length, 1)
  probes.failed(1, second, 'no link')
  t.same(ends[1], { problem: 'no link' })
})

t.test('one that can not be says why', async t => {
  for (const [outcome, problem] of [
    ['unknown', /no link from node 1 to node 2/],
    ['away', /node 1 or node 2 is not connected/],
  ] as const) {
    const { probes, ends } = probesWith(outcome)
    probes.ask(ask, end => ends.push(end))
    t.match(ends, [{ problem }])
  }
  const { probes, ends } = probesWith('told')
  probes.ask(ask, end => ends.push(end))
  probes.left(3)
  t.same(ends, [])
  probes.left(2)
  t.match(ends, [{ problem: /node 2 left/ }])
})

t.test('one that nobody answers ends by its deadline, or with the controller', async t => {
  const { probes, ends } = probesWith('told', 0.0005)
  probes.ask(ask, end => ends.push(end))
  await until(() => ends.length === 1)
  t.match(ends, [{ problem: /neither end has said anything/ }])
  probes.ask(ask, end => ends.push(end))
  probes.close()
  t.equal(ends.length, 1)
})

t.test('a row that asks for what can not be is told of', async t => {
  const { probes, begun, ends, warnings } = probesWith('told')
  const warn = (message: string): number => warnings.push(message)
  probes.askByRow(PROBE_IDS.asked, ask, warn)
  for (const id of [0, -7]) probes.askByRow(id, ask, warn)
  for (const bytes of [0, -1, 2 ** 63]) probes.askByRow(1, { ...ask, bytes }, warn)
  t.match(warnings.splice(0), [
    /probe 536870912 .* id must be .* below/,
    ...[0, 7].map(() => /id must be above 0/),
    ...[0, -1, 2 ** 63].map(() => /probe 1 of the link from node 1 to 2: probe_bytes/),
  ])
  probes.ask({ ...ask, bytes: 1.5 }, end => ends.push(end))
  t.match(ends, [{ problem: /1.5 bytes/ }])
  t.same(begun, [])
  probes.askByRow(3, ask, warn)
  probes.measured({ ...resultOf(3), bandwidth_mbps: null })
  t.match(warnings.splice(0), [/probe 3 .*: fewer than two packets came/])
  probes.askByRow(2, ask, warn)
  probes.askByRow(2, ask, warn)
  probes.failed(2, 2, 'it was lost')
  t.match(warnings, [/goes on already/, /probe 2 .*: it was lost/])
})

t.test('both ends are told, the far one first; one that is not there makes it none', async t => {
  const bench = new CoreBench()
  const { traffic } = bench.core
  t.equal(traffic.probe(5, ask), 'away')
  t.equal(traffic.probe(5, { ...ask, dstNodeId: 99 }), 'unknown')
  const ports = new Map<number, ReturnType<CoreBench['join']>['port']>()
  for (let id = 1; id <= 3; id++) ports.set(id, bench.join(id).port)
  t.equal(traffic.probe(5, ask), 'told')
  const told = (id: number): unknown => ports.get(id)?.sent.at(-1)
  t.match(told(1), { type: 'ProbeLink', remote_node_id: 2, probe_id: 5, probe_bytes: 1000 })
  t.match(told(2), { type: 'ExpectProbe', remote_node_id: 1, probe_id: 5 })
})

t.test('flows keep clear of the numbers of probes', async t => {
  const bench = new CoreBench()
  const spec = { flow_len: { Bytes: 1 } }
  bench.core.traffic.setFlow(PROBE_FLOWS, { id: PROBE_FLOWS, srcNodeId: 1, dstNodeId: 2, spec })
  t.match(bench.events, [{ kind: 'warning', message: /kept for probes/ }])
})
