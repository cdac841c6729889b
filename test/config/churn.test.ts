import t from 'tap'
import { readChurn } from '../../src/config/churn.ts'
import { Problems, type TomlTable } from '../../src/config/problems.ts'
import { issuesOf } from '../fixtures/issues.ts'

const read = (text: string) => {
  const problems = new Problems('x.toml')
  const spec = readChurn(problems.parse(text, 'x.toml').churn as TomlTable, ['churn'], problems)
  problems.throwIfAny()
  return spec
}

t.test('what is left out has its usual value', t => {
  t.same(read('[churn]'), {
    namespaces: 200,
    ratePerS: 20,
    kinds: { named: 4, mounted: 2, process: 1, thread: 1, descriptor: 1, socket: 1 },
    sockets: { pairs: 5, short: 1, halfClosed: 1, timeWait: 1, listeners: 1, families: [4, 6] },
    connectionTable: 'shared',
    shortLifeRatio: 0.05,
    minLifeS: 1,
    faults: ['same_name', 'inode_reuse', 'remove_while_entered', 'leader_dead'],
    faultIntervalS: 10,
  })
  t.end()
})

t.test('what is given is typed, in base units, each word once', t => {
  const spec = read(`[churn]
namespaces = 1000
rate_per_s = 100
kinds = { named = 1 }
families = ["ipv6", "ipv6"]
connection_table = "own"
short_life_ratio = 0
min_life = "500ms"
faults = ["leader_dead", "leader_dead"]
fault_interval = "1m"`)
  t.match(spec, {
    namespaces: 1000,
    ratePerS: 100,
    kinds: { named: 1, mounted: 0, process: 0, thread: 0, descriptor: 0, socket: 0 },
    connectionTable: 'own',
    shortLifeRatio: 0,
    minLifeS: 0.5,
    faultIntervalS: 60,
  })
  t.same([spec.sockets.families, spec.faults], [[6], ['leader_dead']])
  t.end()
})

for (const [what, text, key, problem] of [
  ['an unknown key', 'rate = 3', 'churn.rate', /unknown key/],
  ['an unknown kind', 'kinds = { nameless = 1 }', 'churn.kinds.nameless', /unknown key/],
  ['weights that are all zero', 'kinds = { named = 0 }\nfaults = []', 'churn.kinds', /one at least is above 0/],
  ['a weight below 0', 'kinds = { named = -1 }', 'churn.kinds.named', /a number from 0/],
  ['no rate', 'rate_per_s = 0', 'churn.rate_per_s', /a number above 0/],
  ['no namespaces', 'namespaces = 0', 'churn.namespaces', /an integer from 1/],
  ['half a socket', 'pairs = 0.5', 'churn.pairs', /an integer from 0/],
  ['a share above one', 'short_life_ratio = 1.5', 'churn.short_life_ratio', /from 0 to 1/],
  ['no family', 'families = []', 'churn.families', /at least one family/],
  ['a family that is none', 'families = ["ipx"]', 'churn.families[0]', /one of "ipv4", "ipv6"/],
  ['a table that is none', 'connection_table = "none"', 'churn.connection_table', /one of "shared", "own"/],
  ['a life of nothing', 'min_life = "0s"', 'churn.min_life', /longer than nothing/],
  ['a life longer than any', 'namespaces = 10\nmin_life = "2s"', 'churn.min_life', /at most 1\.000 s/],
  ['a fault that is none', 'faults = ["fire"]', 'churn.faults[0]', /one of "same_name"/],
  ['faults without pause', 'fault_interval = "0s"', 'churn.fault_interval', /longer than nothing/],
  ['a name made again where none is', 'kinds = { socket = 1 }', 'churn.faults', /needs kinds\.named/],
] as const) {
  t.test(`${what} is refused`, t => {
    t.match(
      issuesOf(() => read(`[churn]\n${text}`)),
      [{ key, problem }],
    )
    t.end()
  })
}
