// The course of a fleet: from nothing to wired nodes, held for as long as the scenario says.

import { hasTraffic } from '../../config/has-traffic.ts'
import type { Ground } from '../site/ground.ts'
import { TrafficWatch } from '../traffic/drain.ts'
import { RunSteering } from '../traffic/steer.ts'
import type { RunContext } from './context.ts'
import type { Course } from './course.ts'
import { cutLink } from './cut-link.ts'
import { holdWithFaults } from './faults.ts'
import type { Hosts } from './hosts.ts'
import { measure, wire } from './phases.ts'
import { proveWiring, provingFleets, tokenComesHome } from './proof.ts'
import { whereIs } from './run-lab.ts'

export function fleetCourse(context: RunContext, ground: Ground, hosts: Hosts): Course {
  return {
    crew: hosts,
    whereIs: nodeId => whereIs(context, hosts, nodeId),
    links: new RunSteering(context, ground, hosts),
    drive: startSampling => drive(context, ground, hosts, startSampling),
  }
}

async function drive(
  context: RunContext,
  ground: Ground,
  hosts: Hosts,
  startSampling: () => Promise<void>,
): Promise<void> {
  await context.inPhase('prepare', async () => {
    await hosts.start()
    await startSampling()
  })
  await context.inPhase('wire', () => wire(context, hosts))
  await context.inPhase('measure', async () => {
    await Promise.all(ground.sites.map(site => site.sampleNow()))
    await measure(context, ground.sites)
    Object.assign(context.metrics, await ground.facts())
  })
  const prove = async (): Promise<void> => {
    await proveWiring(context, provingFleets(hosts))
    context.metrics.proofs_count = (context.metrics.proofs_count ?? 0) + 1
  }
  await context.inPhase('prove', prove)
  const hold = (): Promise<void> => {
    const getsRound = (limitS: number) => tokenComesHome(context, provingFleets(hosts), limitS)
    const cut = (link: readonly [number, number], isCut: boolean) => cutLink(context, hosts, link, isCut)
    return holdWithFaults({ context, hosts, ground, cutLink: cut, prove, getsRound })
  }
  if (!hasTraffic(context.plan.scenario)) return context.inPhase('hold', hold)
  const watch = new TrafficWatch(context, () => provingFleets(hosts))
  try {
    watch.begin()
    await context.inPhase('hold', hold)
    await context.inPhase('drain', () => watch.drain())
  } finally {
    watch.end()
  }
}
