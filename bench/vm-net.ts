// Networks between two emulated VMs: TCP throughput and round trips of the switch and of tap devices, with frames of
// Ethernet's usual size and with large ones (hosts.mtu), each beside its floor of the same; and what the switch costs
// this process while four VMs idle on it.

import { mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'
import { UNDERLAY_MTU } from '../src/base/limits.ts'
import { Segment } from '../src/vm/segment.ts'
import { type BenchOptions, type Result, type Row, spreadOf } from './figures.ts'
import { bootOn, type SegmentGuest } from './vm-guests.ts'
import { type Line, type OpenLine, openHandMadeTap, openSwitch, openTap, openWire } from './vm-lines.ts'

interface Figures {
  readonly tcp_mbit_per_s: number
  readonly ping_ms: number
  /** Processor time of this process for a second of TCP. */
  readonly runner_cpu_ratio: number
}

/** Each line that ships, with its floor. */
const contests = [
  { line: 'switch', open: openSwitch, floor: 'wire', openFloor: openWire },
  { line: 'tap', open: openTap, floor: 'tap by hand', openFloor: openHandMadeTap },
] as const

/** The second is Ethernet's usual for large frames. */
const MTUS = [UNDERLAY_MTU, 9000] as const

const TCP_S = 4
const PINGS = 50
const IDLE_VMS = 4
const IDLE_S = 20

export async function benchVmNet({ rounds }: BenchOptions): Promise<Result> {
  const rows: Row[] = []
  const measured: Record<string, readonly Figures[]> = {}
  for (const { line, open, floor, openFloor } of contests) {
    const asked = MTUS.flatMap(mtu => [openFloor, open].map(kind => ({ open: kind, mtu })))
    const figures = await inFolder(folder => compete(folder, asked, rounds))
    for (const [i, mtu] of MTUS.entries()) {
      const [floors = [], lines = []] = figures.slice(2 * i)
      measured[`${floor}, ${mtu}`] = floors
      measured[`${line}, ${mtu}`] = lines
      rows.push(rowOf(floor, mtu, floors, floor, floors), rowOf(line, mtu, lines, floor, floors))
    }
  }
  const idle = await inFolder(measureIdle)
  const note = `${IDLE_VMS} idle VMs on the switch take ${(100 * idle).toFixed(2)} % of a processor from this process`
  return {
    bench: 'vm-net',
    columns: Object.keys(rows[0] ?? {}),
    rows,
    data: { rows, measured, idle_cpu_ratio: idle },
    notes: [note],
  }
}

type Rounds = readonly Figures[]

function rowOf(line: string, mtu: number, figures: Rounds, floor: string, floors: Rounds): Row {
  const tcp = spreadOf(figures.map(each => each.tcp_mbit_per_s))
  // Of each round apart: a busy machine slows a line and its floor alike.
  const ratios = figures.map((each, i) => each.tcp_mbit_per_s / (floors[i] as Figures).tcp_mbit_per_s)
  return {
    line,
    mtu_bytes: mtu,
    tcp_mbit_per_s: tcp.median,
    min: tcp.min,
    max: tcp.max,
    ping_ms: spreadOf(figures.map(each => each.ping_ms)).median,
    runner_cpu_ratio: spreadOf(figures.map(each => each.runner_cpu_ratio)).median,
    floor,
    tcp_to_floor_ratio: spreadOf(ratios).median,
  }
}

async function inFolder<T>(work: (folder: string) => Promise<T>): Promise<T> {
  const folder = mkdtempSync(join(tmpdir(), 'nslab-vm-net-'))
  try {
    return await work(folder)
  } finally {
    rmSync(folder, { recursive: true })
  }
}

interface Asked {
  readonly open: OpenLine
  readonly mtu: number
}

/** Opens lines side by side and measures them in turn: what else the machine does is then the same to all. */
async function compete(folder: string, asked: readonly Asked[], rounds: number): Promise<Figures[][]> {
  const lines: Line[] = []
  try {
    for (const [i, { open, mtu }] of asked.entries()) {
      const own = join(folder, String(i))
      mkdirSync(own)
      lines.push(await open(own, mtu))
    }
    for (const { guests } of lines) await serve(guests[1])
    const figures: Figures[][] = lines.map(() => [])
    for (let round = 1; round <= rounds; round++) {
      process.stderr.write(`bench: round ${round} of ${rounds}\n`)
      for (const [i, { guests }] of lines.entries()) figures[i]?.push(await measure(...guests))
    }
    return figures
  } finally {
    await Promise.all(lines.map(line => line.close()))
  }
}

async function serve(guest: SegmentGuest): Promise<void> {
  if ((await guest.run(['iperf3', '--version'])).code !== 0)
    throw new Error('the guest has no iperf3, because this machine has none: apt-get install iperf3')
  await guest.run(['iperf3', '--server', '--daemon'])
}

async function measure(from: SegmentGuest, to: SegmentGuest): Promise<Figures> {
  const before = process.cpuUsage()
  // The first second is the connection's start.
  const words = ['--client', to.address, '--time', String(TCP_S), '--omit', '1', '--json']
  const { stdout: tcp } = await from.run(['iperf3', ...words], 60)
  const { user, system } = process.cpuUsage(before)
  const { stdout: ping } = await from.run(['ping', '-c', String(PINGS), '-i', '0.02', to.address])
  const { end, error } = JSON.parse(tcp) as { end: { sum_received: { bits_per_second: number } }; error?: string }
  const average = Number(/min\/avg\/max = [\d.]+\/([\d.]+)\//.exec(ping)?.[1])
  if (error !== undefined || Number.isNaN(average)) throw new Error(`iperf3 or ping failed: ${error ?? ping}`)
  return {
    tcp_mbit_per_s: end.sum_received.bits_per_second / 1e6,
    ping_ms: average,
    runner_cpu_ratio: (user + system) / 1e6 / (TCP_S + 1),
  }
}

/** Processor time of this process for a second in which VMs do nothing; their agents' heartbeats are in it. */
async function measureIdle(folder: string): Promise<number> {
  process.stderr.write(`bench: ${IDLE_VMS} idle VMs\n`)
  const segment = new Segment({ name: 'bench', seed: 1 })
  const guests: SegmentGuest[] = []
  try {
    for (let number = 1; number <= IDLE_VMS; number++) {
      guests.push(await bootOn(segment, `vm${number}`, number, folder))
    }
    await wait(2000)
    const before = process.cpuUsage()
    await wait(IDLE_S * 1000)
    const { user, system } = process.cpuUsage(before)
    return (user + system) / 1e6 / IDLE_S
  } finally {
    await Promise.all(guests.map(guest => guest.kill()))
    await segment.close()
  }
}
