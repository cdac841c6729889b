import t from 'tap'
import type { Random } from '../../../src/base/random.ts'
import { canonicalJson } from '../../../src/lab/plan/canonical-json.ts'
import { seededRounds } from '../../fixtures/seeds.ts'

t.test('keys are sorted and what is undefined is left out', t => {
  t.equal(canonicalJson({ b: 1, a: { d: [], c: {} }, e: undefined }), '{ "a": { "c": {}, "d": [] }, "b": 1 }\n')
  t.equal(canonicalJson({ a: undefined }), '{}\n')
  t.equal(canonicalJson('x'), '"x"\n')
  t.end()
})

t.test('long values are broken, short ones inside them are not', t => {
  const text = canonicalJson({ rows: Array.from({ length: 60 }, (_, index) => [index, { k: 'v' }]) })
  t.match(text, /^\{\n "rows": \[\n {2}\[0, \{ "k": "v" \}\],\n/)
  t.ok(text.split('\n').every(line => line.length <= 120))
  t.end()
})

t.test('any value is read back the same, and the order of its keys changes nothing', t => {
  for (const random of seededRounds(t, 300)) {
    const value = randomValue(random, 0)
    const text = canonicalJson(value)
    t.same(JSON.parse(text), value)
    t.equal(canonicalJson(reversed(value)), text)
  }
  t.end()
})

function randomValue(random: Random, depth: number): unknown {
  const kind = random.below(depth > 4 ? 4 : 6)
  if (kind === 0) return null
  if (kind === 1) return random.float() * 10 ** random.below(20)
  if (kind === 2) return random.below(2) === 0
  if (kind === 3) return 'text "quoted"\n'.repeat(random.below(5))
  const members = Array.from({ length: random.below(7) }, () => randomValue(random, depth + 1))
  return kind === 4 ? members : Object.fromEntries(members.map(member => [`k${random.below(50)}`, member]))
}

function reversed(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(reversed)
  if (typeof value !== 'object' || value === null) return value
  return Object.fromEntries(
    Object.entries(value)
      .reverse()
      .map(([key, member]) => [key, reversed(member)]),
  )
}
