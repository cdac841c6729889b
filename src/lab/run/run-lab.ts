// A run that goes on, as people reach its VMs and its links by lab.sock.

import { NslabError } from '../../base/errors.ts'
import type { Ground } from '../site/ground.ts'
import { GUEST_LAUNCHER, type GuestPlace, type Lab } from '../visit/lab.ts'
import type { RunContext } from './context.ts'
import { DEADLINE_SCALE } from './deadlines.ts'
import type { Hosts, RunHost } from './hosts.ts'

/** A fleet that is well answers in milliseconds. */
const ANSWER_LIMIT_S = 5

export function labOf(context: RunContext, ground: Ground, whereIs: Lab['whereIs'], links: Lab['links']): Lab {
  return {
    get vms() {
      return ground.labVms
    },
    runId: context.runId,
    launcher: GUEST_LAUNCHER,
    whereIs,
    links,
    stop: async () => {
      const problem = 'the run still goes on, and its VMs with it'
      throw new NslabError('USAGE', { problem, hint: 'nslab stop --force interrupts it.' })
    },
  }
}

/** The host whose fleet has the node. Throws USAGE where none has. */
export function hostOf({ plan: { fleets } }: RunContext, hosts: Hosts, nodeId: number): RunHost {
  const index = fleets.findIndex(({ nodeIdOffset, nNodes }) => nodeId > nodeIdOffset && nodeId <= nodeIdOffset + nNodes)
  const host = hosts.all.find(({ plan }) => plan.fleet === index)
  if (index < 0 || host === undefined) {
    const known = fleets.map(({ nodeIdOffset, nNodes }) => `${nodeIdOffset + 1}-${nodeIdOffset + nNodes}`)
    throw new NslabError('USAGE', {
      problem: `the run has no node ${nodeId}; its nodes are ${known.join(', ')}`,
      hint: 'NODE is an id.',
      node_id: nodeId,
      known,
    })
  }
  return host
}

/** Asks the fleet that has the node. */
export async function whereIs(context: RunContext, hosts: Hosts, nodeId: number): Promise<GuestPlace> {
  const host = hostOf(context, hosts, nodeId)
  const dataplane = host.programs.get('dataplane')
  if (dataplane === undefined) throw notThere(nodeId)
  let place: GuestPlace | null = null
  const start = (done: () => void): (() => void) => {
    const stop = dataplane.onNotice(notice => {
      if (notice.is !== 'netns' || notice.node_id !== nodeId) return
      const { pid, fd, cookie } = notice
      place = { vm: host.plan.vm, pid, fd, ...(cookie === undefined ? {} : { cookie }) }
      done()
    })
    dataplane.send({ do: 'netns', node_id: nodeId })
    return stop
  }
  const limitS = ANSWER_LIMIT_S * DEADLINE_SCALE[context.level]
  await context.until(start, limitS, () => {
    return new NslabError('DEADLINE', { waitingFor: `where node ${nodeId} is`, limitS, missing: dataplane.name })
  })
  const found = place as unknown as GuestPlace
  if (found.fd < 0) throw notThere(nodeId)
  return found
}

function notThere(nodeId: number): NslabError {
  const problem = `node ${nodeId} has no namespace now`
  return new NslabError('USAGE', { problem, hint: 'The node may be starting or gone.', node_id: nodeId })
}
