// The proof of the wiring in one line: what a token walked, and how many links agree at both ends.

import type { History, Report } from '../judge/types.ts'
import type { Plan } from '../plan.ts'
import { formatCount, formatSeconds } from './format.ts'

export interface ProofLine {
  readonly isProven: boolean
  readonly text: string
}

/** Null where the run made no proof, or had nothing to prove. */
export function proofLine({ metrics }: Report, history: History): ProofLine | null {
  const { topology, fleets } = history.plan as Plan
  const { links_count: agree, links_disagreeing_count: disagreeing, links_missing_count: missing } = metrics
  const hops = metrics.ring_hops_count
  const isNothing = disagreeing === undefined || (disagreeing === 0 && topology.edges.length === 0)
  // A node alone has its token, and no link that could be wrong.
  if (isNothing && (hops === undefined || topology.nodes_count === 1)) return null
  const isWalked = hops === undefined || metrics.ring_walk_s !== undefined
  const isProven = isWalked && disagreeing === 0 && missing === 0
  const facts = [
    hops === undefined ? '' : walkText(hops, metrics.ring_walk_s, topology.nodes_count),
    ...(disagreeing === undefined
      ? ['its links are not known']
      : [
          `${counted(agree ?? 0, 'link')} ${agree === 1 ? 'agrees' : 'agree'}`,
          disagreeing > 0 ? `${formatCount(disagreeing)} ${disagreeing === 1 ? 'disagrees' : 'disagree'}` : '',
          (missing ?? 0) > 0 ? `${formatCount(missing ?? 0)} missing` : '',
          fleets.length > 1 ? crossingText(metrics.links_crossing_count ?? 0) : '',
        ]),
  ].filter(fact => fact !== '')
  const what = hops === undefined ? 'links' : 'ring'
  return { isProven, text: `${what} ${isProven ? 'proven' : 'not proven'}: ${facts.join(', ')}` }
}

const counted = (count: number, noun: string): string => `${formatCount(count)} ${noun}${count === 1 ? '' : 's'}`

const crossingText = (count: number): string => `${formatCount(count)} ${count === 1 ? 'crosses' : 'cross'} hosts`

function walkText(hops: number, walkS: number | undefined, nodesCount: number): string {
  return walkS === undefined
    ? `the token made ${formatCount(hops)} of ${formatCount(nodesCount)} hops`
    : `${counted(hops, 'hop')} in ${formatSeconds(walkS)}`
}
