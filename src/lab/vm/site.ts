// A microVM as a site of a run: each request is a call to the guest's agent, which has a LocalSite of its own. What
// comes back is on this machine's time axis.

import { createReadStream, writeSync } from 'node:fs'
import type { Clock } from '../../base/clock.ts'
import { NslabError } from '../../base/errors.ts'
import type { RunEvent } from '../../protocol/events.ts'
import type { Sample } from '../../protocol/sample.ts'
import type { Answer, Ask, GuestCallName, GuestNotice } from '../../vm/guest-calls.ts'
import type { GuestChannel } from '../../vm/guest-channel.ts'
import type { GuestClock } from '../../vm/guest-clock.ts'
import { readFromGuest, writeToGuest } from '../../vm/guest-files.ts'
import type {
  Baseline,
  BaselineRequest,
  ProcessEnd,
  RootFacts,
  RootRequest,
  SiteCosts,
  SiteDifference,
  StartRequest,
  VerifyRequest,
} from '../../vm/site-calls.ts'
import type { LocalSiteOptions } from '../site/local-site.ts'
import type { Site, SiteProcess } from '../site/site.ts'

export interface VmSiteOptions {
  readonly channel: GuestChannel
  readonly guestClock: GuestClock
  readonly clock: Clock
  /** 32 hex digits. */
  readonly runId: string
  /** CLOCK_MONOTONIC ns of this machine at the run's origin. */
  readonly originNs: bigint
  /** The plan on this machine; the guest gets a copy. */
  readonly planPath: string
  /** Where a program's output goes; asked once a program, as `<host>-<program>`. */
  readonly console: LocalSiteOptions['console']
  /** Deadlines grow with the level. */
  readonly scale: number
  /** What the guest's kernel had to say. */
  readonly onEvent: (event: RunEvent) => void
  /** Changes of the guest, for the ledger. */
  readonly onDeed: LocalSiteOptions['onDeed']
}

/** The longest call waits for a kernel that removes namespaces, at most a minute. */
const CALL_LIMIT_S = 90

export class VmSite implements Site {
  readonly name: string
  readonly #options: VmSiteOptions
  /** The run's origin, in the guest's clock as it was known when the site was opened. */
  readonly #guestOriginNs: bigint
  readonly #unhook: () => void
  #onSample: (sample: Sample) => void = () => {}
  #clockErrorS = 0

  /** Makes the guest a site of the run: the plan is copied, the clock's origin told. */
  static async open(options: VmSiteOptions): Promise<VmSite> {
    const { channel, guestClock, originNs, planPath, runId } = options
    if (!guestClock.model.isKnown) await guestClock.measure()
    const guestOriginNs = guestClock.model.guestNs(originNs)
    const folder = channel.hello?.folder
    if (folder === undefined) throw new Error(`${channel.vm} was not begun`)
    await writeToGuest(channel, `${folder}/plan.json`, createReadStream(planPath), 0o600)
    const site = new VmSite(options, guestOriginNs)
    await site.#call('open_site', { name: channel.vm, run_id: runId, origin_ns: String(guestOriginNs) })
    return site
  }

  private constructor(options: VmSiteOptions, guestOriginNs: bigint) {
    this.name = options.channel.vm
    this.#options = options
    this.#guestOriginNs = guestOriginNs
    this.#unhook = options.channel.onNotice(notice => this.#see(notice))
  }

  /** The largest error of all times that were put on the run's axis so far. */
  get clockErrorS(): number {
    return this.#clockErrorS
  }

  pathOf(name: string): string {
    return `${this.#options.channel.hello?.folder}/${name}`
  }

  async fetch(name: string, path: string): Promise<void> {
    await readFromGuest(this.#options.channel, this.pathOf(name), path)
  }

  toRunS(tS: number): number {
    return this.#runS(this.#guestOriginNs + BigInt(Math.round(tS * 1e9)))
  }

  baseline(request: BaselineRequest): Promise<Baseline> {
    return this.#call('baseline', request)
  }

  createRoot(request: RootRequest): Promise<RootFacts> {
    return this.#call('create_root', request)
  }

  async closeRoot(host: string): Promise<void> {
    await this.#call('close_root', { host })
  }

  async start(request: StartRequest): Promise<SiteProcess> {
    const { channel } = this.#options
    const process = channel.newNumber()
    const console = this.#options.console(`${request.host}-${request.program}`)
    const [steering, output] = [channel.openStream('both'), channel.openStream('in')]
    // As the socket of a child: who ends it at one side has ended it.
    steering.stream.allowHalfOpen = false
    output.stream.setEncoding('utf8').on('data', (text: string) => {
      if ('onText' in console) console.onText(text)
      else append(console.fd, text)
    })
    output.stream.once('close', () => console.release?.())
    const exit = channel.exitOf(process)
    const give = { ...request, process, channel: steering.number, output: output.number }
    try {
      const { pid } = await this.#call('start', give)
      return {
        pid,
        stream: steering.stream,
        exited: exit.then(
          async ({ status, code }): Promise<ProcessEnd> => {
            await closed(steering.stream)
            return { status, code }
          },
          (error: Error): ProcessEnd => ({ status: error.message, code: null }),
        ),
        lastWords: console.lastWords,
        kill: () => void channel.call('kill', { process, signal: 'SIGKILL' }).catch(() => {}),
      }
    } catch (error) {
      channel.forget(process)
      steering.stream.destroy()
      output.stream.destroy()
      throw error
    }
  }

  async sampleEvery(intervalS: number, onSample: (sample: Sample) => void): Promise<void> {
    this.#onSample = onSample
    await this.#call('sample_every', { interval_s: intervalS })
  }

  async sampleNow(): Promise<void> {
    await this.#call('sample_now', {})
  }

  measure(): Promise<SiteCosts> {
    return this.#call('measure', {})
  }

  async observe(): Promise<void> {
    await this.#call('observe', {})
  }

  verify(request: VerifyRequest): Promise<SiteDifference> {
    return this.#call('verify', request)
  }

  async end(): Promise<void> {
    try {
      await this.#call('end_site', {})
    } catch (error) {
      // A guest that is gone, or does not answer, is ended with its VM.
      if (!(error instanceof NslabError)) throw error
    } finally {
      this.#unhook()
    }
  }

  #call<Name extends GuestCallName>(call: Name, ask: Ask<Name>): Promise<Answer<Name>> {
    const { channel, scale } = this.#options
    return channel.call(call, ask, CALL_LIMIT_S * scale)
  }

  #see(notice: GuestNotice): void {
    const { onDeed, onEvent } = this.#options
    if (notice.is === 'sample') this.#onSample({ ...notice.sample, t_s: this.toRunS(notice.sample.t_s) })
    else if (notice.is === 'deed') onDeed(notice.state, notice.op, { site: this.name, ...notice.facts })
    else if (notice.is === 'kernel') {
      const { level, message, monotonic_ns } = notice
      const t_s = this.#runS(BigInt(monotonic_ns))
      onEvent({ t_s, from: this.name, kind: 'kernel_message', host: this.name, level, message })
    }
  }

  #runS(guestNs: bigint): number {
    const { model } = this.#options.guestClock
    this.#clockErrorS = Math.max(this.#clockErrorS, model.errorS(guestNs))
    return Number(model.hostNs(guestNs) - this.#options.originNs) / 1e9
  }
}

function append(fd: number, text: string): void {
  try {
    writeSync(fd, text)
  } catch {
    // A disk that takes no more is told by the run's own files.
  }
}

/** Resolves when the stream was read to its end, or nobody will read it any more. */
function closed(stream: SiteProcess['stream']): Promise<void> {
  if (stream.readableEnded || stream.destroyed) return Promise.resolve()
  return new Promise(resolve => stream.once('end', resolve).once('close', resolve))
}
