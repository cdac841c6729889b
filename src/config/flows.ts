// [[flow]]: built-in flows by many nodes at once, to the controller's flows, one each.

import { FLOWS_MAX } from '../base/limits.ts'
import { Random } from '../base/random.ts'
import type { FlowSpec } from '../protocol/messages.ts'
import type { Path } from './locate.ts'
import { nearestOf } from './nearest.ts'
import type { Problems } from './problems.ts'
import type { FlowTable } from './traffic-schema.ts'
import type { ControllerConfig, GroupConfig } from './types.ts'
import { bytesOf, rateOf, secondsOf } from './values.ts'

type FlowConfig = ControllerConfig['flows'][number]

export interface FlowPlan {
  readonly nodesCount: number
  readonly groups: readonly GroupConfig[]
  /** The scenario's. */
  readonly seed: number
}

/** The flows of the tables at `path`, table by table and by rising id of where they start. */
export function readFlows(tables: readonly FlowTable[], plan: FlowPlan, path: Path, problems: Problems): FlowConfig[] {
  const flows: FlowConfig[] = []
  for (const [index, table] of tables.entries()) {
    const at = [...path, index]
    const spec = specOf(table, at, problems)
    const some =
      table.group === undefined
        ? flowsToNodes(table, index, plan, at, problems)
        : flowsToGroup(table, table.group, plan, at, problems)
    if (flows.length + some.length > FLOWS_MAX) {
      problems.add({ path: at, problem: `makes more than ${FLOWS_MAX} flows with those before it` })
      return flows
    }
    for (const ends of some) flows.push({ ...ends, spec })
  }
  return flows
}

function specOf(table: FlowTable, path: Path, problems: Problems): FlowSpec {
  const { bytes, for: duration, packet_bytes, rate, weight, payload } = table
  if (table.transport === 'lossless') return losslessSpec(table, path, problems)
  if (payload !== undefined) problems.add({ path: [...path, 'payload'], problem: 'needs transport = "lossless"' })
  else if ((bytes === undefined) === (duration === undefined))
    problems.add({ path, problem: 'needs either bytes = "10 MB" or for = "8s"' })
  const seconds = duration === undefined ? 0 : secondsOf(duration)
  if (duration !== undefined && seconds <= 0) problems.mustBe([...path, 'for'], duration, 'a duration above 0')
  return {
    flow_len: bytes === undefined ? { Duration: seconds } : { Bytes: Math.ceil(bytesOf(bytes)) },
    ...(rate === undefined ? {} : { flow_rate: rateOf(rate) }),
    ...(weight === undefined ? {} : { flow_weight: weight }),
    ...(packet_bytes === undefined ? {} : { packet_bytes }),
  }
}

function losslessSpec(table: FlowTable, path: Path, problems: Problems): FlowSpec {
  const { payload, packet_bytes, rate } = table
  for (const key of ['bytes', 'for', 'weight'] as const)
    if (table[key] !== undefined)
      problems.add({ path: [...path, key], value: table[key], problem: 'does not go with transport = "lossless"' })
  if (payload === undefined)
    problems.add({ path: [...path, 'payload'], problem: 'is required: how much is to be delivered, as in "64 MiB"' })
  return {
    flow_len: { Bytes: payload === undefined ? 1 : Math.ceil(bytesOf(payload)) },
    transport: 'lossless',
    ...(rate === undefined ? {} : { flow_rate: rateOf(rate) }),
    ...(packet_bytes === undefined ? {} : { packet_bytes }),
  }
}

type Ends = Omit<FlowConfig, 'spec'>

function flowsToNodes(table: FlowTable, index: number, plan: FlowPlan, path: Path, problems: Problems): Ends[] {
  const { from, to, count } = table
  const { nodesCount } = plan
  if (from === undefined) problems.add({ path: [...path, 'from'], problem: 'is required' })
  if (to === undefined) problems.add({ path, problem: 'needs either to = a node or group = a label' })
  if (from === undefined || to === undefined) return []
  const before = problems.count
  const sources = idsOf(from, nodesCount)
  for (const id of sources) problems.mustBeNode([...path, 'from'], id, nodesCount)
  if (typeof to === 'number') problems.mustBeNode([...path, 'to'], to, nodesCount)
  // Of "all" it is all where a scenario is made small: nslab run ring-flows --nodes 8.
  if (count !== undefined && count > sources.length && from !== 'all')
    problems.add({ path: [...path, 'count'], value: count, problem: `is more than the ${sources.length} of from` })
  const toOf = (id: number): number =>
    typeof to === 'number' ? to : 1 + ((id - 1 + stepOf(to, nodesCount)) % nodesCount)
  // Of all that might be drawn, so that no seed makes it wrong.
  const selfish = problems.count > before ? undefined : sources.find(id => toOf(id) === id)
  if (selfish !== undefined)
    problems.add({ path: [...path, 'to'], value: to, problem: `makes a flow from node ${selfish} to itself` })
  if (problems.count > before) return []
  const drawn = count === undefined || count >= sources.length ? sources : draw(sources, count, plan.seed, index)
  return drawn.map(id => ({ srcNodeId: id, dstNodeId: toOf(id) }))
}

/** A group's flow starts at the group's source. */
function flowsToGroup(table: FlowTable, label: string, plan: FlowPlan, path: Path, problems: Problems): Ends[] {
  const group = plan.groups.find(each => each.label === label)
  for (const key of ['to', 'count'] as const)
    if (table[key] !== undefined)
      problems.add({
        path: [...path, key],
        value: table[key],
        problem: 'does not go with group, which has its members',
      })
  if (group === undefined) {
    const nearest = nearestOf(
      label,
      plan.groups.map(each => each.label),
    )
    problems.add({ path: [...path, 'group'], value: label, problem: 'is the label of no group', nearest })
    return []
  }
  const { srcNodeId } = group
  if (table.from !== undefined && table.from !== srcNodeId)
    problems.add({
      path: [...path, 'from'],
      value: table.from,
      problem: `must be ${srcNodeId}, the source of group "${label}", or be left out`,
    })
  return [{ srcNodeId, dstNodeId: srcNodeId, dstGroup: label }]
}

function idsOf(from: number | readonly number[] | 'all', nodesCount: number): number[] {
  if (from === 'all') return Array.from({ length: nodesCount }, (_, index) => index + 1)
  return typeof from === 'number' ? [from] : [...from].sort((a, b) => a - b)
}

/** How far on; "opposite" is half-way round. */
const stepOf = (to: string, nodesCount: number): number =>
  to === 'opposite' ? Math.floor(nodesCount / 2) : Number(to.slice(1))

/** `count` of the ids, rising. Each table draws by itself: one more table changes no other's. */
function draw(ids: readonly number[], count: number, seed: number, table: number): number[] {
  const random = new Random(seed ^ Math.imul(table + 1, 0x9e37_79b9))
  const pool = [...ids]
  for (let at = 0; at < count; at++) {
    const other = at + random.below(pool.length - at)
    const drawn = pool[other] as number
    pool[other] = pool[at] as number
    pool[at] = drawn
  }
  return pool.slice(0, count).sort((a, b) => a - b)
}
