// Raises the machine's neighbour-table limits for one run, where it must and may.

import {
  acquireLease,
  isLeasable,
  LEASABLE_SYSCTLS,
  type Lease,
  neighbourLimitsFor,
  unleasedSysctls,
} from './leases.ts'

export interface NeighbourRoom {
  /** Null where there is room already, or where this process may not write. */
  readonly lease: Lease | null
  readonly warning: string | null
}

/**
 * Makes room for `count` dynamic neighbour entries (those that users' programs ask for by ARP; the fabric's own are
 * permanent and don't count).
 */
export async function leaseNeighbours(
  runId: string,
  count: number,
  onDeed: (state: 'intent' | 'done', op: string, facts: Readonly<Record<string, unknown>>) => void,
): Promise<NeighbourRoom> {
  const wanted = neighbourLimitsFor(count, unleasedSysctls(LEASABLE_SYSCTLS))
  if (wanted === null) return { lease: null, warning: null }
  if (!LEASABLE_SYSCTLS.every(name => isLeasable(name))) {
    const limit = wanted[LEASABLE_SYSCTLS[2] as string]
    return {
      lease: null,
      warning:
        `the neighbour table may be too small for programs run in the nodes (gc_thresh3 under ${limit}), ` +
        'and this process may not raise it; the fabric itself does not need it',
    }
  }
  onDeed('intent', 'sysctl_lease', { wanted })
  const lease = await acquireLease(runId, wanted)
  onDeed('done', 'sysctl_lease', { values: lease.values })
  return { lease, warning: null }
}
