// The least that each file of a run folder must hold to be judged. Keys may be added at any time, so unknown ones pass;
// an event of a kind that is not known here passes too and is not counted.

import * as v from 'valibot'

const finite = v.pipe(v.number(), v.finite())
const timeS = v.pipe(finite, v.minValue(0))
const count = v.pipe(finite, v.integer(), v.minValue(0))
const nodeId = v.pipe(finite, v.integer(), v.minValue(1))
const level = v.picklist(['host', 'kvm', 'tcg'])

export const planSchema = v.looseObject({
  schema: v.literal('nslab.plan/1'),
  scenario: v.looseObject({
    name: v.string(),
    seed: finite,
    gates: v.array(
      v.looseObject({
        name: v.string(),
        metric: v.string(),
        operator: v.picklist(['<=', '<', '>=', '>', '==', '!=']),
        limit: finite,
        levels: v.optional(v.array(level)),
      }),
    ),
  }),
  topology: v.looseObject({ name: v.string(), nodes_count: count, edges: v.array(v.tuple([nodeId, nodeId])) }),
  fleets: v.array(v.looseObject({ host: v.string(), nodeIdOffset: count, nNodes: count })),
})

export const environmentSchema = v.looseObject({
  run_id: v.string(),
  started_at: v.string(),
  level,
  accelerator: v.string(),
  kernel: v.string(),
  cpu: v.string(),
  cpus_count: count,
  memory_bytes: count,
  versions: v.record(v.string(), v.string()),
  lock_digests: v.record(v.string(), v.string()),
  commit: v.nullable(v.string()),
  rootless: v.boolean(),
  limits: v.record(v.string(), v.number()),
})

/** Kinds that mean nothing without a node's id. */
const nodeKinds = [
  'node_up',
  'node_connected',
  'node_ready',
  'node_left',
  'node_lost',
  'node_restarted',
  'link_refused',
  'walk_started',
  'token_passed',
  'token_stuck',
]

const isNumber = (value: unknown): boolean => typeof value === 'number' && Number.isInteger(value)

export const eventSchema = v.pipe(
  v.looseObject({ t_s: timeS, from: v.string(), kind: v.string(), node_id: v.optional(nodeId) }),
  v.check(event => !nodeKinds.includes(event.kind) || event.node_id !== undefined, 'node_id is missing'),
  v.check(event => event.kind !== 'proof_started' || isNumber(event.proof), 'proof is missing'),
  v.check(event => !/^(walk|token)_/.test(event.kind) || isNumber(event.walk), 'walk is missing'),
  v.check(
    event => event.kind !== 'token_passed' || (isNumber(event.from_id) && isNumber(event.hops)),
    'hop is missing',
  ),
  v.check(event => !event.kind.startsWith('phase_') || typeof event.phase === 'string', 'phase is missing'),
)

export const sampleSchema = v.looseObject({
  t_s: timeS,
  memory_available_bytes: count,
  memory_total_bytes: count,
  load_1m: finite,
  pressure: v.nullable(v.looseObject({ cpu_some: finite, memory_some: finite, io_some: finite })),
  cpu: v.nullish(v.looseObject({ steal_s: finite, total_s: finite })),
  kernel_namespaces_count: v.nullish(count),
  processes: v.array(
    v.looseObject({
      name: v.string(),
      pid: count,
      rss_bytes: count,
      threads_count: count,
      descriptors_count: count,
      cpu_s: finite,
    }),
  ),
})

const endpoint = v.pipe(v.string(), v.regex(/^[0-9.]+:[0-9]+$/))

export const linksSchema = v.looseObject({
  t_s: timeS,
  proof: count,
  host: v.string(),
  more: v.boolean(),
  ends: v.array(v.strictTuple([nodeId, nodeId, endpoint, endpoint])),
})

const totals = v.looseObject({
  in_packets: count,
  in_bytes: count,
  made_packets: count,
  out_packets: count,
  out_bytes: count,
  held_packets: count,
  dropped: v.record(v.string(), count),
})

const sourceEnd = v.looseObject({
  end: v.literal('source'),
  flow_id: count,
  node_id: nodeId,
  sent_packets: count,
  sent_bytes: count,
  first_s: v.nullable(finite),
  last_s: v.nullable(finite),
  finished: v.boolean(),
})

const sinkEnd = v.looseObject({
  end: v.literal('sink'),
  flow_id: count,
  node_id: nodeId,
  received_packets: count,
  received_bytes: count,
  duplicate_packets: count,
  reordered_packets: count,
  too_late_packets: count,
  announced_packets: count,
  first_s: v.nullable(finite),
  last_s: v.nullable(finite),
  latency_p50_s: finite,
  latency_p99_s: finite,
  latency_max_s: finite,
  finished: v.boolean(),
})

const transferEnd = v.variant('end', [
  v.looseObject({
    end: v.literal('sender'),
    flow_id: count,
    node_id: nodeId,
    repaired_symbols: count,
    first_s: v.nullable(finite),
    last_s: v.nullable(finite),
    sha256: v.nullable(v.string()),
    receivers: v.array(v.looseObject({ node_id: nodeId, outcome: v.string() })),
  }),
  v.looseObject({
    end: v.literal('receiver'),
    flow_id: count,
    node_id: nodeId,
    received_bytes: count,
    decoded_blocks: count,
    first_s: v.nullable(finite),
    last_s: v.nullable(finite),
    sha256: v.nullable(v.string()),
  }),
])

const trafficFrame = { t_s: timeS, ask: count, host: v.string() }

export const trafficSchema = v.union([
  v.looseObject({
    ...trafficFrame,
    totals: v.looseObject({
      hops_packets: count,
      dropped_packets: count,
      sent_packets: count,
      sent_bytes: count,
      received_packets: count,
      received_bytes: count,
    }),
  }),
  v.looseObject({ ...trafficFrame, running: v.array(count) }),
  v.looseObject({
    ...trafficFrame,
    more: v.boolean(),
    part: v.looseObject({
      links: v.array(
        v.looseObject({
          node_id: nodeId,
          peer_id: nodeId,
          sent: totals,
          received_packets: count,
          received_bytes: count,
          up: v.boolean(),
          breaks: v.optional(count),
        }),
      ),
      nodes: v.array(v.looseObject({ node_id: nodeId, totals })),
      flows: v.array(v.variant('end', [sourceEnd, sinkEnd])),
      streams: v.optional(
        v.array(
          v.looseObject({
            node_id: nodeId,
            sent: totals,
            received_packets: count,
            received_bytes: count,
            breaks: count,
          }),
        ),
      ),
      stream_totals: v.optional(
        v.looseObject({ opened: count, failed: count, refused: count, relayed: count, broken: count }),
      ),
      transfers: v.optional(v.array(transferEnd)),
    }),
  }),
])

export const ledgerSchema = v.looseObject({
  t_s: finite,
  op: v.string(),
  state: v.picklist(['intent', 'done', 'failed']),
})

/** Values of `metrics` are left unchecked: one that is not a number is that metric's own fault, and told there. */
export const outcomeSchema = v.looseObject({
  metrics: v.record(v.string(), v.unknown()),
  residue: v.array(v.string()),
  foreign: v.array(v.string()),
  error: v.nullish(v.looseObject({ code: v.string(), message: v.string(), exit_code: v.pipe(finite, v.integer()) })),
  notes: v.array(v.string()),
})
