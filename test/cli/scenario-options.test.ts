import { Command } from 'commander'
import t from 'tap'
import { listText } from '../../src/cli/list.ts'
import { addScenarioOptions, loadWithOptions, overridesOf } from '../../src/cli/run/scenario-options.ts'
import { loadScenario } from '../../src/config/load.ts'

function overridesFrom(...args: string[]) {
  const command = addScenarioOptions(new Command())
  command.parse(args, { from: 'user' })
  return overridesOf(command.opts())
}

t.test('every flag stands for a key of the scenario', t => {
  const flags = '--nodes 8 --on host --hosts 2 --duration 12h --seed 3 --accel tcg --out here --keep'.split(' ')
  const { scenario } = loadScenario('ring', overridesFrom(...flags))
  t.match(scenario, {
    seed: 3,
    hosts: { on: 'host', count: 2, accel: 'tcg' },
    controller: { topology: { preset: { nNodes: 8 } } },
    run: { holdS: 43_200, out: 'here', keep: true },
  })
  t.end()
})

t.test('--set may be repeated, and a flag wins over it', t => {
  t.same(overridesFrom('--seed', '2', '--set', 'seed=1', '--set', 'run.hold=1s'), [
    { key: 'seed', value: '1', from: '--set seed=1' },
    { key: 'run.hold', value: '1s', from: '--set run.hold=1s' },
    { key: 'seed', value: '2', from: '--seed 2' },
  ])
  t.same(overridesFrom(), [])
  t.equal(loadWithOptions('ring', {}).scenario.name, 'ring', 'no option is needed')
  t.end()
})

t.test('the list has a line a scenario, in columns', t => {
  const text = listText([loadScenario('ring').scenario, loadScenario('torus-1000').scenario])
  t.match(text, /^ring {9}100 nodes {2}\S.*\ntorus-1000 {2}1000 nodes {2}\S.*\n$/)
  t.equal(listText([]), '')
  const soak = loadScenario('churn').scenario
  const connections = loadScenario('connections').scenario
  t.match(
    listText([soak, connections]),
    /^churn {10}200 namespaces {3}\S.*\nconnections {2}50000 connections {2}\S.*\n$/,
    'of each what it has',
  )
  const most = loadScenario('connections', [{ key: 'connections.count', value: 'max', from: 'a test' }]).scenario
  t.match(listText([most]), /^connections {2}max connections {2}\S/)
  t.end()
})
