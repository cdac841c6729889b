import { createHash } from 'node:crypto'
import t from 'tap'
import { loadScenario, scenarioNames } from '../../../src/config/load.ts'
import type { Override } from '../../../src/config/override.ts'
import { parseScenario } from '../../../src/config/scenario.ts'
import { makePlan, planToJson } from '../../../src/lab/plan/plan.ts'
import { nslabErrorOf } from '../../fixtures/issues.ts'

const override = (key: string, value: string | number): Override => ({
  key,
  value: String(value),
  from: `--set ${key}=${value}`,
})

const planOf = (name: string, ...overrides: Override[]) => makePlan(loadScenario(name, overrides).scenario)

const planText = (text: string) => makePlan(parseScenario(`name = "x"\n${text}`, 'x.toml', [], path => path))

t.test('the plan of three nodes, whole', t => {
  t.matchSnapshot(planToJson(planOf('ring', override('nodes', 3))))
  t.end()
})

t.test('the plan of two hosts gives each fleet ids and a /22 of its own', t => {
  t.matchSnapshot(planToJson(planOf('ring', override('nodes', 5), override('hosts.count', 2))))
  t.end()
})

t.test('the plan of a soak, whole', t => {
  const text = '[churn]\nnamespaces = 5\nrate_per_s = 2.5\nmin_life = "500ms"\n[run]\nhold = "2s"\n'
  const scenario = parseScenario(`name = "x"\n${text}`, 'x.toml', [], path => path)
  t.matchSnapshot(planToJson(makePlan(scenario)))
  t.equal(makePlan(scenario).churn?.ops_count, 10, 'five of the fill, five in two seconds')
  const other = makePlan({ ...scenario, seed: 2 })
  t.not(other.churn?.digest, makePlan(scenario).churn?.digest)
  t.end()
})

t.test('the plans of the scenarios that ship have not changed', t => {
  for (const name of scenarioNames())
    t.matchSnapshot(
      createHash('sha256')
        .update(planToJson(planOf(name)))
        .digest('hex'),
      name,
    )
  t.end()
})

t.test('the same scenario, overrides and seed give the same bytes', t => {
  const text = () => planToJson(planOf('torus-1000', override('seed', 9)))
  t.equal(text(), text())
  t.not(planToJson(planOf('torus-1000', override('seed', 10))), text())
  t.end()
})

t.test('a plan survives its JSON', t => {
  const plan = planOf('ring', override('nodes', 4))
  t.same(JSON.parse(planToJson(plan)), plan)
  t.end()
})

t.test('fleets share the nodes as evenly as they divide', t => {
  const { fleets } = planOf('ring', override('nodes', 2045), override('hosts.count', 2))
  t.match(fleets, [
    {
      host: 'host1',
      nodeIdOffset: 0,
      nNodes: 1023,
      fabric: { bridges: [{ address: '172.16.8.1' }, { address: '172.16.12.1' }] },
    },
    {
      host: 'host2',
      nodeIdOffset: 1023,
      nNodes: 1022,
      fabric: { bridges: [{ address: '172.16.16.1' }, { address: '172.16.20.1' }] },
    },
  ])
  t.end()
})

t.test('shortest paths need a way between all nodes', t => {
  const routing = (topology: string) =>
    planText(`[controller]\ntopology = ${topology}\nrouting = { protocol = "shortest_path" }`)
  t.equal(routing('{ type = "line", line_config = { n_nodes = 4 } }').topology.edges.length, 3)
  t.match(
    nslabErrorOf(() => routing('{ n_nodes = 4, edges = [[1, 2], [3, 4]] }')),
    { code: 'CONFIG_INVALID' },
  )
  t.end()
})

t.test('explicit routes run along links', t => {
  const routed = (route: string) =>
    planText(
      `[controller]\ntopology = { type = "line", line_config = { n_nodes = 4 } }\nroutes = [{ route = ${route} }]`,
    )
  t.equal(routed('[1, 2, 3]').scenario.controller.routes.length, 1)
  const error = nslabErrorOf(() => routed('[[1, 3], [3, 2], [2, 4]]'))
  t.equal(error.code, 'CONFIG_INVALID')
  t.equal((error.facts.problems as string[]).length, 2)
  t.end()
})

t.test('fleets beyond the last address are refused', t => {
  const text =
    'hosts = { count = 3 }\n[controller]\ntopology = { n_nodes = 6 }\n[dataplane]\nbridge_ip = "255.255.248.1"'
  t.match(
    nslabErrorOf(() => planText(text)),
    { code: 'CONFIG_INVALID' },
  )
  t.equal(planText(text.replace('count = 3', 'count = 2')).fleets.length, 2)
  t.end()
})
