import t from 'tap'
import { loadScenario } from '../../src/config/load.ts'
import type { Override } from '../../src/config/override.ts'
import { parseScenario } from '../../src/config/scenario.ts'
import { issuesOf, keysOf } from '../fixtures/issues.ts'

const noFiles = (path: string): string => {
  throw new Error(`${path} was read`)
}

const override = (key: string, value: string): Override => ({ key, value, from: `--set ${key}=${value}` })

const parse = (text: string, overrides: readonly Override[] = []) =>
  parseScenario(`name = "x"\n${text}`, '/lab/x.toml', overrides, noFiles)

const fault = (facts: string): string => `[[fault]]\nat = "1s"\nfor = "1s"\n${facts}\n`

t.test('what a soak does not say has a default', t => {
  const { soak, hosts, faults, warnings } = parse('[churn]')
  t.match(soak, {
    churn: { namespaces: 200, ratePerS: 20, minLifeS: 1 },
    collector: { intervalS: 2, discoveryIntervalS: 0.1, sink: 'stdout', states: [], ports: [] },
    observer: { command: null, output: 'nslab.collect/1', forbid: [], metricsUrl: null, restart: false },
  })
  t.equal(hosts.count, 1)
  t.same(faults, [])
  t.same(warnings, [])
  t.equal(parse('[controller]\ntopology = { n_nodes = 2 }').soak, undefined, 'and a fleet has none of it')
  t.end()
})

t.test('every key of a soak is set by --set', t => {
  const { soak, run } = parse('[churn]', [
    override('churn.namespaces', '7'),
    override('churn.rate_per_s', '3.5'),
    override('churn.kinds.named', '1'),
    override('churn.kinds.socket', '9'),
    override('collector.interval', '500ms'),
    override('collector.states', '["LISTEN"]'),
    override('sut.command', '["sleep", "5"]'),
    override('sut.metrics_url', 'http://127.0.0.1:9090/metrics'),
    override('sut.metrics', '["up"]'),
    override('sut.restart', 'true'),
    override('sut.helpers', '["sleep", "logrotate"]'),
    override('sut.memory_max', '512 MiB'),
    override('run.hold', '12h'),
  ])
  t.match(soak, {
    churn: { namespaces: 7, ratePerS: 3.5, kinds: { socket: 9, named: 1, thread: 0 } },
    collector: { intervalS: 0.5, states: ['LISTEN'] },
    observer: {
      command: ['sleep', '5'],
      output: 'none',
      metrics: ['up'],
      restart: true,
      helpers: ['sleep', 'logrotate'],
      memoryMaxBytes: 512 * 2 ** 20,
    },
  })
  t.equal(run.holdS, 43_200)
  t.end()
})

t.test('a scenario has a fleet or is a soak', t => {
  t.same(
    keysOf(() => parse('nodes = 3\n[controller]\n[dataplane]\n[churn]')),
    ['nodes', 'controller', 'dataplane'],
  )
  t.same(
    keysOf(() => loadScenario('ring', [override('churn.namespaces', '50')])).slice(0, 2),
    ['controller', 'gate[0].require'],
    'whose gates know no nodes',
  )
  t.same(
    issuesOf(() => parse('[collector]\n[sut]')).map(({ key, problem }) => [key, problem]),
    [
      ['collector', 'belongs to a soak, and there is no [churn]'],
      ['sut', 'belongs to a soak, and there is no [churn]'],
    ],
  )
  t.same(
    keysOf(() => parse('[hosts]\ncount = 2\n[churn]\n[run]\ndeterministic = true')),
    ['hosts.count', 'run.deterministic'],
  )
  t.end()
})

t.test('what a soak says wrong is told where it stands', t => {
  const problem = (text: string) => issuesOf(() => parse(`[churn]\n${text}`)).map(issue => [issue.key, issue.problem])
  t.match(problem('[collector]\nsink = "kafka"'), [['collector.sink', 'must be one of "stdout", "postgres"']])
  t.match(problem('[collector]\ninterval = "1ms"'), [['collector.interval', 'must be at least 10ms']])
  t.match(problem('[collector]\ninterval = "10d"\n[run]\nhold = "1m"'), [
    ['collector.interval', 'must be no longer than the churning, run.hold (1m)'],
  ])
  t.match(problem('[collector]\nstates = ["OPEN"]'), [['collector.states[0]', /must be one of "ESTABLISHED"/]])
  for (const none of ['[]', '[""]', '["", "a"]'])
    t.match(problem(`[sut]\ncommand = ${none}`), [['sut.command', 'must be a program and its arguments']], none)
  t.match(problem('[sut]\nscrape_interval = "0s"'), [['sut.scrape_interval', 'must be at least 10ms']])
  t.match(problem('[sut]\nmetrics = ["jobs_total", "jobs"]'), [['sut.metrics[1]', /same names as jobs_total/]])
  const gated = (metric: string, require: string): string =>
    `[sut]\nmetrics = ["heap_bytes"]\n[[gate]]\nmetric = "${metric}"\nrequire = "${require}"`
  t.match(problem(gated('sut_heap_last_byte', '<= 1')), [['gate[0].metric', /unknown metric/]])
  t.match(problem(gated('sut_heap_max_bytes', '<= 5s')), [['gate[0].require', /an operator/]])
  t.match(problem('[sut]\nmemory_max = "much"'), [['sut.memory_max', /a size above 0/]])
  t.match(problem('[sut]\nmemory_max = "0 MB"'), [['sut.memory_max', /a size above 0/]])
  t.match(problem('[sut]\nready = "up"'), [['sut.ready', /needs command/]])
  t.match(problem('[sut]\noutput = "nslab.collect/1"'), [['sut.output', /needs command/]])
  t.match(problem('[sut]\nforbid = ["("]'), [['sut.forbid[0]', /is no regular expression/]])
  t.match(problem('[sut]\nmetrics_url = "/metrics"'), [['sut.metrics_url', 'must be an http:// address']])
  t.match(problem('[sut]\ncommand = ["x"]\nmetrics = ["up"]'), [['sut.metrics', 'needs metrics_url']])
  t.match(
    issuesOf(() => parse('[churn]\nnamespace = 3')),
    [{ key: 'churn.namespace', nearest: 'namespaces', line: 3 }],
  )
  t.match(problem('rate_per_s = 0'), [['churn.rate_per_s', /must be a number above 0/]])
  t.match(
    keysOf(() => parse('churn = 3')),
    ['churn'],
  )
  t.end()
})

t.test('faults of a soak befall its processes', t => {
  const text = `[churn]\n[run]\nhold = "20s"\n[collector]\nsink = "postgres"\n`
  const { faults } = parse(
    `${text}[[fault]]\nat = "9s"\ndo = "restart_database"\nfor = "1s"\n${fault('do = "kill_observer"')}`,
  )
  t.match(faults, [
    { op: 'kill_observer', atS: 1, forS: 1, hosts: [] },
    { op: 'restart_database', atS: 9, forS: 1 },
  ])
  const problems = (facts: string) =>
    issuesOf(() => parse(`[churn]\n${facts}`)).map(({ key, problem }) => [key, problem])
  t.match(problems(fault('do = "cut"')), [['fault[0].do', /is done to hosts: a soak has pause_observer/]])
  t.match(problems(fault('do = "pause_observer"\nhosts = ["host1"]')), [['fault[0].hosts', /has one host/]])
  t.match(problems(fault('do = "restart_database"')), [['fault[0].do', /needs a database/]])
  t.match(problems('[[fault]]\nat = "1s"\ndo = "pause_observer"\nfor = "0s"'), [
    ['fault[0].for', /longer than nothing/],
  ])
  t.match(problems(fault('do = "pause_observer"') + fault('do = "kill_observer"')), [
    ['fault[1].at', /meets fault\[0\] on the observer/],
  ])
  t.match(
    issuesOf(() => parse(`[controller]\ntopology = { n_nodes = 2 }\n${fault('do = "kill_observer"')}`)),
    [{ key: 'fault[0].do', problem: 'is for a soak: [churn]' }],
  )
  t.match(
    issuesOf(() => parse(`[hosts]\ncount = 2\n[controller]\ntopology = { n_nodes = 2 }\n${fault('do = "kill"')}`)),
    [{ key: 'fault[0].hosts', problem: 'is required' }],
  )
  t.end()
})

t.test('what has no effect is warned of, and a fault after the end is not done', t => {
  const text = '[churn]\n[collector]\n[sut]\ncommand = ["sleep", "9"]\n[run]\nhold = "5s"\n'
  const { faults, warnings } = parse(`${text}[[fault]]\nat = "6s"\ndo = "kill_observer"\nfor = "0s"\n`)
  t.same(faults, [])
  t.match(warnings, [/^collector: has no effect/, /^fault: kill_observer at 6 s is not done/])
  t.end()
})

t.test('what the log must not have fails a soak whose gates say nothing of it', t => {
  const gatesOf = (text: string) => parse(text).gates.map(({ metric, operator, limit }) => [metric, operator, limit])
  t.same(gatesOf('[churn]\n[sut]\nforbid = ["panic"]'), [['log_matches_count', '==', 0]])
  t.same(gatesOf('[churn]'), [])
  const gated = '[churn]\n[sut]\nforbid = ["panic"]\n[[gate]]\nmetric = "log_matches_count"\nrequire = "<= 3"'
  t.same(gatesOf(gated), [['log_matches_count', '<=', 3]])
  t.end()
})
