// What the agent says of its guest: in its hello, and with every heartbeat.

import { readFileSync } from 'node:fs'
import { availableParallelism, hostname, release } from 'node:os'
import type { GuestNotice, Hello } from '../../protocol/guest.ts'
import { GUEST_PROTOCOL } from '../../protocol/guest.ts'
import { parseLoad1m, parseMeminfo, readOrNull } from '../proc.ts'

/** Written by init (native/guest/main.cc). */
const PHASES_FILE = '/run/nslab/boot.json'

const monotonicNs = (): string => String(process.hrtime.bigint())

/** When this process could speak, in s of the guest's clock. */
const agentS = Number(process.hrtime.bigint()) / 1e9
let nslabVersion: string | null = null

/** About 1 ms under emulation. */
export function helloOf(identityCount: number, folder: string): Hello {
  nslabVersion ??= (
    JSON.parse(readFileSync(new URL('../../../package.json', import.meta.url), 'utf8')) as { version: string }
  ).version
  const memory = parseMeminfo(readOrNull('/proc/meminfo') ?? '')
  return {
    protocol: GUEST_PROTOCOL,
    boot_id: (readOrNull('/proc/sys/kernel/random/boot_id') ?? '').trim(),
    identity_count: identityCount,
    hostname: hostname(),
    folder,
    versions: { kernel: release(), node: process.version, nslab: nslabVersion },
    cpus_count: availableParallelism(),
    memory_total_bytes: memory.MemTotal ?? 0,
    memory_available_bytes: memory.MemAvailable ?? 0,
    monotonic_ns: monotonicNs(),
    boot: { ...phases(), agent_s: agentS },
  }
}

function phases(): Readonly<Record<string, number>> {
  const text = readOrNull(PHASES_FILE)
  return text === null ? {} : (JSON.parse(text) as Record<string, number>)
}

export function heartbeat(): Extract<GuestNotice, { is: 'heartbeat' }> {
  return {
    is: 'heartbeat',
    monotonic_ns: monotonicNs(),
    memory_available_bytes: Number(/^MemAvailable:\s+(\d+)/m.exec(readOrNull('/proc/meminfo') ?? '')?.[1] ?? 0) * 1024,
    load_1m: parseLoad1m(readOrNull('/proc/loadavg') ?? '0'),
  }
}
