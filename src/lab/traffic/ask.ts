// Asks every fleet what became of its packets, and adds up what they say.

import { NslabError } from '../../base/errors.ts'
import type { TrafficTotals } from '../../judge/types.ts'
import type { FleetTraffic, PacketTotals } from '../../protocol/traffic.ts'
import type { RunContext } from '../run/context.ts'
import type { ProvingFleet } from '../run/proof.ts'

/** What one fleet said, in the parts that it said it in. */
export interface FleetAnswer {
  readonly host: string
  readonly parts: readonly FleetTraffic[]
}

export interface TrafficAnswer {
  readonly ask: number
  /** When the last fleet had answered. */
  readonly atS: number
  readonly fleets: readonly FleetAnswer[]
}

export interface TrafficQuestion {
  /** No flow makes another packet from now on. */
  readonly stopSources: boolean
  readonly limitS: number
  /** Nobody wants to know any more: rejects with its reason. */
  readonly over?: AbortSignal
}

/** Throws DEADLINE, which names who has not answered. */
export async function askForTraffic(
  context: RunContext,
  fleets: readonly ProvingFleet[],
  { stopSources, limitS, over }: TrafficQuestion,
): Promise<TrafficAnswer> {
  const ask = context.nextAsk()
  const answers = await Promise.all(
    fleets.map(async ({ host, program }): Promise<FleetAnswer> => {
      const parts: FleetTraffic[] = []
      const start = (done: () => void, fail: (error: unknown) => void): (() => void) => {
        const onOver = (): void => fail(over?.reason)
        over?.addEventListener('abort', onOver)
        const stop = program.onNotice(notice => {
          if (notice.is !== 'traffic' || notice.ask !== ask) return
          parts.push(notice.part)
          if (!notice.more) done()
        })
        program.send({ do: 'traffic', ask, stop_sources: stopSources })
        return () => {
          over?.removeEventListener('abort', onOver)
          stop()
        }
      }
      await context.until(start, limitS, () => {
        const waitingFor = 'an account of its packets'
        return new NslabError('DEADLINE', { waitingFor, limitS, missing: program.name })
      })
      return { host, parts }
    }),
  )
  return { ask, atS: context.nowS(), fleets: answers }
}

/** Nothing waits, and what was given to every link, and to streams, was taken from it or is known to be lost. */
export function isSettled({ fleets }: TrafficAnswer): boolean {
  const links = fleets.flatMap(({ parts }) => parts.flatMap(part => part.links))
  const nodes = fleets.flatMap(({ parts }) => parts.flatMap(part => part.nodes))
  const isIdle = ({ held_packets }: PacketTotals): boolean => held_packets === 0
  if (!nodes.every(({ totals }) => isIdle(totals)) || !links.every(({ sent }) => isIdle(sent))) return false
  if (!areStreamsSettled(fleets.flatMap(({ parts }) => parts))) return false
  const received = new Map(links.map(link => [`${link.peer_id}-${link.node_id}`, link]))
  return links.every(({ node_id, peer_id, sent, up }) => {
    const far = received.get(`${node_id}-${peer_id}`)
    // What was under way on a link that broke never comes.
    if (!up || far?.up !== true || (far.breaks ?? 0) > 0) return true
    return far.received_packets + (far.lost_packets ?? 0) === sent.out_packets
  })
}

function areStreamsSettled(parts: readonly FleetTraffic[]): boolean {
  const streams = parts.flatMap(part => part.streams ?? [])
  const totals = parts.flatMap(part => part.stream_totals ?? [])
  if (!streams.every(({ sent }) => sent.held_packets === 0)) return false
  const sum = (of: (each: (typeof streams)[number]) => number): number =>
    streams.reduce((all, each) => all + of(each), 0)
  const isBroken =
    streams.some(({ breaks }) => breaks > 0) || totals.some(({ refused, broken }) => refused + broken > 0)
  return isBroken || sum(({ sent }) => sent.out_packets) === sum(each => each.received_packets)
}

/** Every sink of a flow whose source has sent all has heard so. */
export function isHeard({ fleets }: TrafficAnswer): boolean {
  const ends = fleets.flatMap(({ parts }) => parts.flatMap(part => part.flows))
  const sinks = new Map<number, boolean>()
  for (const end of ends)
    if (end.end === 'sink') sinks.set(end.flow_id, (sinks.get(end.flow_id) ?? true) && end.finished)
  return ends.every(
    end => end.end === 'sink' || !end.finished || end.sent_packets === 0 || sinks.get(end.flow_id) === true,
  )
}

/** Flows whose source here has not sent all. */
export const runningIn = ({ parts }: FleetAnswer): number[] =>
  parts.flatMap(({ flows }) => flows.flatMap(end => (end.end === 'source' && !end.finished ? [end.flow_id] : [])))

export function totalsOf({ parts }: FleetAnswer): TrafficTotals {
  const totals = {
    hops_packets: 0,
    dropped_packets: 0,
    sent_packets: 0,
    sent_bytes: 0,
    received_packets: 0,
    received_bytes: 0,
  }
  const countDropped = ({ dropped }: PacketTotals): void => {
    for (const packets of Object.values(dropped)) totals.dropped_packets += packets
  }
  for (const { links, streams = [], nodes, flows } of parts) {
    for (const { sent, received_packets } of [...links, ...streams]) {
      totals.hops_packets += received_packets
      countDropped(sent)
    }
    for (const node of nodes) countDropped(node.totals)
    for (const end of flows)
      if (end.end === 'source') {
        totals.sent_packets += end.sent_packets
        totals.sent_bytes += end.sent_bytes
      } else {
        totals.received_packets += end.received_packets
        totals.received_bytes += end.received_bytes
      }
  }
  return totals
}
