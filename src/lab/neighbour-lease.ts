// Raises the machine's neighbour-table limits for one run, where it must and may.

import type { RunContext } from './context.ts'
import {
  acquireLease,
  isLeasable,
  LEASABLE_SYSCTLS,
  type Lease,
  neighbourLimitsFor,
  unleasedSysctls,
} from './leases.ts'

/**
 * Makes room for `count` dynamic neighbour entries (those that users' programs ask for by ARP; the fabric's own are
 * permanent and don't count). Returns null where there is room or where this process may not write: the run then says
 * so.
 */
export async function leaseNeighbours(context: RunContext, count: number): Promise<Lease | null> {
  const wanted = neighbourLimitsFor(count, unleasedSysctls(LEASABLE_SYSCTLS))
  if (wanted === null) return null
  if (!LEASABLE_SYSCTLS.every(name => isLeasable(name))) {
    context.warn(
      `the neighbour table may be too small for programs run in the nodes (gc_thresh3 under ${wanted[LEASABLE_SYSCTLS[2] as string]}), ` +
        'and this process may not raise it; the fabric itself does not need it',
    )
    return null
  }
  context.folder.ledger.intent('sysctl_lease', { wanted })
  const lease = await acquireLease(context.runId, wanted)
  context.folder.ledger.done('sysctl_lease', { values: lease.values })
  return lease
}
