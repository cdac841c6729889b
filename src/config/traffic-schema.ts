// The tables of traffic: [[flow]], [[link]] and [[group]] of a scenario, which name many nodes at once, and what the
// controller's own file has in their place: [[links]] and [[groups]], one direction and one group each.

import * as v from 'valibot'
import { NODE_ID_MAX } from '../base/limits.ts'
import {
  duration,
  edge,
  int,
  intFrom,
  isEdgePair,
  isInt,
  leaf,
  nodeId,
  oneOf,
  rate,
  ratio,
  size,
  text,
} from './values.ts'

const isId = (value: unknown): value is number => isInt(value) && value >= 1 && value <= NODE_ID_MAX

/** Some nodes of the plan. */
const someNodes = leaf<number | number[] | 'all'>(
  'a node id, an array of different node ids, or "all"',
  value =>
    value === 'all' ||
    isId(value) ||
    (Array.isArray(value) && value.length > 0 && value.every(isId) && new Set(value).size === value.length),
)

/** Where a flow goes, as seen from where it starts. */
const toward = leaf<number | 'opposite' | `+${number}`>(
  'a node id, "+K" for the node K ids on, or "opposite"',
  value => value === 'opposite' || isId(value) || (typeof value === 'string' && /^\+[1-9][0-9]{0,6}$/.test(value)),
)

/** Links by their ends. */
const someLinks = leaf<'all' | [number, number] | [number, number][]>(
  '"all", two node ids as in [1, 2], or an array of such pairs',
  value =>
    value === 'all' || isEdgePair(value) || (Array.isArray(value) && value.length > 0 && value.every(isEdgePair)),
)

/** Source: RFC 791; 52 are an IPv4 and a UDP header and what a built-in flow writes into each packet. */
export const packetBytes = int(52, 65_535)

/** A quantum of round robin is so many of its smallest. */
const flowWeight = int(1, 65_535)

export const QUEUE_PACKETS_MAX = 1_000_000

const queuePackets = int(1, QUEUE_PACKETS_MAX)

/** A packet that is late by more is as good as lost; the engine takes no more. */
export const DELAY_S_MAX = 3600

const seconds = leaf<number>(
  `seconds, from 0 to ${DELAY_S_MAX}`,
  value => typeof value === 'number' && value >= 0 && value <= DELAY_S_MAX,
)

const treesSchema = v.array(v.array(edge))

export const flowTable = v.object({
  from: v.optional(someNodes),
  /** So many of `from`, drawn by the scenario's seed; all of "all" where there are fewer. */
  count: v.optional(intFrom(1)),
  to: v.optional(toward),
  /** Label of a group, whose source the flow starts at. */
  group: v.optional(text(100)),
  rate: v.optional(rate),
  packet_bytes: v.optional(packetBytes),
  bytes: v.optional(size),
  /** lossless: every receiver has every byte, checked by SHA-256; for that, `payload` in place of `bytes`. */
  transport: v.optional(oneOf('datagrams', 'lossless'), 'datagrams'),
  payload: v.optional(size),
  for: v.optional(duration),
  weight: v.optional(flowWeight),
})

export const linkTable = v.object({
  between: someLinks,
  /** forward: from the first to the second as written; of "all": from the lower id to the higher. */
  direction: v.optional(oneOf('both', 'forward'), 'both'),
  rate: v.optional(rate),
  /** Bytes of the token bucket. Absent: 5 ms of the rate, and at least the largest packet. */
  burst: v.optional(size),
  queue: v.optional(queuePackets),
  delay: v.optional(duration),
  jitter: v.optional(duration),
  loss: v.optional(ratio),
  duplicate: v.optional(ratio),
  corrupt: v.optional(ratio),
  reorder: v.optional(ratio),
})

export const groupTable = v.object({
  label: text(100),
  source: nodeId,
  members: someNodes,
  trees: treesSchema,
})

/** LinkShape (src/protocol/traffic.ts), key by key: also what rows of the database hold. */
const shapeEntries = {
  rate: v.exactOptional(intFrom(1)),
  bucket_size: v.exactOptional(intFrom(1)),
  queue_packets: v.exactOptional(queuePackets),
  delay_s: v.exactOptional(seconds),
  jitter_s: v.exactOptional(seconds),
  loss_ratio: v.exactOptional(ratio),
  duplicate_ratio: v.exactOptional(ratio),
  corrupt_ratio: v.exactOptional(ratio),
  reorder_ratio: v.exactOptional(ratio),
}

/** Anything else in a shape is a mistake, too. */
export const shapeSchema = v.strictObject(shapeEntries)

/** As the controller's own file has them. */
export const controllerTrafficEntries = {
  links: v.optional(v.array(v.object({ src_node_id: nodeId, dst_node_id: nodeId, ...shapeEntries })), []),
  groups: v.optional(
    v.array(v.object({ label: text(100), src_node_id: nodeId, members: v.array(nodeId), trees: treesSchema })),
    [],
  ),
}

export type FlowTable = v.InferOutput<typeof flowTable>
export type LinkTable = v.InferOutput<typeof linkTable>
export type GroupTable = v.InferOutput<typeof groupTable>
