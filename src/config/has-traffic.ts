// Whether a scenario's nodes send packets by themselves.

import type { Scenario } from './types.ts'

/** It has flows, or interfaces that take packets from the beginning. Plans of earlier versions lack what is asked. */
export function hasTraffic({ controller, dataplane, hosts }: Scenario): boolean {
  if (((controller as Scenario['controller'] | undefined)?.flows?.length ?? 0) > 0) return true
  return [dataplane, ...(hosts?.dataplanes ?? [])].some(config => config?.engine?.tun === 'on')
}
