import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { readPlan, scenarioTextBeside } from '../../src/cli/run/plan-file.ts'
import { repeatCommand } from '../../src/cli/run/repeat.ts'
import { isPlanPath } from '../../src/cli/run/scenario-options.ts'
import { loadScenario, scenarioNames } from '../../src/config/load.ts'
import { scheduleOf } from '../../src/lab/churn/schedule.ts'
import { beginningOf, without } from '../../src/lab/churn/shrink.ts'
import { makePlan, planToJson } from '../../src/lab/plan/plan.ts'
import { planWithSchedule } from '../../src/lab/plan/soak.ts'
import type { Plan } from '../../src/plan.ts'

const planOf = (name: string): Plan => makePlan(loadScenario(name).scenario)

function written(t: Test, text: string): string {
  const path = join(t.testdir(), 'plan.json')
  writeFileSync(path, text)
  return path
}

/** The plan with a value of its own at `path`; undefined takes the key away. */
function changed(plan: Plan, path: string, value: unknown): string {
  const copy = JSON.parse(planToJson(plan)) as Record<string, unknown>
  const keys = path.split('.')
  const last = keys.pop() as string
  const table = keys.reduce((at, key) => at[key] as Record<string, unknown>, copy)
  table[last] = value
  return JSON.stringify(copy)
}

/** A soak's plan with a schedule of its own. */
function explicit(): Plan {
  const plan = planOf('selfcheck')
  const { seed, soak, run } = plan.scenario
  if (soak === undefined) throw new Error('no soak')
  const operations = [...scheduleOf(soak.churn, seed, run.holdS)]
  return planWithSchedule(plan, without(beginningOf({ operations, durationS: run.holdS }, 5), new Set([1, 2])))
}

t.test('plans of every scenario that ships are read back to the byte', async t => {
  for (const name of scenarioNames()) {
    if (name === 'nextmini') continue
    const text = planToJson(planOf(name))
    t.equal(planToJson(readPlan(written(t, text))), text, name)
  }
})

t.test('a plan with a schedule of its own is read back to the byte', async t => {
  const plan = explicit()
  t.ok((plan.churn?.operations ?? []).length > 0)
  t.equal(planToJson(readPlan(written(t, planToJson(plan)))), planToJson(plan))
})

t.test('a plan from before there was a choice of tables is read', async t => {
  const text = changed(planOf('selfcheck'), 'scenario.soak.churn.connectionTable', undefined)
  t.equal(planToJson(readPlan(written(t, text))), planToJson(JSON.parse(text) as Plan))
})

t.test('a plan from before the network between hosts had a choice of MTU is read', async t => {
  const plan = planOf('multihost')
  const hosts = plan.hosts.map(({ uplink, ...host }) => ({ ...host, uplink: { ...uplink, mtu: undefined } }))
  const text = changed({ ...plan, hosts } as unknown as Plan, 'scenario.hosts.mtu', undefined)
  t.notMatch(text, /"mtu":1500/)
  t.equal(planToJson(readPlan(written(t, text))), planToJson(JSON.parse(text) as Plan))
})

t.test('what is no plan is refused', async t => {
  for (const text of [
    '',
    'name = "ring"',
    'null',
    '[]',
    '{}',
    '{"schema": "nslab.report/1"}',
    '{"schema": "nslab.plan/1"}',
  ])
    t.throws(() => readPlan(written(t, text)), { code: 'USAGE', facts: { problem: /is no plan of nslab/ } }, text)
  t.throws(() => readPlan(join(t.testdir(), 'none.json')), { code: 'FILE_UNREADABLE' })
})

t.test('a plan that this nslab would run as another is refused', async t => {
  const soak = planOf('selfcheck')
  const others = {
    'another schema': changed(soak, 'schema', 'nslab.plan/2'),
    'a key of a newer one': changed(soak, 'scenario.soak.churn.burst', 3),
    'a section of a newer one': changed(soak, 'scenario.load', {}),
    'a newer key of the plan': changed(soak, 'volumes', []),
    'a key that it lacks': changed(soak, 'scenario.run.growthLeastS', undefined),
    'another schedule of the seed': changed(soak, 'churn.digest', 'd'.repeat(64)),
    'other needs': changed(planOf('ring'), 'needs.memory_bytes', 1),
    'a scenario that makes no plan': changed(planOf('ring'), 'scenario.controller', null),
  }
  for (const [what, text] of Object.entries(others))
    t.throws(
      () => readPlan(written(t, text)),
      { code: 'USAGE', facts: { problem: /is a plan of another nslab/ } },
      what,
    )
  const path = written(t, others['other needs'])
  writeFileSync(join(path, '..', 'environment.json'), '{"versions": {"nslab": "9.9.9"}, "commit": "abc"}')
  t.throws(() => readPlan(path), { code: 'USAGE', facts: { hint: /9\.9\.9, commit abc/ } }, 'says which one')
})

t.test('a number that was changed so that the schedule has no end is refused at once', async t => {
  const plan = planOf('churn')
  const cases = {
    ratePerS: [1e300, 'x', 1e-300],
    namespaces: [1e300, -5],
    faultIntervalS: [0, -1],
    minLifeS: ['x', -1],
  }
  for (const [key, values] of Object.entries(cases))
    for (const value of values)
      t.throws(
        () => readPlan(written(t, changed(plan, `scenario.soak.churn.${key}`, value))),
        { code: 'USAGE' },
        `${key} = ${value}`,
      )
  const endless = changed(plan, 'scenario.run.holdS', 1).replace('"holdS":1,', '"holdS":1e999,')
  t.throws(() => readPlan(written(t, endless)), { code: 'USAGE', message: /run.holdS is of another kind/ })
})

t.test('operations that were changed are refused', async t => {
  const plan = explicit()
  const operations = plan.churn?.operations ?? []
  for (const other of [operations.slice(1), [], 'none', [null]])
    t.throws(() => readPlan(written(t, changed(plan, 'churn.operations', other))), {
      code: 'USAGE',
      facts: { problem: /they were changed/ },
    })
})

t.test('flags that make another plan are refused, each named', async t => {
  const path = written(t, planToJson(planOf('ring')))
  const refused = (flags: readonly string[], options: Parameters<typeof repeatCommand>[1]) =>
    t.rejects(repeatCommand(path, options), { code: 'USAGE', facts: { flags } })
  await refused(['--nodes'], { nodes: '5', set: [] })
  await refused(['--set seed=3', '--duration', '--keep'], { duration: '3s', keep: true, set: ['seed=3'], out: 'x' })
  await t.rejects(repeatCommand(path, { on: 'moon' }), { code: 'USAGE', facts: { problem: /moon/ } })
  await t.rejects(repeatCommand(path, { budget: 3 }), { code: 'USAGE', facts: { problem: /--budget/ } })
  await t.rejects(repeatCommand(path, { shrink: true }), { code: 'USAGE', facts: { problem: /not of a soak/ } })
  const counted = written(t, changed(planOf('ring'), 'scenario.run.deterministic', true))
  await t.rejects(repeatCommand(counted, {}), { code: 'USAGE', facts: { hint: /nslab replay/ } })
})

t.test('a soak that nobody ran has no gate to look for', async t => {
  const path = written(t, planToJson(planOf('selfcheck')))
  await t.rejects(repeatCommand(path, { shrink: true }), { code: 'USAGE', facts: { problem: /is no run folder/ } })
})

t.test('the text of the scenario is taken from beside the plan', async t => {
  const path = written(t, '{}')
  t.match(scenarioTextBeside(path), /^# .*plan.*\n$/)
  writeFileSync(join(path, '..', 'scenario.toml'), 'name = "mine"\n')
  t.equal(scenarioTextBeside(path), readFileSync(join(path, '..', 'scenario.toml'), 'utf8'))
  t.ok(isPlanPath('runs/latest/plan.json') && !isPlanPath('ring') && !isPlanPath('a/b.toml'))
})
