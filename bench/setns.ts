// Namespace switches: enter() beside the bare system call, and how many of a fleet's switches the thread's memory of
// where it is saves.

import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import { planFleet } from '../src/addressing/fleet.ts'
import { native, type SwitchTrace } from '../src/native/addon.ts'
import type { LinkEvent } from '../src/native/links.ts'
import { type BenchOptions, type Result, spreadOf } from './figures.ts'
import { compiled } from './program.ts'

const execFileAsync = promisify(execFile)

/** From one to as many as 20,000 open files allow. */
const namespaceCounts = [1, 64, 512, 4096]
const SWITCHES_COUNT = 20_000
const LINK_PORT = 8080
/** A ring of 800 wires in seconds; a minute means that it never will. */
const WIRED_MS_MAX = 60_000

interface Times {
  readonly p50: number
  readonly p99: number
}

interface SetnsFigures {
  readonly namespaces: number
  readonly setns_ns: Times
  readonly enter_ns: Times
  /** enter() where the thread is already. */
  readonly skipped_ns: Times
}

/** Runs the program once for each number of namespaces, round by round, and takes medians of each figure. */
export async function benchSetns(options: BenchOptions): Promise<Result> {
  const program = await compiled('setns')
  const measured: SetnsFigures[] = []
  for (let round = 0; round < options.rounds; round++) {
    for (const namespaces of namespaceCounts) {
      const words = ['--namespaces', String(namespaces), '--switches', String(SWITCHES_COUNT)]
      measured.push(JSON.parse((await execFileAsync(program, words)).stdout) as SetnsFigures)
      await native.awaitNetnsCleanup(WIRED_MS_MAX)
    }
  }
  const rows = namespaceCounts.map(namespaces => {
    const rounds = measured.filter(figures => figures.namespaces === namespaces)
    const median = (of: (figures: SetnsFigures) => number): number => spreadOf(rounds.map(of)).median
    return {
      namespaces,
      setns_p50_ns: median(f => f.setns_ns.p50),
      enter_p50_ns: median(f => f.enter_ns.p50),
      setns_p99_ns: median(f => f.setns_ns.p99),
      enter_p99_ns: median(f => f.enter_ns.p99),
      skipped_p50_ns: median(f => f.skipped_ns.p50),
    }
  })
  const traces = []
  for (const nodesCount of options.nodes) traces.push({ nodes: nodesCount, ...savedOf(await recordRing(nodesCount)) })
  const notes = traces.map(
    trace =>
      `ring of ${trace.nodes}: ${trace.skipped} of ${trace.asked} entries found the thread there already ` +
      `(${(100 * trace.saved_ratio).toFixed(1)} %)`,
  )
  return { bench: 'setns', columns: Object.keys(rows[0] ?? {}), rows, data: { latency: measured, traces }, notes }
}

function savedOf(trace: SwitchTrace) {
  const asked = trace.switches + trace.skipped
  return { asked, skipped: trace.skipped, saved_ratio: asked === 0 ? 0 : trace.skipped / asked }
}

/** Builds and wires a ring in this process, and returns the switches that this took. */
async function recordRing(nodesCount: number): Promise<SwitchTrace> {
  const before = native.switchTrace()
  const edges = Array.from({ length: nodesCount }, (_, i) => [i, (i + 1) % nodesCount] as const)
  const spec = planFleet({
    nNodes: nodesCount,
    nodeIdOffset: 0,
    bridgeIp: '172.16.8.1',
    bridgeName: 'isobr0',
    mtu: 1500,
  })
  const root = await native.Netns.create()
  const fabric = new native.Fabric(root, spec)
  let settle: () => void = () => {}
  const wired = new Promise<void>(resolve => {
    settle = resolve
  })
  let ups = 0
  const onEvents = (events: readonly LinkEvent[]): void => {
    ups += events.filter(event => event.kind === 'up').length
    if (ups >= 2 * nodesCount) settle()
  }
  const links = new native.Links(new Uint8Array(16), onEvents)
  try {
    await fabric.build()
    for (const [index, node] of spec.nodes.entries()) {
      const peers = [((index + 1) % nodesCount) + 1, ((index + nodesCount - 1) % nodesCount) + 1]
      const { nodeId, address } = node
      await links.addNode({ nodeId, netns: fabric.netns(index), address, port: LINK_PORT, incarnation: 1, peers })
    }
    for (const [a, b] of edges) links.dial(a + 1, b + 1, spec.nodes[b]?.address ?? '', LINK_PORT)
    const late = setTimeout(settle, WIRED_MS_MAX)
    await wired
    clearTimeout(late)
    if (ups < 2 * nodesCount) throw new Error(`setns: ${ups} of ${2 * nodesCount} link ends came up`)
  } finally {
    await links.close()
    await fabric.teardown(WIRED_MS_MAX)
    root.close()
  }
  const after = native.switchTrace()
  return {
    netns: after.netns,
    switches: after.switches - before.switches,
    skipped: after.skipped - before.skipped,
  }
}
