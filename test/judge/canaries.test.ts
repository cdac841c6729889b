// Each gate of each shipped scenario passes on a good run's data, and fails on data in which just its matter went
// wrong.

import t from 'tap'
import { loadScenario, scenarioNames } from '../../src/config/load.ts'
import { judge } from '../../src/judge/judge.ts'
import type { Outcome } from '../../src/judge/types.ts'
import { makePlan } from '../../src/lab/plan.ts'
import type { LinkEnd } from '../../src/protocol/steering.ts'
import { walkOfFault, withEnds, withPlan } from '../fixtures/proof.ts'
import { historyOf, type RunData, ringRun } from '../fixtures/run-folder.ts'

const FAR = 1000

function measured(data: RunData, metrics: Record<string, number>, residue: readonly string[] = []): void {
  const outcome = data.outcome as Outcome
  data.outcome = { ...outcome, metrics: { ...outcome.metrics, ...metrics }, residue }
}

const isBetween = ([id, peer]: LinkEnd, a: number, b: number): boolean =>
  (id === a && peer === b) || (id === b && peer === a)

const fleetOf = ({ plan }: RunData, id: number) =>
  plan.fleets.find(({ nodeIdOffset, nNodes }) => id > nodeIdOffset && id <= nodeIdOffset + nNodes)

const hostOf = (data: RunData, id: number): string => fleetOf(data, id)?.host ?? ''

const addressOf = (data: RunData, id: number): string =>
  fleetOf(data, id)?.fabric.nodes.find(({ nodeId }) => nodeId === id)?.address ?? ''

/** Adds a link that nobody planned, between nodes 1 and 2 of the first host, both ends of it. */
function addStray(data: RunData): void {
  const [one, other] = [`${addressOf(data, 1)}:8080`, `${addressOf(data, 2)}:40000`]
  const both: LinkEnd[] = [
    [1, 2, one, other],
    [2, 1, other, one],
  ]
  data.links = data.links.map((listing, index) =>
    index === 0 ? { ...listing, ends: [...listing.ends, ...both] } : listing,
  )
}

/** Takes away every link between hosts. */
function uncrossed(data: RunData): void {
  const crosses = ([id, peer]: LinkEnd): boolean => hostOf(data, id) !== hostOf(data, peer)
  data.links = withEnds(data, end => (crosses(end) ? null : end)).links
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
  links_count: data => {
    const [edge] = data.plan.topology.edges
    const [a, b] = edge ?? [1, 2]
    if (edge) data.links = withEnds(data, end => (isBetween(end, a, b) ? null : end)).links
    else addStray(data)
    measured(data, { links_up_count: 2 * (data.plan.topology.edges.length + (edge ? -1 : 1)) })
  },
  links_missing_count: data => {
    data.links = withEnds(data, end => (isBetween(end, 1, 2) ? null : end)).links
  },
  // The published two-host example: a node of the second host links to one beside it that has the wanted address.
  links_disagreeing_count: data => {
    if (data.plan.topology.edges.length === 0) return addStray(data)
    data.links = withEnds(data, ([id, peer, local, remote]) =>
      id === 2 && peer === 1 ? [id, peer, local, `${addressOf(data, 4)}:8080`] : [id, peer, local, remote],
    ).links
  },
  links_crossing_count: uncrossed,
  links_crossing_missing_count: uncrossed,
  addresses_overlapping_count: data => {
    data.links = withEnds(data, ([id, peer, local, remote]) =>
      id === 2 ? [id, peer, `${addressOf(data, 1)}:8080`, remote] : [id, peer, local, remote],
    ).links
  },
  // A walk that skips a node.
  ring_hops_count: data => {
    data.events = data.events.filter(event => !(event.kind === 'token_passed' && event.hops === 3))
  },
  proofs_count: data => {
    data.events = data.events.filter(event => !(event.kind === 'token_passed' && event.walk === 1 && event.hops === 3))
  },
  faults_count: data => {
    data.events = data.events.filter(({ kind }) => kind !== 'fault_ended')
  },
  // A token gets round while the fault lasts.
  faults_felt_count: data => {
    const during = data.events.find(event => event.kind === 'proof_started' && event.proof === walkOfFault(0))
    const hops = data.plan.topology.nodes_count
    data.events.push({
      t_s: (during?.t_s ?? 0) + 0.01,
      from: 'dataplane host1',
      kind: 'token_passed',
      walk: walkOfFault(0),
      node_id: 1,
      from_id: hops,
      hops,
    })
  },
  rows_kept_count: data => {
    data.events = data.events.map(event => (event.kind === 'database_ready' ? { ...event, nodes_count: 9 } : event))
  },
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
    return withPlan(ringRun({ nodes: plan.topology.nodes_count, name }), plan)
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
