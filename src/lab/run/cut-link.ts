// Cuts the way between two neighbours, and joins it again: each end's fleet has its kernel lose what is for the other.

import { NslabError } from '../../base/errors.ts'
import type { RunContext } from './context.ts'
import { DEADLINE_SCALE } from './deadlines.ts'
import type { Hosts } from './hosts.ts'
import { hostOf } from './run-lab.ts'

/** A fleet that is well answers in milliseconds. */
const ANSWER_LIMIT_S = 10

/**
 * Throws USAGE where an end can't be cut off, DEADLINE where its fleet does not answer. An end that is not there any
 * more needs no joining: its namespace went with what was cut.
 */
export async function cutLink(
  context: RunContext,
  hosts: Hosts,
  [a, b]: readonly [number, number],
  isCut: boolean,
): Promise<void> {
  await Promise.all([
    cutWay(context, hosts, { nodeId: a, peerId: b, isCut }),
    cutWay(context, hosts, { nodeId: b, peerId: a, isCut }),
  ])
}

interface Way {
  readonly nodeId: number
  readonly peerId: number
  readonly isCut: boolean
}

async function cutWay(context: RunContext, hosts: Hosts, { nodeId, peerId, isCut }: Way): Promise<void> {
  const program = hostOf(context, hosts, nodeId).programs.get('dataplane')
  if (program === undefined) {
    if (isCut) throw refused(nodeId, peerId, 'its fleet is not there now')
    return
  }
  const ask = context.nextAsk()
  let problem: string | undefined
  const start = (done: () => void): (() => void) => {
    const stop = program.onNotice(notice => {
      if (notice.is !== 'way_cut' || notice.ask !== ask) return
      problem = notice.problem
      done()
    })
    program.send({ do: 'cut_way', ask, node_id: nodeId, address: addressOf(context, peerId), cut: isCut })
    return stop
  }
  const limitS = ANSWER_LIMIT_S * DEADLINE_SCALE[context.level]
  await context.until(start, limitS, () => {
    const waitingFor = `the way from node ${nodeId} to ${peerId} to be ${isCut ? 'cut' : 'there again'}`
    return new NslabError('DEADLINE', { waitingFor, limitS, missing: program.name })
  })
  if (isCut && problem !== undefined) throw refused(nodeId, peerId, problem)
}

function addressOf({ plan }: RunContext, nodeId: number): string {
  const nodes = plan.fleets.flatMap(({ fabric }) => fabric.nodes)
  const node = nodes.find(each => each.nodeId === nodeId)
  if (node === undefined) throw new Error(`the plan has no node ${nodeId}`)
  return node.address
}

const refused = (nodeId: number, peerId: number, problem: string): NslabError =>
  new NslabError('USAGE', { problem: `the way from node ${nodeId} to ${peerId} can't be cut: ${problem}` })
