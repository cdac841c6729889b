// The rate of this machine's time stamp counter, which an emulated guest can't measure by itself.

import { readFileSync } from 'node:fs'

/**
 * kHz; null where the kernel does not say. `bogomips` of x86 is twice the rate in MHz: loops_per_jiffy is taken from it
 * (Linux, arch/x86/kernel/tsc.c). It is the one source that needs no privilege.
 */
export function hostTscKhz(cpuinfo = readFileSync('/proc/cpuinfo', 'utf8')): number | null {
  const bogomips = Number(/^bogomips\s*:\s*([\d.]+)$/m.exec(cpuinfo)?.[1])
  return bogomips > 0 ? Math.round(bogomips * 500) : null
}
