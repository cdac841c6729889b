// What was done to hosts and links on purpose, a line each: for how long, who felt it, who had to come back, and when
// all was whole again.

import type { FaultConfig } from '../config/types.ts'
import { FELT_BY_TOKENS } from '../judge/fault-metrics.ts'
import { inOrder } from '../judge/timeline.ts'
import type { History } from '../judge/types.ts'
import type { Plan } from '../plan.ts'
import type { RunEvent } from '../protocol/events.ts'
import { formatCount, formatSeconds } from './format.ts'

export interface FaultLine {
  /** It was undone, and all was whole again. */
  readonly isOvercome: boolean
  readonly text: string
}

/** Empty where nothing was done to hosts; soaks tell of theirs by gates. */
export function faultLines(history: History): FaultLine[] {
  if (history.soak) return []
  const { scenario, topology } = history.plan as Plan
  const events = inOrder(history.events)
  return (scenario.faults ?? []).map((fault, index) => lineOf(fault, index, events, topology.nodes_count))
}

function lineOf(fault: FaultConfig, index: number, events: readonly RunEvent[], nodesCount: number): FaultLine {
  const hosts = [...fault.hosts, ...(fault.links ?? []).map(([a, b]) => `the link ${a}-${b}`)].join(', ')
  const done = fault.links === undefined ? DONE[fault.op] : 'cut'
  const at = (kind: 'fault_started' | 'fault_ended' | 'recovered'): number | undefined =>
    events.find(event => event.kind === kind && event.fault === index)?.t_s
  const [startedS, endedS, wholeS] = [at('fault_started'), at('fault_ended'), at('recovered')]
  if (startedS === undefined)
    return { isOvercome: false, text: `${hosts} was to be ${done}; the run did not come to it` }
  const within = events.filter(({ t_s }) => t_s >= startedS && t_s < (endedS ?? Number.POSITIVE_INFINITY))
  const after = events.filter(({ t_s }) => t_s >= startedS && t_s <= (wholeS ?? Number.POSITIVE_INFINITY))
  const facts = [
    ...(FELT_BY_TOKENS.has(fault.op) ? feeling(within, nodesCount) : []),
    ...frames(events, index),
    ...comebacks(after),
    ending(endedS, wholeS),
  ]
  const lasted = endedS === undefined ? '' : ` for ${formatSeconds(endedS - startedS)}`
  const isOvercome = wholeS !== undefined
  return { isOvercome, text: `${hosts} ${done} at ${formatSeconds(startedS)}${lasted}; ${facts.join('; ')}` }
}

const DONE: Readonly<Partial<Record<FaultConfig['op'], string>>> = {
  kill: 'switched off',
  reboot: 'rebooted',
  cut: 'cut off',
  impair: 'impaired',
}

/** How far the token came that was sent out while it lasted. */
function feeling(within: readonly RunEvent[], nodesCount: number): string[] {
  const walk = within.find(event => event.kind === 'proof_started')
  if (walk?.kind !== 'proof_started') return []
  const last = within.findLast(event => event.kind === 'token_passed' && event.walk === walk.proof)
  if (last?.kind !== 'token_passed') return ['felt: no node could hand the token on']
  if (last.hops >= nodesCount) return ['not felt: the token got round']
  return [`felt: the token got to node ${last.node_id} and no further`]
}

function frames(events: readonly RunEvent[], index: number): string[] {
  const ended = events.find(event => event.kind === 'fault_ended' && event.fault === index)
  if (ended?.kind !== 'fault_ended') return []
  return (ended.frames ?? []).map(
    ({ host, lost_count, delayed_count }) =>
      `${host} lost ${formatCount(lost_count)} frames and had ${formatCount(delayed_count)} late`,
  )
}

/** Nodes whose connection to the controller ended on the way, and those that are back. */
function comebacks(after: readonly RunEvent[]): string[] {
  const ids = (kinds: readonly RunEvent['kind'][]): Set<number> =>
    new Set(after.flatMap(event => (kinds.includes(event.kind) && 'node_id' in event ? [event.node_id as number] : [])))
  const gone = ids(['node_left', 'node_lost', 'node_restarted'])
  const back = ids(['node_connected'])
  if (gone.size === 0) return ['no node had to connect again']
  const returned = [...gone].filter(id => back.has(id)).length
  const nodes = `${formatCount(gone.size)} ${gone.size === 1 ? 'node' : 'nodes'}`
  return [returned === gone.size ? `${nodes} connected again` : `${returned} of ${nodes} connected again`]
}

function ending(endedS: number | undefined, wholeS: number | undefined): string {
  if (endedS === undefined) return 'the run ended before it was undone'
  if (wholeS === undefined) return 'the run ended before all was whole again'
  return `every link proven again ${formatSeconds(wholeS - endedS)} after`
}
