// Does this kernel let us do what a run does? Answered by doing it once, in a namespace that is dropped right after: a
// few milliseconds, and surer than looking for modules.

import type { Addon } from '../../native/addon.ts'
import type { FabricSpec } from '../../native/fabric.ts'

/** One thing a run needs and the kernel (or the build) refused. */
export interface KernelRefusal {
  /** addon | network_namespaces | namespace_cookies | veth_and_bridge */
  readonly feature: string
  readonly reason: string
  readonly remedy: string
}

/** One node on one bridge, addresses from the documentation range (RFC 5737). Names are the scratch namespace's own. */
const PROBE: FabricSpec = {
  bridges: [{ name: 'isobr0', mac: '02:6f:c0:00:02:01', address: '192.0.2.1', prefixLength: 24 }],
  nodes: [
    {
      nodeId: 1,
      bridge: 0,
      hostInterface: 'veth0a',
      nodeInterface: 'veth0b',
      mac: '02:6e:c0:00:02:02',
      address: '192.0.2.2',
      prefixLength: 24,
      gateway: '192.0.2.1',
    },
  ],
  neighbours: [[]],
  mtu: 1500,
}

const TEARDOWN_DEADLINE_MS = 5000

/** Everything that is refused; empty when the kernel will do. Never throws. */
export async function probeKernel(): Promise<KernelRefusal[]> {
  let native: Addon
  try {
    native = (await import('../../native/addon.ts')).native
  } catch (error) {
    return [{ feature: 'addon', reason: messageOf(error), remedy: 'build it: npm start does, or: npm run build' }]
  }
  try {
    return await probeWith(native)
  } catch (error) {
    return [
      {
        feature: 'network_namespaces',
        reason: messageOf(error),
        remedy: 'run as root, or allow user namespaces (user.max_user_namespaces, kernel.unprivileged_userns_clone)',
      },
    ]
  }
}

async function probeWith(native: Addon): Promise<KernelRefusal[]> {
  const refusals: KernelRefusal[] = []
  const root = await native.Netns.create()
  try {
    if (root.identity.cookie === 0n) {
      refusals.push({
        feature: 'namespace_cookies',
        reason: 'SO_NETNS_COOKIE is not known to this kernel',
        remedy: 'a kernel of 5.14 or newer; until then namespaces are told apart by device, inode and creation time',
      })
    }
    const fabric = new native.Fabric(root, PROBE, { threads: 1 })
    try {
      await fabric.build()
    } catch (error) {
      refusals.push({
        feature: 'veth_and_bridge',
        reason: messageOf(error),
        remedy: 'as root: modprobe veth && modprobe bridge',
      })
    }
    await fabric.teardown(TEARDOWN_DEADLINE_MS)
  } finally {
    root.close()
  }
  return refusals
}

const messageOf = (error: unknown): string =>
  error instanceof Error ? (error.message.split('\n')[0] as string) : String(error)
