import t from 'tap'
import type { GateVerdict } from '../../src/judge/types.ts'
import {
  formatBytes,
  formatCount,
  formatLimit,
  formatMegabytes,
  formatMetric,
  formatObserved,
  formatSeconds,
  formatValue,
  formatVerdict,
  printable,
} from '../../src/report/format.ts'

const gate = (limit: string, unit: string, observed: number | null = null): GateVerdict => ({
  name: 'g',
  verdict: 'pass',
  observed,
  limit,
  unit,
  evidence: '',
})

t.test('seconds change their unit below one', async t => {
  t.same([0, 0.0000123, 0.4213, 0.9996, 1.834, 59.5, 312.4, 4321].map(formatSeconds), [
    '0 s',
    '12.3 µs',
    '421 ms',
    '1,000 ms',
    '1.83 s',
    '59.5 s',
    '312 s',
    '4,321 s',
  ])
})

t.test('bytes are in decimal units, three digits', async t => {
  t.same([0, 12, 999, 999.6, 1000, 455_400, 1_609_000_000, 2e15, -5e6, 1e19].map(formatBytes), [
    '0 B',
    '12 B',
    '999 B',
    '1 kB',
    '1 kB',
    '455 kB',
    '1.61 GB',
    '2 PB',
    '-5 MB',
    '10,000 PB',
  ])
  t.equal(formatMegabytes(455_400), '0.46 MB')
})

t.test('counts have separators and keep what is not whole', async t => {
  t.same([0, 10_000, 0.5].map(formatCount), ['0', '10,000', '0.5'])
})

t.test('a value takes the unit of its metric', async t => {
  t.equal(formatMetric('total_s', 2), '2 s')
  t.equal(formatMetric('memory_bytes', 2e6), '2 MB')
  t.equal(formatMetric('rate_per_s', 1200), '1,200 /s')
  t.equal(formatMetric('nodes_count', 1200), '1,200')
  t.equal(formatValue(3, ''), '3')
})

t.test('limits and observations read as a sentence', async t => {
  t.equal(formatLimit(gate('<= 2000000', 'bytes')), '≤ 2 MB')
  t.same(
    ['< 1', '> 1', '>= 1', '== 1', '!= 1'].map(limit => formatLimit(gate(limit, 'count'))),
    ['< 1', '> 1', '≥ 1', '= 1', '≠ 1'],
  )
  t.equal(formatLimit(gate('undefined', 'count')), 'undefined')
  t.equal(formatLimit(gate('<= NaN', 'count')), '<= NaN')
  t.equal(formatObserved(gate('== 0', 'count')), '–')
  t.equal(formatObserved(gate('== 0', 'count', 3)), '3')
  t.equal(formatVerdict('not_applicable'), 'not applicable')
})

t.test('text can not steer a terminal', async t => {
  t.equal(printable('a\u001b[31mb\r\nc\t\u009bd'), 'a\ufffd[31mb c \ufffdd')
})
