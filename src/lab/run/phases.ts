// The phases of a run between its preparation and its verdict, each a function of the context and the sites it is on.
// run.ts puts them in order.

import { NslabError } from '../../base/errors.ts'
import type { RunEvent } from '../../protocol/events.ts'
import type { SiteCosts, SiteDifference } from '../../vm/site-calls.ts'
import type { CensusDifference } from '../site/census-diff.ts'
import type { Site } from '../site/site.ts'
import type { RunContext } from './context.ts'
import { DEADLINE_SCALE } from './deadlines.ts'
import type { Hosts } from './hosts.ts'
import { formatIds } from './wiring.ts'

/** Counts each site and its memory in use, and has it make room. Returns the memory in use, bytes of all together. */
export async function takeBaselines(
  context: RunContext,
  sites: readonly Site[],
  withoutMemory = false,
): Promise<number> {
  const { plan } = context
  const interfaces = plan.fleets.flatMap(({ fabric }) => [
    ...fabric.bridges.map(bridge => bridge.name),
    ...fabric.nodes.map(node => node.hostInterface),
  ])
  const { neighbours_count } = plan.needs
  const baselines = await Promise.all(
    sites.map(site =>
      site.baseline({
        neighbours_count,
        interfaces,
        nodes_count: context.nodesCount,
        ...(withoutMemory ? { without_memory: true } : {}),
      }),
    ),
  )
  for (const [index, { warnings }] of baselines.entries())
    for (const warning of warnings) context.warn(`${prefixOf(sites[index] as Site)}${warning}`)
  return sumOf(baselines, baseline => baseline.memory_bytes)
}

/** What a site says of itself, said of which. */
const prefixOf = ({ name }: Site): string => (name === 'local' ? '' : `${name}: `)

const sumOf = <T>(list: readonly T[], of: (each: T) => number): number => list.reduce((sum, each) => sum + of(each), 0)

/** From the first kernel call of the fabric until the controller has acknowledged the last node's links. */
export async function wire(context: RunContext, hosts: Hosts): Promise<void> {
  const limitS = context.plan.scenario.run.deadlineS * DEADLINE_SCALE[context.level]
  const wired = context.waitFor(
    event => {
      showWiring(context, event)
      return event.kind === 'all_wired'
    },
    limitS,
    () => missingMembers(context, limitS),
  )
  for (const dataplane of hosts.dataplanes) dataplane.send({ do: 'build' })
  await wired
}

function showWiring(context: RunContext, event: RunEvent): void {
  const { wiring, nodesCount } = context
  if (event.kind === 'node_up' && wiring.ready.size === 0) context.progress('namespaces up', wiring.up.size, nodesCount)
  else if (event.kind === 'node_ready') context.progress('nodes wired', wiring.ready.size, nodesCount)
}

export function missingMembers(context: RunContext, limitS: number): NslabError {
  const { stage, ids } = context.wiring.missing(context.nodesCount)
  return new NslabError('DEADLINE', {
    waitingFor: `all ${context.nodesCount} nodes wired`,
    limitS,
    missing: ids.length === 0 ? stage : `${ids.length} not ${stage}: ids ${formatIds(ids)}`,
    stage,
    ids,
  })
}

/** What the wired fleets cost. */
export async function measure(context: RunContext, sites: readonly Site[]): Promise<void> {
  const { metrics } = context
  const costs = await Promise.all(sites.map(site => site.measure()))
  metrics.memory_after_bytes = sumOf(costs, cost => cost.memory_bytes)
  const of = (name: SiteCosts['programs'][number]['program']): SiteCosts['programs'] =>
    costs.flatMap(({ programs }) => programs.filter(({ program }) => program === name))
  metrics.dataplane_rss_bytes = sumOf(of('dataplane'), cost => cost.rss_bytes)
  metrics.threads_count = Math.max(...of('dataplane').map(cost => cost.threads_count))
  metrics.controller_rss_bytes = sumOf(of('controller'), cost => cost.rss_bytes)
  metrics.controller_threads_count = sumOf(of('controller'), cost => cost.threads_count)
  // The controller's descendants are its private database server, whichever process that is by now.
  const databases = of('controller').flatMap(cost => cost.descendants_bytes ?? [])
  if (databases.length > 0) metrics.database_rss_bytes = sumOf(databases, bytes => bytes)
}

/** Waits for each kernel to finish, then compares each site with what it was. */
export async function verifySites(
  context: RunContext,
  sites: readonly Site[],
  cookiesOf: (site: Site) => readonly (readonly [number, string])[],
): Promise<CensusDifference> {
  const found = await Promise.all(sites.map(site => site.verify({ cookies: cookiesOf(site) })))
  const difference: { residue: string[]; foreign: string[] } = { residue: [], foreign: [] }
  for (const [index, { residue, foreign, warnings, cleanup_wait_s }] of found.entries()) {
    const prefix = prefixOf(sites[index] as Site)
    difference.residue.push(...residue.map(what => prefix + what))
    difference.foreign.push(...foreign.map(what => prefix + what))
    for (const warning of warnings) context.warn(prefix + warning)
    noteCleanup(context, cleanup_wait_s)
  }
  return difference
}

function noteCleanup({ metrics }: RunContext, waitedS: SiteDifference['cleanup_wait_s']): void {
  if (waitedS !== null) metrics.cleanup_wait_s = Math.max(metrics.cleanup_wait_s ?? 0, waitedS)
}
