import t from 'tap'
import { Random } from '../../src/base/random.ts'

const take = (seed: number, count: number): number[] => {
  const random = new Random(seed)
  return Array.from({ length: count }, () => random.uint32())
}

t.test('equal seeds give equal sequences, others do not', async t => {
  t.same(take(7, 100), take(7, 100))
  t.notSame(take(7, 100), take(8, 100))
})

t.test('the sequence of a seed never changes: plans depend on it', async t => {
  t.same(take(1, 3), [393288148, 2174103013, 3814759091])
})

t.test('numbers are 32-bit and spread evenly', async t => {
  const buckets = new Array<number>(16).fill(0)
  for (const value of take(3, 16_000)) {
    if (!Number.isInteger(value) || value < 0 || value > 0xffff_ffff) t.fail(`not 32 bits: ${value}`)
    buckets[value >>> 28] = (buckets[value >>> 28] ?? 0) + 1
  }
  // Chi-squared with 15 degrees of freedom: 44 is passed by chance once in ten thousand seeds, and this seed is fixed.
  const chiSquared = buckets.reduce((sum, count) => sum + (count - 1000) ** 2 / 1000, 0)
  t.ok(chiSquared < 44, `${chiSquared}`)
})

t.test('floats lie in [0, 1), bounded integers below their bound', async t => {
  const random = new Random(5)
  const floats = Array.from({ length: 1000 }, () => random.float())
  t.ok(floats.every(value => value >= 0 && value < 1))
  const bounded = Array.from({ length: 1000 }, () => random.below(3))
  t.same([...new Set(bounded)].sort(), [0, 1, 2])
})
