// [lossless_runtime_config] of the dataplane: published keys of two generations, and what they come to here.

import * as v from 'valibot'
import { NODE_ID_MAX } from '../base/limits.ts'
import type { Path } from './locate.ts'
import type { Problems } from './problems.ts'
import type { LosslessConfig } from './types.ts'
import { flag, int, intFrom, oneOf, positive } from './values.ts'

const MS_MAX = 86_400_000

/** Of packets of 1,400 bytes, beside their headers. */
const SYMBOL_BYTES = 1348
/** Of each block of 32. */
const PARITY_SYMBOLS = 4
/** Reed-Solomon over GF(256). */
const SYMBOLS_MAX = 255

const ids = v.array(int(0, NODE_ID_MAX))

const effective = {
  session_mode: v.optional(oneOf('plain', 'fec', 'mettle', 'cloudcast')),
  fec_enabled: v.optional(flag),
  default_chunk_size: v.optional(int(1, 65_483)),
  default_block_size: v.optional(int(1, 65_483)),
  peer_report_timeout_ms: v.optional(int(1, MS_MAX)),
  fec_default_symbols_per_block: v.optional(int(1, 1024)),
  /** Ours. */
  fec_parity_symbols: v.optional(int(1, SYMBOLS_MAX - 1)),
  fec_symbol_size_policy: v.optional(oneOf('chunk_size', 'fixed')),
  fec_default_symbol_size: v.optional(int(1, 16_384)),
  fec_default_tree_ids: v.optional(ids),
  fec_default_tree_weights: v.optional(v.array(positive)),
}

/** Known keys without effect, by the reason that the warning gives. */
const withoutEffect = {
  'a transfer begins when every receiver has answered, or after 1.5 s': { ready_grace_ms: v.optional(intFrom(0)) },
  'every node has the same codec': { fec_require_capability: v.optional(flag) },
  'parity is Reed-Solomon': { fec_default_scheme: v.optional(oneOf('raptorq', 'mettle')) },
  'trees come from the configuration': { fec_tree_ids_source: v.optional(oneOf('config')) },
  'a tree has no lane of its own beyond those of the engine': {
    fec_tree_lane_depth: v.optional(intFrom(1)),
    fec_dispatch_burst: v.optional(intFrom(1)),
    fec_max_tree_lanes: v.optional(intFrom(1)),
  },
  'symbols are shared among all trees': { fec_collaborative_multitree_enabled: v.optional(flag) },
  'these are of other schemes': {
    mettle_default_coded_rate_num: v.optional(intFrom(1)),
    mettle_default_coded_rate_den: v.optional(intFrom(1)),
    cloudcast_stripes: v.optional(intFrom(0)),
    cloudcast_stripe_tree_ids: v.optional(ids),
  },
  'flow_rate paces a flow': {
    data_bucket: v.optional(v.object({ rate: intFrom(1), bucket_size: intFrom(1) })),
  },
}

export const losslessSchema = v.object(
  Object.assign({}, effective, ...Object.values(withoutEffect)) as typeof effective,
)
export type LosslessTable = v.InferOutput<typeof losslessSchema>

/** What the keys come to; a scheme of others is a problem, named. */
export function readLossless(table: LosslessTable, path: Path, problems: Problems): LosslessConfig {
  const { session_mode: mode, fec_default_symbols_per_block: sourceSymbols = 32 } = table
  if (mode === 'mettle' || mode === 'cloudcast')
    problems.add({
      path: [...path, 'session_mode'],
      value: mode,
      problem: 'is not supported: another scheme is never put in its place. Write "fec" (Reed-Solomon) or "plain"',
    })
  const isFec = mode === undefined ? table.fec_enabled === true : mode === 'fec'
  const paritySymbols = isFec ? (table.fec_parity_symbols ?? PARITY_SYMBOLS) : 0
  // Plain blocks are a matter of bookkeeping alone.
  const symbols = isFec ? sourceSymbols : Math.min(sourceSymbols, SYMBOLS_MAX)
  if (symbols + paritySymbols > SYMBOLS_MAX)
    problems.add({
      path: [...path, 'fec_default_symbols_per_block'],
      value: sourceSymbols,
      limit: `at most ${SYMBOLS_MAX - paritySymbols} with ${paritySymbols} of parity`,
      problem: `makes blocks of more than ${SYMBOLS_MAX} symbols, which Reed-Solomon over GF(256) does not have`,
    })
  const chunk = table.default_block_size ?? table.default_chunk_size
  const isFixed = isFec && table.fec_symbol_size_policy === 'fixed'
  return {
    sourceSymbols: symbols,
    paritySymbols,
    symbolBytes: (isFixed ? table.fec_default_symbol_size : chunk) ?? SYMBOL_BYTES,
    treeIds: table.fec_default_tree_ids ?? null,
    treeWeights: table.fec_default_tree_weights ?? [],
    silenceMs: table.peer_report_timeout_ms ?? 15_000,
  }
}

/** Of the keys that are given, those without effect: names by reason. */
export function losslessWithoutEffect(table: LosslessTable): [reason: string, keys: string[]][] {
  return Object.entries(withoutEffect).flatMap(([reason, keys]) => {
    const given = Object.keys(keys).filter(key => Object.hasOwn(table, key))
    return given.length === 0
      ? []
      : [[reason, given.map(key => `lossless_runtime_config.${key}`)] as [string, string[]]]
  })
}
