import t from 'tap'
import type { GateConfig, Level } from '../../src/config/types.ts'
import { judgeGate } from '../../src/judge/gates.ts'
import type { Metrics } from '../../src/judge/metric.ts'

const gate = (over: Partial<GateConfig> = {}): GateConfig => ({
  name: 'g',
  metric: 'total_s',
  operator: '<=',
  limit: 3,
  ...over,
})
const of = (value: number, others: number[] = []): Metrics => ({
  total_s: {
    known: true,
    value,
    evidence: 'seen',
    others: others.map(other => ({ value: other, evidence: 'samples' })),
  },
})

const at = (level: Level | null, holdS = 2) => ({ level, holdS })

t.test('each operator passes and fails on its own side of the limit', async t => {
  const table: [GateConfig['operator'], pass: number[], fail: number[]][] = [
    ['<=', [2, 3], [3.001]],
    ['<', [2], [3, 4]],
    ['>=', [3, 4], [2.999]],
    ['>', [4], [3, 2]],
    ['==', [3], [2.999, 4]],
    ['!=', [2, 4], [3]],
  ]
  for (const [operator, pass, fail] of table) {
    for (const value of pass)
      t.equal(judgeGate(gate({ operator }), of(value), at('host')).verdict, 'pass', `${value} ${operator} 3`)
    for (const value of fail)
      t.equal(judgeGate(gate({ operator }), of(value), at('host')).verdict, 'fail', `${value} ${operator} 3`)
  }
})

t.test('a judged gate says what was observed, the limit, the unit and where it was read', async t => {
  t.same(judgeGate(gate(), of(2), at('host')), {
    name: 'g',
    observed: 2,
    limit: '<= 3',
    unit: 's',
    verdict: 'pass',
    evidence: 'seen',
  })
})

t.test('outside its levels a gate is not applicable, whatever was observed', async t => {
  for (const metrics of [of(1), of(9), {}]) {
    t.match(judgeGate(gate({ levels: ['kvm'] }), metrics, at('host')), { verdict: 'not_applicable', observed: null })
  }
  t.equal(judgeGate(gate({ levels: ['kvm', 'host'] }), of(1), at('host')).verdict, 'pass')
})

t.test('a gate with levels is unknown where the level is', async t => {
  t.equal(judgeGate(gate({ levels: ['host'] }), of(1), at(null)).verdict, 'unknown')
  t.equal(judgeGate(gate(), of(1), at(null)).verdict, 'pass')
})

t.test('what was not proven is unknown', async t => {
  const cases: Record<string, [GateConfig, Metrics]> = {
    'a metric that is not there': [gate(), {}],
    'a name of the prototype': [gate({ metric: 'constructor' }), {}],
    'an unknown metric': [gate(), { total_s: { known: false, why: 'never seen' } }],
    NaN: [gate(), of(Number.NaN)],
    'NaN against !=': [gate({ operator: '!=' }), of(Number.NaN)],
    infinity: [gate({ operator: '>=' }), of(Number.POSITIVE_INFINITY)],
    'a limit that is no number': [gate({ operator: '!=', limit: Number.NaN }), of(1)],
    'an operator that is none': [gate({ operator: '~' as '<=' }), of(1)],
    'sources on both sides of the limit': [gate(), of(2, [4])],
    'sources on both sides, failing': [gate(), of(4, [2])],
  }
  for (const [name, [config, metrics]] of Object.entries(cases)) {
    t.equal(judgeGate(config, metrics, at('host')).verdict, 'unknown', name)
  }
})

t.test('sources that differ on one side of the limit don’t matter', async t => {
  t.equal(judgeGate(gate(), of(1, [2, 3]), at('host')).verdict, 'pass')
  t.equal(judgeGate(gate(), of(4, [5]), at('host')).verdict, 'fail')
})

t.test('a crash of the judge is unknown, never a pass', async t => {
  const crash = (thrown: unknown): Metrics => ({
    get total_s(): never {
      throw thrown
    },
  })
  t.match(judgeGate(gate(), crash(new Error('boom')), at('host')), { verdict: 'unknown', evidence: /boom/ })
  t.match(judgeGate(gate(), crash('bang'), at('host')), { verdict: 'unknown', evidence: /bang/ })
  t.equal(judgeGate(null as unknown as GateConfig, {}, at('host')).verdict, 'unknown')
})

t.test('a gate for long runs does not apply to short ones', async t => {
  const long = gate({ minHoldS: 600 })
  t.equal(judgeGate(long, of(4), at('host', 599)).verdict, 'not_applicable')
  t.equal(judgeGate(long, of(4), at('host', 600)).verdict, 'fail')
})

t.test('what is in doubt is unknown: a pass alone, or whatever comes out', async t => {
  const doubted = (value: number, doubt: 'pass' | 'both') => {
    const metrics = { total_s: { ...of(value).total_s, doubt: { of: doubt, why: 'too little' } } } as Metrics
    return judgeGate(gate(), metrics, at('host'))
  }
  t.match(doubted(2, 'pass'), { verdict: 'unknown', observed: 2, evidence: /too little; seen/ })
  t.equal(doubted(4, 'pass').verdict, 'fail')
  t.equal(doubted(2, 'both').verdict, 'unknown')
  t.equal(doubted(4, 'both').verdict, 'unknown')
})
