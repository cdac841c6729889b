// This kernel as a site of a run: on this machine inside `nslab run` itself, in a microVM inside the guest's agent.

import { join } from 'node:path'
import { type HostUplink, mtuOf, UPLINK_INTERFACE } from '../../addressing/uplinks.ts'
import type { Clock } from '../../base/clock.ts'
import { runMark } from '../../base/run-mark.ts'
import { Segment } from '../../dataplane/segment.ts'
import { native } from '../../native/addon.ts'
import type { Netns } from '../../native/netns.ts'
import type { Sample } from '../../protocol/sample.ts'
import type {
  Baseline,
  BaselineRequest,
  RootFacts,
  RootRequest,
  SiteCosts,
  SiteDifference,
  StartRequest,
  VerifyRequest,
} from '../../vm/site-calls.ts'
import { type Lease, leaseHoldersOf } from '../leases/leases.ts'
import { leaseNeighbours } from '../leases/neighbour.ts'
import { listRuns } from '../state/live-runs.ts'
import { type Census, observeRun, type RunObjects, takeCensus } from './census.ts'
import { diffCensus, type KeptObjects } from './census-diff.ts'
import { type Console, startLocalProcess } from './local-process.ts'
import { awaitStillMemory, descendantsPssBytes, markTeardown, processCost, settledMemoryBytes } from './measure.ts'
import { cookieAt, quiesce } from './quiesce.ts'
import { type SampledProcess, type Sampler, startSampler } from './sampler.ts'
import type { Site, SiteProcess } from './site.ts'

/** The kernel removes namespaces of earlier runs at about 1 ms each; a longer queue is another program's doing. */
const QUIESCE_LIMIT_MS = 30_000

/**
 * In Node 20 V8 optimizes what was called some hundred times: while 800 nodes join, its compiler takes a tenth of all
 * the processor time, for code that has done its work by then. This makes it wait six times longer; later versions
 * wait for 3,000 calls by themselves, and don't know the option.
 */
const PATIENT = process.versions.node.startsWith('20.') ? ['--interrupt-budget=400000'] : []

/** Small young generations: the fleet's memory is counted per node, and short-lived garbage is little. */
const NODE_FLAGS: readonly string[] = ['--max-semi-space-size=2', ...PATIENT]

export interface LocalSiteOptions {
  readonly name: string
  /** 32 hex digits. */
  readonly runId: string
  readonly clock: Clock
  /** CLOCK_MONOTONIC ns of this kernel that events and samples count from. */
  readonly originNs: bigint
  /** The plan, where programs of this site find it. */
  readonly planPath: string
  /** Where programs of this site keep their files. */
  readonly folder: string
  /** Where a program's output goes; asked once a program. */
  readonly console: (name: string) => Console & { readonly release?: () => void }
  /** The interface of this kernel that leads to the other hosts; null: all hosts are on this kernel. */
  readonly uplinkCard: string | null
  /** Processes beside the programs that samples show; asked anew at each. */
  readonly alsoSampled: () => readonly SampledProcess[]
  /** Waits; rejects when the run is aborted. */
  readonly pause: (durationS: number) => Promise<void>
  /** What of this machine the run leaves behind on purpose; asked when it is counted again. */
  readonly kept?: () => KeptObjects | undefined
  /** Told before (`intent`) and after (`done`) each change of the machine. */
  readonly onDeed: (state: 'intent' | 'done', op: string, facts: Readonly<Record<string, unknown>>) => void
}

/** Programs that get it: what they do needs no fabric. */
const ENCLOSED: ReadonlySet<StartRequest['program']> = new Set(['soak', 'connections'])

/**
 * A soak names, mounts and drops namespaces by the thousand: in a network, a mount table and a /run/netns of its own,
 * so that this machine's stay as they are, and the kernel lets go of all of it with the soak's first process.
 */
const SOAK_ENCLOSURE = ['--net', '--ipc', '--fresh', '/run/netns', '--fresh', '/run/docker/netns'] as const

interface Running extends StartRequest {
  readonly process: SiteProcess
}

export class LocalSite implements Site {
  readonly name: string
  readonly #options: LocalSiteOptions
  readonly #roots = new Map<string, Netns>()
  readonly #objects: RunObjects[] = []
  #running: Running[] = []
  #segment: Promise<Segment> | null = null
  #before: { readonly census: Census; readonly request: BaselineRequest } | null = null
  #lease: Lease | null = null
  #sampler: Sampler | null = null

  constructor(options: LocalSiteOptions) {
    this.name = options.name
    this.#options = options
  }

  async baseline(request: BaselineRequest): Promise<Baseline> {
    const { clock, pause, runId, onDeed } = this.#options
    const warnings: string[] = []
    // What the addon opens once, for its threads, is there before the count.
    ;(await native.Netns.create()).close()
    if ((await quiesce(QUIESCE_LIMIT_MS)) === null)
      warnings.push('the kernel is still removing earlier namespaces: memory_before_bytes counts what is left of them')
    if (request.without_memory !== true && !(await awaitStillMemory(clock, pause)))
      warnings.push('the kernel is still freeing memory of earlier namespaces: memory_per_node_bytes may be too small')
    this.#before = { census: takeCensus(), request }
    const memory_bytes = await settledMemoryBytes()
    const room = await leaseNeighbours(runId, request.neighbours_count, onDeed)
    this.#lease = room.lease
    if (room.warning !== null) warnings.push(room.warning)
    return { memory_bytes, warnings }
  }

  async createRoot({ host, uplink }: RootRequest): Promise<RootFacts> {
    const root = await native.Netns.create()
    this.#roots.set(host, root)
    if (uplink !== null) await this.#join(root, uplink)
    return identityFacts(root)
  }

  /** Joins a root to the others: by this kernel's network card, or over a bridge where all are on this kernel. */
  async #join(root: Netns, uplink: HostUplink): Promise<void> {
    const { uplinkCard } = this.#options
    const mtu = mtuOf(uplink)
    if (uplinkCard === null) {
      this.#segment ??= Segment.make(native, mtu)
      await (await this.#segment).attach(root, uplink)
      return
    }
    const { address, mac, prefixLength, routes } = uplink
    const from = { kind: 'move', interface: uplinkCard } as const
    await root.addUplink({ name: UPLINK_INTERFACE, mac, address, prefixLength, mtu, routes, from })
  }

  /** Lets frames of a host pass the segment, or drops them in both directions. */
  async setCut(host: string, isCut: boolean): Promise<void> {
    const segment = await this.#segment
    await segment?.setCut(host, isCut)
  }

  async closeRoot(host: string): Promise<void> {
    const root = this.#roots.get(host)
    this.#roots.delete(host)
    root?.close()
  }

  async start(request: StartRequest): Promise<SiteProcess> {
    const { program, host, args } = request
    const { folder, originNs, planPath, runId } = this.#options
    const isEnclosed = ENCLOSED.has(program)
    const root = this.#roots.get(host)
    if (root === undefined && !isEnclosed)
      throw new Error(`${program}: host ${host} has no fabric root on ${this.name}`)
    const name = this.#nameOf(request)
    const common = ['--plan', planPath, '--run-folder', folder, '--run-id', runId, '--origin-ns', String(originNs)]
    const console = this.#options.console(name.replace(':', '-'))
    try {
      const process = startLocalProcess({
        name,
        nodeFlags: NODE_FLAGS,
        args: [program, ...common, ...args],
        ...(isEnclosed || root === undefined ? { enclosure: SOAK_ENCLOSURE } : { fabricFd: root.fd }),
        console,
        env: runMark(runId),
      })
      const running = { ...request, process }
      this.#running.push(running)
      process.exited.then(() => {
        this.#running = this.#running.filter(other => other !== running)
      })
      return process
    } finally {
      console.release?.()
    }
  }

  pathOf(name: string): string {
    return join(this.#options.folder, name)
  }

  async fetch(name: string, path: string): Promise<void> {
    if (this.pathOf(name) !== path) throw new Error(`${name} is in ${this.#options.folder}`)
  }

  /** One kernel, one clock. */
  toRunS(tS: number): number {
    return tS
  }

  async sampleEvery(intervalS: number, onSample: (sample: Sample) => void): Promise<void> {
    const { alsoSampled, clock, originNs } = this.#options
    this.#sampler?.stop()
    this.#sampler = startSampler({
      intervalMs: intervalS * 1000,
      processes: () => [
        ...alsoSampled(),
        // Theirs are numbered in a PID namespace of their own: they sample them themselves.
        ...this.#running
          .filter(({ program }) => !ENCLOSED.has(program))
          .map(running => ({ name: this.#nameOf(running), pid: running.process.pid })),
      ],
      onSample,
      clock,
      originNs,
    })
  }

  async sampleNow(): Promise<void> {
    this.#sampler?.sampleNow()
  }

  async measure(): Promise<SiteCosts> {
    const memory_bytes = await settledMemoryBytes()
    const programs = this.#running.map(({ program, host, process: { pid } }) => {
      const { rssBytes, threads } = processCost(pid)
      return {
        program,
        host,
        rss_bytes: rssBytes,
        threads_count: threads,
        descendants_bytes: descendantsPssBytes(pid),
      }
    })
    await this.observe()
    return { memory_bytes, programs }
  }

  async observe(): Promise<void> {
    // A program that could not be started has no pid.
    const pids = this.#running.flatMap(({ process: { pid } }) => (pid > 0 ? pid : []))
    if (pids.length > 0) this.#objects.push(observeRun(pids, cookieAt))
  }

  async verify({ cookies }: VerifyRequest): Promise<SiteDifference> {
    this.#sampler?.stop()
    const raised = this.#lease?.values ?? {}
    const released = await this.#lease?.release()
    this.#lease = null
    const warnings = (released?.changedByOthers ?? []).map(
      name => `${name} was changed by another program: left as it is`,
    )
    const cleanup_wait_s = await quiesce(QUIESCE_LIMIT_MS)
    if (this.#before === null) {
      // This machine is counted first of all: a run that did not come so far has made nothing. A guest without a count
      // is a mistake, and no guest that was found clean.
      const residue = this.name === 'local' ? [] : ['nothing was counted here before']
      return { residue, foreign: [], warnings, cleanup_wait_s }
    }
    const { census: before, request } = this.#before
    markTeardown(request.nodes_count)
    // What was seen in the hands of programs, and then what they said that they made.
    const seen = this.#objects.flatMap(one => Object.entries(one.cookies ?? {}))
    const known = new Map([...seen.map(([inode, cookie]) => [Number(inode), cookie] as const), ...cookies])
    const after = takeCensus({ known, cookieOf: cookieAt })
    const { residue, foreign } = diffCensus(before, after, {
      processes: this.#objects.flatMap(one => one.processes),
      namespaces: [...new Set(this.#objects.flatMap(one => one.namespaces))],
      shared_memory: [...new Set(this.#objects.flatMap(one => one.shared_memory))],
      run_id: this.#options.runId,
      pid: process.pid,
      interfaces: request.interfaces,
      cookies: Object.fromEntries(known),
      raised,
      leaseHolders: leaseHoldersOf,
      otherRunPids: listRuns().live.flatMap(run => (run.run_id === this.#options.runId ? [] : run.pid)),
      keptFolders: [this.#options.folder],
      kept: this.#options.kept?.(),
    })
    // The kernel gives a card back when its root is gone, under the name that it had there.
    const isCard = (what: string): boolean =>
      this.#options.uplinkCard !== null && what.startsWith(`link ${UPLINK_INTERFACE} `)
    return { residue, foreign: foreign.filter(what => !isCard(what)), warnings, cleanup_wait_s }
  }

  async end(): Promise<void> {
    this.#sampler?.stop()
    const running = this.#running
    for (const { process } of running) process.kill()
    await Promise.all(running.map(({ process }) => process.exited))
    for (const root of this.#roots.values()) root.close()
    this.#roots.clear()
    const segment = await this.#segment
    segment?.close()
    this.#segment = null
    await this.#lease?.release()
    this.#lease = null
  }

  /** "controller", "dataplane"; with several hosts on this kernel also whose it is, as reports group them. */
  #nameOf({ program, host }: StartRequest): string {
    return this.#roots.size > 1 && program === 'dataplane' ? `${program}:${host}` : program
  }
}

/** A namespace's identity for the ledger. */
function identityFacts(netns: Netns): RootFacts {
  const { cookie, device, inode, createdNs } = netns.identity
  return { cookie: String(cookie), device: String(device), inode: String(inode), created_ns: String(createdNs) }
}
