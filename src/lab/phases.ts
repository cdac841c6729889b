// The phases of a run between its preparation and its verdict, each a function of the context. run.ts puts them in
// order.

import { NslabError } from '../base/errors.ts'
import type { RunEvent } from '../protocol/events.ts'
import { type Census, observeRun, type RunObjects, takeCensus } from './census.ts'
import { type CensusDifference, diffCensus } from './census-diff.ts'
import type { RunContext } from './context.ts'
import { leaseHoldersOf } from './leases.ts'
import { listRuns } from './live-runs.ts'
import { awaitStillMemory, descendantsPssBytes, markTeardown, processCost, settledMemoryBytes } from './measure.ts'
import type { Programs } from './programs.ts'
import { cookieAt, quiesce } from './quiesce.ts'
import { formatIds } from './wiring.ts'

/** Emulated processors are this much slower, so deadlines grow with the level. */
const DEADLINE_SCALE = { host: 1, kvm: 1, tcg: 8 } as const

/** The kernel removes namespaces of earlier runs at about 1 ms each; a longer queue is another program's doing. */
const QUIESCE_LIMIT_MS = 30_000

export interface Baseline {
  readonly census: Census
  readonly memoryBytes: number
}

/** Waits until the kernel is done with earlier namespaces, then counts what is there and what memory is in use. */
export async function takeBaseline(context: RunContext): Promise<Baseline> {
  const waitedS = await quiesce(QUIESCE_LIMIT_MS)
  if (waitedS === null) {
    context.warn('the kernel is still removing earlier namespaces: memory_before_bytes counts what is left of them')
  }
  if (!(await awaitStillMemory(context.clock, durationS => context.hold(durationS)))) {
    context.warn('the kernel is still freeing the memory of earlier namespaces: memory_per_node_bytes may be too small')
  }
  const census = takeCensus()
  const memoryBytes = await settledMemoryBytes()
  context.metrics.memory_before_bytes = memoryBytes
  return { census, memoryBytes }
}

/** From the first kernel call of the fabric until the controller has acknowledged the last node's links. */
export async function wire(context: RunContext, programs: Programs): Promise<void> {
  const limitS = context.plan.scenario.run.deadlineS * DEADLINE_SCALE[context.level]
  const wired = context.waitFor(
    event => {
      showWiring(context, event)
      return event.kind === 'all_wired'
    },
    limitS,
    () => missingMembers(context, limitS),
  )
  for (const dataplane of programs.dataplanes) dataplane.send({ do: 'build' })
  await wired
}

function showWiring(context: RunContext, event: RunEvent): void {
  const { wiring, nodesCount } = context
  if (event.kind === 'node_up' && wiring.ready.size === 0) context.progress('namespaces up', wiring.up.size, nodesCount)
  else if (event.kind === 'node_ready') context.progress('nodes wired', wiring.ready.size, nodesCount)
}

function missingMembers(context: RunContext, limitS: number): NslabError {
  const { stage, ids } = context.wiring.missing(context.nodesCount)
  return new NslabError('DEADLINE', {
    waitingFor: `all ${context.nodesCount} nodes wired`,
    limitS,
    missing: ids.length === 0 ? stage : `${ids.length} not ${stage}: ids ${formatIds(ids)}`,
    stage,
    ids,
  })
}

/** What the wired fleet costs, and which kernel objects belong to the run. */
export async function measure(context: RunContext, programs: Programs): Promise<RunObjects> {
  const { metrics } = context
  metrics.memory_after_bytes = await settledMemoryBytes()
  const controller = processCost(programs.controller.pid)
  const dataplanes = programs.dataplanes.map(program => processCost(program.pid))
  metrics.dataplane_rss_bytes = dataplanes.reduce((sum, cost) => sum + cost.rssBytes, 0)
  metrics.threads_count = Math.max(...dataplanes.map(cost => cost.threads))
  metrics.controller_rss_bytes = controller.rssBytes
  metrics.controller_threads_count = controller.threads
  const databaseBytes = descendantsPssBytes(programs.controller.pid)
  if (databaseBytes !== null) metrics.database_rss_bytes = databaseBytes
  return observe([programs.controller.pid, ...programs.dataplanes.map(program => program.pid)])
}

/**
 * Kernel objects of the run as others can see them; asked again before the teardown, since nodes may have been
 * remade.
 */
export function observe(pids: readonly number[]): RunObjects {
  return observeRun(pids)
}

/** Everything observed over the run together. */
export function mergeObjects(objects: readonly RunObjects[]): RunObjects {
  return {
    processes: objects.flatMap(one => one.processes),
    namespaces: [...new Set(objects.flatMap(one => one.namespaces))],
    shared_memory: [...new Set(objects.flatMap(one => one.shared_memory))],
  }
}

export interface ResidueFacts {
  readonly before: Census
  readonly objects: RunObjects
  /** Of every namespace that the run made: inode → cookie. */
  readonly cookies: ReadonlyMap<number, string>
  readonly raised: Readonly<Record<string, number>>
  /** What a dataplane reported as not removed by its deadline. */
  readonly remaining: readonly string[]
}

/** Waits for the kernel to finish, then compares the machine with what it was. */
export async function verify(context: RunContext, facts: ResidueFacts): Promise<CensusDifference> {
  const waitedS = await quiesce(QUIESCE_LIMIT_MS)
  if (waitedS !== null) context.metrics.cleanup_wait_s = waitedS
  markTeardown(context.nodesCount)
  const after = takeCensus({ known: facts.cookies, cookieOf: cookieAt })
  const difference = diffCensus(facts.before, after, {
    ...facts.objects,
    run_id: context.runId,
    pid: process.pid,
    interfaces: context.plan.fleets.flatMap(({ fabric }) => [
      ...fabric.bridges.map(bridge => bridge.name),
      ...fabric.nodes.map(node => node.hostInterface),
    ]),
    cookies: Object.fromEntries(facts.cookies),
    raised: facts.raised,
    leaseHolders: leaseHoldersOf,
    otherRunPids: listRuns().live.flatMap(run => (run.run_id === context.runId ? [] : run.pid)),
    keptFolders: [context.folder.path],
  })
  const residue = [
    ...facts.remaining.map(name => `${name} in the fabric, not removed by the deadline`),
    ...difference.residue,
  ]
  context.metrics.residue_count = residue.length
  return { residue, foreign: difference.foreign }
}
