// [[link]]: shapes of many links at once, to the controller's shapes, one a direction. A later table wins over an
// earlier one key by key, and all of them over the controller's own [[links]] and [[link_rates]].

import type { LinkShape } from '../protocol/traffic.ts'
import { isEdge } from '../topology/make.ts'
import type { Topology } from '../topology/types.ts'
import type { Path } from './locate.ts'
import type { Problems } from './problems.ts'
import { DELAY_S_MAX, type LinkTable } from './traffic-schema.ts'
import type { ControllerConfig } from './types.ts'
import { bytesOf, rateOf, secondsOf } from './values.ts'

type LinkConfig = ControllerConfig['links'][number]
type Edge = readonly [number, number]

/** The shapes of the tables at `path`, by rising source and destination, with those of `known` that they don't name. */
export function readLinks(
  tables: readonly LinkTable[],
  known: Pick<ControllerConfig, 'links' | 'linkRates'>,
  topology: Topology,
  path: Path,
  problems: Problems,
): readonly LinkConfig[] {
  if (tables.length === 0) return known.links
  const rates = new Map(known.linkRates.map(each => [keyOf(each.srcNodeId, each.dstNodeId), each.rate]))
  const shapes = new Map(known.links.map(each => [keyOf(each.srcNodeId, each.dstNodeId), each]))
  tables.forEach((table, index) => {
    const at = [...path, index]
    const shape = shapeOf(table, at, problems)
    const before = problems.count
    const edges = directionsOf(table, topology, at, problems)
    for (const [from, to] of edges) {
      const key = keyOf(from, to)
      const merged = { ...(shapes.get(key)?.shape ?? rates.get(key)), ...shape }
      shapes.set(key, { srcNodeId: from, dstNodeId: to, shape: merged })
      // One sentence a table: the same is wrong with all of its links.
      if (problems.count === before) checkShape(merged, table, at, problems)
    }
  })
  return [...shapes.values()].sort((a, b) => a.srcNodeId - b.srcNodeId || a.dstNodeId - b.dstNodeId)
}

/** Ids are below 2^20. */
const keyOf = (from: number, to: number): number => from * 2 ** 20 + to

function shapeOf(table: LinkTable, path: Path, problems: Problems): LinkShape {
  const { rate, burst, queue, delay, jitter, loss, duplicate, corrupt, reorder } = table
  const given: { -readonly [K in keyof LinkShape]: LinkShape[K] } = {}
  if (rate !== undefined) given.rate = rateOf(rate)
  if (burst !== undefined) given.bucket_size = Math.ceil(bytesOf(burst))
  if (queue !== undefined) given.queue_packets = queue
  if (delay !== undefined) given.delay_s = secondsOf(delay)
  if (jitter !== undefined) given.jitter_s = secondsOf(jitter)
  if (loss !== undefined) given.loss_ratio = loss
  if (duplicate !== undefined) given.duplicate_ratio = duplicate
  if (corrupt !== undefined) given.corrupt_ratio = corrupt
  if (reorder !== undefined) given.reorder_ratio = reorder
  if (Object.keys(given).length === 0)
    problems.add({ path, problem: 'says nothing of its links: give it a rate, a delay, a loss, …' })
  for (const key of ['delay', 'jitter'] as const) {
    const text = table[key]
    if (text !== undefined && secondsOf(text) > DELAY_S_MAX) problems.mustBe([...path, key], text, 'at most "1h"')
  }
  return given
}

function directionsOf(table: LinkTable, topology: Topology, path: Path, problems: Problems): Edge[] {
  const { between, direction } = table
  const edges: Edge[] =
    between === 'all'
      ? Array.from(topology.a, (a, edge) => [a, topology.b[edge] as number] as const)
      : isPair(between)
        ? [between]
        : between
  if (edges.length === 0) problems.add({ path: [...path, 'between'], value: between, problem: 'finds no link' })
  if (between !== 'all')
    for (const [from, to] of edges) {
      if (Math.max(from, to) <= topology.nodesCount && isEdge(topology, from, to)) continue
      problems.add({
        path: [...path, 'between'],
        value: [from, to],
        problem: `there is no link between ${from} and ${to} in the topology`,
      })
    }
  return direction === 'forward'
    ? edges
    : edges.flatMap(([from, to]): Edge[] => [
        [from, to],
        [to, from],
      ])
}

const isPair = (between: [number, number] | [number, number][]): between is [number, number] =>
  typeof between[0] === 'number'

/** What only means something beside another key, which an earlier table may have given. */
function checkShape(shape: LinkShape, table: LinkTable, path: Path, problems: Problems): void {
  if (table.burst !== undefined && shape.rate === undefined)
    problems.add({ path: [...path, 'burst'], value: table.burst, problem: 'needs rate: it is the depth of its bucket' })
  if (table.reorder !== undefined && table.reorder > 0 && !shape.delay_s && !shape.jitter_s)
    problems.add({
      path: [...path, 'reorder'],
      value: table.reorder,
      problem: 'needs delay or jitter: a packet is early only where others wait',
    })
}
