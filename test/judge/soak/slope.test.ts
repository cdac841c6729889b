// The interval of a growth holds what it promises, and a small leak is found in an hour of a heap's noise.

import t from 'tap'
import { Random } from '../../../src/base/random.ts'
import type { Moment } from '../../../src/judge/soak/series.ts'
import { slopeOf } from '../../../src/judge/soak/slope.ts'
import { judgeSoak } from '../../fixtures/soak-judge.ts'
import { soakRun } from '../../fixtures/soak-run.ts'

const MB_PER_H = 1e6 / 3600

const gauss = (random: Random): number =>
  Math.sqrt(-2 * Math.log(1 - random.float())) * Math.cos(2 * Math.PI * random.float())

/** An hour of samples: a line, and first-order autoregressive noise of standard deviation `noise`. */
function hourOf(random: Random, memory: number, noise: number, perS: number, sampleS = 2): Moment[] {
  let state = gauss(random)
  return Array.from({ length: 3600 / sampleS }, (_, index): Moment => {
    state = memory * state + Math.sqrt(1 - memory ** 2) * gauss(random)
    return [index * sampleS, 1e8 + noise * state + perS * index * sampleS]
  })
}

t.test('the 95 % interval holds the truth about 95 % of the time, whatever memory the noise has', async t => {
  const rounds = 300
  for (const memory of [0, 0.5, 0.9, 0.97, 0.99]) {
    const random = new Random(11 + 100 * memory)
    let held = 0
    for (let round = 0; round < rounds; round++) {
      const slope = slopeOf(hourOf(random, memory, 3e6, 500))
      if (slope && slope.lowerPerS <= 500 && slope.upperPerS >= 500) held++
    }
    // The seed is fixed; 0.9 is four standard errors of 300 rounds below 0.95.
    t.ok(held / rounds >= 0.9, `noise of memory ${memory}: ${held / rounds}`)
    t.ok(held < rounds, `noise of memory ${memory}: an interval that always holds says nothing`)
  }
})

t.test('a leak of 2 MB an hour is told from none in an hour of noise of 1.5 MB', async t => {
  const random = new Random(5)
  let [found, cleared] = [0, 0]
  for (let round = 0; round < 50; round++) {
    const leaking = slopeOf(hourOf(random, 0.5, 1.5e6, 2 * MB_PER_H))
    const still = slopeOf(hourOf(random, 0.5, 1.5e6, 0))
    if (leaking && leaking.lowerPerS > MB_PER_H) found++
    if (still && still.upperPerS < MB_PER_H) cleared++
  }
  t.ok(found >= 45, `${found} of 50 leaks`)
  t.ok(cleared >= 45, `${cleared} of 50 without`)
})

t.test('spikes move neither slope nor interval', async t => {
  const samples = hourOf(new Random(3), 0, 1e5, 100)
  const spiked = samples.map(([time, value], index): Moment => [time, index % 7 === 3 ? value + 5e7 : value])
  const slope = slopeOf(spiked)
  t.ok(slope && Math.abs(slope.perS - 100) < 10, String(slope?.perS))
})

t.test('what never changes has no slope and no interval', async t => {
  const slope = slopeOf(Array.from({ length: 100 }, (_, index): Moment => [index, 15]))
  t.match(slope, { perS: 0, lowerPerS: 0, upperPerS: 0 })
})

t.test('too few samples have no slope', async t => {
  t.equal(slopeOf([]), null)
  t.equal(slopeOf([[1, 1]]), null)
  t.equal(slopeOf(Array.from({ length: 50 }, (_, index): Moment => [index, index])), null)
  t.equal(slopeOf(Array.from({ length: 50 }, (): Moment => [7, 1])), null)
})

const leakGates = [
  { name: 'memory', metric: 'observer_rss_slope_upper_bytes_per_h', operator: '<=', limit: 1e6 },
  { name: 'threads', metric: 'observer_threads_slope_upper_count_per_h', operator: '<=', limit: 1 },
  { name: 'files', metric: 'observer_descriptors_slope_upper_count_per_h', operator: '<=', limit: 5 },
  { name: 'namespaces', metric: 'kernel_namespaces_slope_upper_count_per_h', operator: '<=', limit: 5 },
] as const

const hour = { holdS: 3600, ratePerS: 2, namespaces: 10, pollS: 30, sampleS: 2, pairs: 0, gates: leakGates }

t.test('an hour of a soak: each leak turns its gate, and none is seen where none is', async t => {
  const verdicts = (defects: object): Record<string, string> =>
    Object.fromEntries(judgeSoak(t, soakRun({ ...hour, defects })).report.gates.map(gate => [gate.name, gate.verdict]))
  const good = { memory: 'pass', threads: 'pass', files: 'pass', namespaces: 'pass' }
  t.same(verdicts({}), good)
  t.same(verdicts({ rssLeakBytesPerH: 2e6 }), { ...good, memory: 'fail' })
  t.same(verdicts({ filesBytesPerH: 20e6 }), good, 'pages of files that it maps come in, and can be taken back')
  t.same(verdicts({ filesBytesPerH: 20e6, tellsOwn: false }), { ...good, memory: 'fail' }, 'nobody can tell')
  t.same(verdicts({ threadLeakPerH: 12 }), { ...good, threads: 'fail' })
  t.same(verdicts({ descriptorLeakPerH: 30 }), { ...good, files: 'fail' })
  t.same(verdicts({ namespaceLeakPerH: 20 }), { ...good, namespaces: 'fail' })
})

t.test('a limit within the interval is neither held nor broken', async t => {
  const { report, value } = judgeSoak(t, soakRun({ ...hour, defects: { rssLeakBytesPerH: 1e6 } }))
  const lower = value('observer_rss_slope_lower_bytes_per_h') ?? Number.NaN
  const upper = value('observer_rss_slope_upper_bytes_per_h') ?? Number.NaN
  t.ok(lower < 1e6 && upper > 1e6, `${lower} to ${upper}`)
  t.match(report.gates[0], { verdict: 'unknown', evidence: /95 % interval/ })
})

t.test('the forecast is when memory is full at the upper end of the slope', async t => {
  const { value, why } = judgeSoak(t, soakRun({ ...hour, defects: { rssLeakBytesPerH: 60e6 } }))
  const upper = value('observer_rss_slope_upper_bytes_per_h') ?? Number.NaN
  t.equal(value('memory_limit_in_h'), (6 * 1024 ** 3) / upper)
  t.match(why('memory_limit_in_h'), /6442 MB were free/)
  const still = judgeSoak(t, soakRun({ ...hour, defects: { rssLeakBytesPerH: -60e6 } }))
  t.equal(still.value('memory_limit_in_h'), 87_600)
})

t.test('a short soak does not tell growth', async t => {
  const { value, why } = judgeSoak(t, soakRun())
  t.equal(value('observer_rss_slope_upper_bytes_per_h'), null)
  t.match(why('observer_rss_slope_upper_bytes_per_h'), /300 s are needed/)
})
