// Each gate of each shipped scenario passes on a good run's data, and fails on data in which just its matter went
// wrong.

import t from 'tap'
import { loadScenario, scenarioNames } from '../../src/config/load.ts'
import { judge } from '../../src/judge/judge.ts'
import type { Outcome } from '../../src/judge/types.ts'
import { makePlan } from '../../src/lab/plan.ts'
import { historyOf, type RunData, ringRun } from '../fixtures/run-folder.ts'

const FAR = 1000

function measured(data: RunData, metrics: Record<string, number>, residue: readonly string[] = []): void {
  const outcome = data.outcome as Outcome
  data.outcome = { ...outcome, metrics: { ...outcome.metrics, ...metrics }, residue }
}

/** By metric: what goes wrong. */
const canaries: Readonly<Record<string, (data: RunData) => void>> = {
  nodes_count: data => {
    data.events = data.events.filter(
      event => event.kind !== 'all_wired' && !(event.kind === 'node_ready' && event.node_id === 1),
    )
  },
  residue_count: data => measured(data, { residue_count: 1 }, ["link veth0a in the machine's own namespace"]),
  lost_count: data => {
    const atS = data.events.at(-1)?.t_s ?? 0
    data.events.push({ t_s: atS, from: 'dataplane', kind: 'node_lost', node_id: 1, reason: 'its link went down' })
  },
  threads_count: data => {
    measured(data, { threads_count: FAR })
    data.samples = data.samples.map(sample => ({
      ...sample,
      processes: sample.processes.map(process => ({ ...process, threads_count: FAR })),
    }))
  },
  // One link: too many where there shall be none, too few elsewhere.
  links_count: data => measured(data, { links_up_count: 2 }),
  fabric_to_wired_s: data => {
    const started = data.events.find(event => event.kind === 'fabric_started')
    data.events = data.events.map(event =>
      event.t_s > (started?.t_s as number) ? { ...event, t_s: event.t_s + FAR } : event,
    )
  },
  teardown_s: data => measured(data, { teardown_s: FAR }),
  memory_per_node_bytes: data => measured(data, { memory_after_bytes: 9e12 }),
}

for (const name of scenarioNames()) {
  const { scenario } = loadScenario(name)
  const plan = makePlan(scenario)
  const goodRun = (): RunData => {
    const data = ringRun({ nodes: plan.topology.nodes_count, name })
    return { ...data, plan }
  }

  t.test(`${name}: a good run passes every gate`, async t => {
    const { gates } = judge(historyOf(goodRun()))
    t.same(
      gates.filter(gate => gate.verdict !== 'pass'),
      [],
    )
  })

  for (const [index, { metric }] of scenario.gates.entries()) {
    t.test(`${name}: the gate on ${metric} fails on its canary`, async t => {
      const data = goodRun()
      const put = canaries[metric]
      t.ok(put, 'every metric that a shipped scenario asks for has a canary here')
      put?.(data)
      const report = judge(historyOf(data))
      t.match(report.gates[index], { verdict: 'fail' })
      t.equal(report.exit_code, 1)
    })
  }
}
