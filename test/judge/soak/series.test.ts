import t from 'tap'
import { Findings, Worst } from '../../../src/judge/soak/findings.ts'
import { Floats, median } from '../../../src/judge/soak/floats.ts'
import { Extremes, Rates } from '../../../src/judge/soak/series.ts'

t.test('percentiles are those of the sorted list, by nearest rank', async t => {
  const floats = new Floats()
  t.equal(floats.quantile(0.5), null)
  for (let value = 5000; value > 0; value--) floats.push(value)
  t.equal(floats.quantile(0.5), 2500)
  t.equal(floats.quantile(0.99), 4950)
  t.equal(floats.most(), 5000)
  floats.push(0.5)
  t.equal(floats.quantile(0), 0.5)
  t.equal(floats.length, 5001)
  t.equal(median([3, 1, 2]), 2)
  t.equal(median([4, 1, 2, 3]), 2.5)
})

t.test('however long a series is, few moments stay, and the extremes are among them', async t => {
  const extremes = new Extremes()
  for (let index = 0; index < 200_000; index++) extremes.add(index * 0.2, index === 123_456 ? 99 : Math.sin(index))
  extremes.add(77.7, -5)
  const moments = extremes.moments()
  t.ok(moments.length <= 2000 && moments.length > 500, String(moments.length))
  t.ok(moments.some(([time, value]) => value === 99 && time === 123_456 * 0.2))
  t.ok(moments.some(([time, value]) => value === -5 && time === 77.7))
  t.same(
    moments,
    [...moments].sort(([one], [other]) => one - other),
  )
})

t.test('of equal values the first stays, in whatever order they come', async t => {
  const [one, other] = [new Extremes(), new Extremes()]
  for (const time of [0.01, 0.02, 0.03]) one.add(time, 1)
  for (const time of [0.03, 0.01, 0.02]) other.add(time, 1)
  t.same(one.moments(), other.moments())
  t.same(one.moments()[0], [0.01, 1])
})

t.test('rates add up to what happened, and silence has rate 0', async t => {
  const rates = new Rates()
  t.same(rates.moments(), [])
  for (let second = 0; second < 10; second++) for (let n = 0; n < 20; n++) rates.add(100 + second + n / 20)
  rates.add(40_000)
  const moments = rates.moments()
  const width = (moments[1]?.[0] ?? 0) - (moments[0]?.[0] ?? 0)
  t.ok(moments.length <= 1000)
  t.equal(Math.round(moments.reduce((sum, [, rate]) => sum + rate * width, 0)), 201)
  t.equal(moments[500]?.[1], 0)
  const few = new Rates()
  for (let n = 0; n < 3000; n++) few.add(n * 0.01)
  t.ok(few.moments(1).length <= 31)
})

t.test('of findings the earliest are kept, of values the greatest, and all are counted', async t => {
  const findings = new Findings()
  const worst = new Worst()
  for (let n = 100; n > 0; n--) {
    findings.add(n, () => `finding ${n}`)
    worst.add([n, n % 50], () => `value ${n % 50}`)
  }
  findings.add(50, () => 'many', 7)
  t.equal(findings.count, 107)
  t.equal(findings.earliest.length, 20)
  t.same(findings.earliest[0], { t_s: 1, words: 'finding 1' })
  t.same(worst.findings[0], { t_s: 49, words: 'value 49' })
  t.equal(worst.findings.length, 20)
})
