import t from 'tap'
import { Random } from '../../src/base/random.ts'
import { canonicalJson, digestOf } from '../../src/judge/digest.ts'

t.test('keys are ordered, white space and undefined members are left out', async t => {
  t.equal(
    canonicalJson({ b: [1, { d: null, c: 'x' }], a: undefined, A: true }),
    '{"A":true,"b":[1,{"c":"x","d":null}]}',
  )
  t.equal(canonicalJson([undefined, 1]), '[null,1]')
  t.equal(canonicalJson('"\u2028'), JSON.stringify('"\u2028'))
})

t.test('the order in which keys were set does not change the digest, any value does', async t => {
  const random = new Random(7)
  for (let round = 0; round < 50; round++) {
    const keys = Array.from({ length: 8 }, () => String(random.below(1000)))
    const forwards = Object.fromEntries(keys.map(key => [`k${key}`, key.length]))
    const backwards = Object.fromEntries(Object.entries(forwards).reverse())
    t.equal(digestOf(forwards), digestOf(backwards))
    t.not(digestOf(forwards), digestOf({ ...forwards, more: round }))
  }
  t.match(digestOf({}), /^[0-9a-f]{64}$/)
})
