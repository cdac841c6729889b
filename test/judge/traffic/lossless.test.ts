// Lossless transfers, judged from what both ends say: delivered is what source, receiver and SHA-256 agree upon.

import { appendFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { losslessMetrics } from '../../../src/base/lossless-metrics.ts'
import { judgeGate } from '../../../src/judge/gates.ts'
import { readHistory } from '../../../src/judge/history.ts'
import { judge } from '../../../src/judge/judge.ts'
import type { Metrics } from '../../../src/judge/metric.ts'
import { computeMetrics } from '../../../src/judge/metrics.ts'
import type { TrafficLine } from '../../../src/judge/types.ts'
import { trafficLines } from '../../../src/report/traffic.ts'
import {
  forget,
  losslessRun,
  PAYLOAD,
  receiverIn,
  senderIn,
  shaOf,
  type Transfers,
  tell,
} from '../../fixtures/lossless.ts'
import { historyOf, type RunData, writeRunFolder } from '../../fixtures/run-folder.ts'
import { trafficHistory } from '../../fixtures/traffic.ts'

const metricsOf = (change?: (transfers: Transfers) => void): Metrics => computeMetrics(historyOf(losslessRun(change)))

const verdict = (metrics: Metrics, metric: string, operator: '==' | '>=' = '==', limit = 0): string =>
  judgeGate({ name: metric, metric, operator, limit }, metrics, { level: 'host', holdS: 10 }).verdict

const lineOf = (data: RunData) =>
  trafficLines(judge(historyOf(data)), historyOf(data)).find(({ what }) => what === 'Lossless')

t.test('payloads that every receiver has', t => {
  const metrics = metricsOf()
  t.match(metrics, {
    lossless_transfers_count: { value: 2, evidence: 'of 2, as sources told' },
    lossless_receivers_count: { value: 3 },
    lossless_delivered_count: { value: 3 },
    lossless_undelivered_count: { value: 0, evidence: 'all 3 have the SHA-256 of their source' },
    lossless_repaired_symbols_count: { value: 7 },
    lossless_decoded_blocks_count: { value: 15 },
    lossless_goodput_bytes_per_s: { value: PAYLOAD / 4, evidence: 'the slowest of 3 receivers' },
    flows_count: { value: 2 },
    flows_planned_count: { value: 2 },
  })
  t.equal(verdict(metrics, 'lossless_undelivered_count'), 'pass')
  t.same(
    losslessMetrics.filter(({ name }) => metrics[name] === undefined),
    [],
    'every metric that is documented is there',
  )
  t.match(lineOf(losslessRun()), {
    text:
      '3 of 3 receivers have all, by SHA-256, 7 symbols sent again, 15 blocks completed by parity, ' +
      '2 Mbit/s at the slowest',
    isBad: false,
  })
  t.end()
})

t.test('a run without any has none of these', t => {
  const metrics = computeMetrics(trafficHistory())
  t.same(
    losslessMetrics.filter(({ name }) => metrics[name] !== undefined),
    [],
  )
  t.end()
})

t.test('what is not proven by both ends is not delivered, and is named', t => {
  const saidOnly = 'said delivered, and has other bytes or none'
  const cases: [string, (transfers: Transfers) => void, string][] = [
    ['other bytes', all => Object.assign(receiverIn(all, 3, 3), { sha256: shaOf(9) }), `flow 3: node 3 ${saidOnly}`],
    ['no word of its bytes', all => forget(all, receiverIn(all, 3, 3)), `flow 3: node 3 ${saidOnly}`],
    ['not whole', all => Object.assign(receiverIn(all, 4, 1), { sha256: null }), `flow 4: node 1 ${saidOnly}`],
    ['its word never came', all => tell(all, 4, 1, 'pending'), 'flow 4: node 1 had not all yet'],
    ['it found other bytes', all => tell(all, 4, 3, 'mismatch'), 'flow 4: node 3 has other bytes'],
    ['it left', all => tell(all, 4, 3, 'left'), 'flow 4: node 3 left, or was made anew'],
    ['it was silent', all => tell(all, 4, 3, 'silent'), 'flow 4: node 3 was not heard of for too long'],
    ['a member was left out', all => senderIn(all, 4).receivers.pop(), 'flow 4: node 3 was not asked'],
    ['it never began', all => forget(all, senderIn(all, 3)), 'flow 3: node 3 was not asked'],
  ]
  for (const [what, change, evidence] of cases) {
    const metrics = metricsOf(change)
    t.match(metrics, {
      lossless_receivers_count: { value: 3 },
      lossless_delivered_count: { value: 2 },
      lossless_undelivered_count: { value: 1, evidence },
    })
    t.equal(verdict(metrics, 'lossless_undelivered_count'), 'fail', what)
    t.equal(verdict(metrics, 'lossless_delivered_count', '>=', 3), 'fail', what)
    const line = lineOf(losslessRun(change))
    t.match(line, { isBad: true }, what)
    t.ok(line?.text.startsWith(`2 of 3 receivers have all, by SHA-256, ${evidence.replace(/^flow \d: /, '')}`), what)
  }
  t.end()
})

t.test('a source without SHA-256 proves nothing, however alike both are', t => {
  const metrics = metricsOf(all => {
    senderIn(all, 3).sha256 = null
    receiverIn(all, 3, 3).sha256 = null
  })
  t.match(metrics.lossless_undelivered_count, { value: 1 })
  t.end()
})

t.test('of many that lack it three are named; of the others the rate is told', t => {
  const change = (all: Transfers): void => {
    tell(all, 3, 3, 'left')
    tell(all, 4, 1, 'silent')
    tell(all, 4, 3, 'stopped')
    senderIn(all, 4).receivers.push({ node_id: 5, outcome: 'left', acknowledged_bytes: 0 })
  }
  const metrics = metricsOf(change)
  t.match(metrics.lossless_undelivered_count, {
    value: 4,
    evidence:
      'flow 3: node 3 left, or was made anew; flow 4: node 1 was not heard of for too long; ' +
      'flow 4: node 3 had not all when the flow was stopped',
  })
  t.match(metrics.lossless_goodput_bytes_per_s, {
    known: false,
    why: 'no receiver had a payload in more than one moment',
  })
  t.match(lineOf(losslessRun(change)), {
    text: /^0 of 4 receivers.*node 3 left, .* anew, node 1 was not .* long, node 3 had not .* stopped, 7 symb/,
  })
  t.match(metricsOf(all => tell(all, 4, 3, 'left')).lossless_goodput_bytes_per_s, { value: PAYLOAD / 2 })
  t.end()
})

t.test('one that a row has added is judged by its own ends', t => {
  const metrics = metricsOf(all => {
    all.ends.push({ ...senderIn(all, 3), flow_id: 9 }, { ...receiverIn(all, 3, 3), flow_id: 9 })
  })
  t.match(metrics, { lossless_transfers_count: { value: 3 }, lossless_delivered_count: { value: 4 } })
  t.end()
})

t.test('an end that was made anew and has forgotten proves neither', t => {
  const of = (nodeId: number, change: (transfers: Transfers) => void): Metrics => {
    const data = losslessRun(change)
    data.events.push({ t_s: 5, from: 'controller', kind: 'node_restarted', node_id: nodeId, reason: 'killed' })
    return computeMetrics(historyOf(data))
  }
  for (const metrics of [
    of(3, all => forget(all, receiverIn(all, 4, 3))),
    of(2, all => forget(all, senderIn(all, 4))),
  ]) {
    t.equal(verdict(metrics, 'lossless_undelivered_count'), 'unknown')
    t.equal(verdict(metrics, 'lossless_delivered_count', '>=', 3), 'unknown')
  }
  t.equal(
    verdict(
      of(3, () => {}),
      'lossless_undelivered_count',
    ),
    'pass',
    'SHA-256 is proof, whenever it came',
  )
  t.equal(
    verdict(
      of(3, all => tell(all, 4, 3, 'left')),
      'lossless_undelivered_count',
    ),
    'fail',
    'it had left',
  )
  const both = of(3, all => {
    forget(all, receiverIn(all, 4, 3))
    tell(all, 3, 3, 'silent')
  })
  t.equal(verdict(both, 'lossless_undelivered_count'), 'fail', 'another lacks it for sure')
  t.end()
})

t.test('where the run did not tell, every one of them is unknown, and says why', t => {
  const told = (data: RunData, why: RegExp): void => {
    const folder = writeRunFolder(data)
    t.teardown(folder.remove)
    const metrics = computeMetrics(readHistory(folder.path))
    for (const { name } of losslessMetrics) t.match(metrics[name], { known: false, why }, name)
    t.equal(verdict(metrics, 'lossless_undelivered_count'), 'unknown')
  }
  const data = losslessRun()
  const lines = data.traffic ?? []
  told({ ...data, traffic: lines.slice(0, -1) }, /^host0 did not say what became of its packets$/)
  told({ ...data, traffic: lines.slice(0, 2) }, /^the run did not account for its packets$/)
  told({ ...data, traffic: [...lines, { t_s: 1 } as TrafficLine] }, /damaged/)
  const odd = losslessRun(all => Object.assign(receiverIn(all, 3, 3), { decoded_blocks: 'five' }))
  told(odd, /damaged/)
  t.end()
})

t.test('a file that is cut short or gone makes them unknown, as read back', t => {
  for (const [damage, why] of [
    [(path: string) => appendFileSync(path, '{"t_s":'), /damaged: the last line is incomplete/],
    [(path: string) => rmSync(path), /did not account/],
  ] as const) {
    const folder = writeRunFolder(losslessRun())
    t.teardown(folder.remove)
    t.match(computeMetrics(readHistory(folder.path)).lossless_undelivered_count, { value: 0 })
    damage(join(folder.path, 'traffic.ndjson'))
    t.match(computeMetrics(readHistory(folder.path)).lossless_undelivered_count, { known: false, why })
  }
  t.end()
})
