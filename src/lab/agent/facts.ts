// What the agent says of its guest: in its hello, and with every heartbeat.

import { readFileSync } from 'node:fs'
import { availableParallelism, hostname, release, totalmem } from 'node:os'
import { readOrNull } from '../../base/read-or-null.ts'
import { GUEST_PROTOCOL, type GuestNotice, type Hello } from '../../vm/guest-calls.ts'
import { bootId, parseLoad1m } from '../proc/proc.ts'

/** Written by init (native/guest/main.cc). */
const PHASES_FILE = '/run/nslab/boot.json'

const monotonicNs = (): string => String(process.hrtime.bigint())

/** When the first hello was ready, in s of the guest's clock. */
let agentS: number | null = null
let nslabVersion: string | null = null

export function helloOf(identityCount: number, folder: string): Hello {
  nslabVersion ??= (
    JSON.parse(readFileSync(new URL('../../../package.json', import.meta.url), 'utf8')) as { version: string }
  ).version
  const hello = {
    protocol: GUEST_PROTOCOL,
    boot_id: identityCount === 0 ? null : bootId(),
    identity_count: identityCount,
    hostname: hostname(),
    folder,
    versions: { kernel: release(), node: process.version, nslab: nslabVersion },
    cpus_count: availableParallelism(),
    memory_total_bytes: totalmem(),
    memory_available_bytes: availableBytes(),
    boot: phases(),
  }
  const nowNs = monotonicNs()
  agentS ??= Number(nowNs) / 1e9
  return { ...hello, monotonic_ns: nowNs, boot: { ...hello.boot, agent_s: agentS } }
}

function phases(): Readonly<Record<string, number>> {
  const text = readOrNull(PHASES_FILE)
  return text === null ? {} : (JSON.parse(text) as Record<string, number>)
}

export function heartbeat(): Extract<GuestNotice, { is: 'heartbeat' }> {
  return {
    is: 'heartbeat',
    monotonic_ns: monotonicNs(),
    memory_available_bytes: availableBytes(),
    load_1m: parseLoad1m(readOrNull('/proc/loadavg') ?? '0'),
  }
}

function availableBytes(): number {
  return Number(/^MemAvailable:\s+(\d+)/m.exec(readOrNull('/proc/meminfo') ?? '')?.[1] ?? 0) * 1024
}
