// The calls that make a guest a site of a run: the same LocalSite that a run on its own machine has. Loaded when the
// first of them is made.

import { existsSync, mkdirSync } from 'node:fs'
import { connect } from 'node:net'
import { join } from 'node:path'
import { systemClock } from '../../base/clock.ts'
import type { ByteStream } from '../../protocol/byte-streams.ts'
import type { Ask, StartedAs } from '../../vm/guest-calls.ts'
import type { Console } from '../site/local-process.ts'
import { LocalSite } from '../site/local-site.ts'
import type { SiteProcess } from '../site/site.ts'
import type { Session } from './session.ts'

/** A guest's one network interface, where it has any. */
const UPLINK_CARD = 'eth0'

/** Output that waits for a runner that does not read; more is left out, and counted. */
const OUTPUT_BYTES_MAX = 1024 * 1024

export class GuestSite {
  readonly site: LocalSite
  readonly #session: Session
  /** Of the program that is being started. */
  #output: ByteStream | null = null

  /** `folder`: where the site's files are; plan.json is there when a program is started. */
  static async open(session: Session, ask: Ask<'open_site'>, folder: string): Promise<GuestSite> {
    await firstStream()
    return new GuestSite(session, ask, folder)
  }

  private constructor(session: Session, { name, run_id, origin_ns }: Ask<'open_site'>, folder: string) {
    this.#session = session
    const programs = join(folder, 'run')
    mkdirSync(programs, { recursive: true })
    this.site = new LocalSite({
      name,
      runId: run_id,
      clock: systemClock,
      originNs: BigInt(origin_ns),
      planPath: join(folder, 'plan.json'),
      folder: programs,
      console: () => consoleOf(this.#output as ByteStream),
      uplinkCard: existsSync(`/sys/class/net/${UPLINK_CARD}`) ? UPLINK_CARD : null,
      alsoSampled: () => [{ name: 'agent', pid: process.pid }],
      pause: durationS => new Promise(resolve => setTimeout(resolve, durationS * 1000)),
      onDeed: (state, op, facts) => session.tell({ is: 'deed', state, op, facts }),
    })
    session.onEnd.add(() => this.site.end())
  }

  async start(ask: Ask<'start'>, channel: ByteStream, output: ByteStream): Promise<StartedAs> {
    const { program, host, args } = ask
    this.#output = output
    // Asks for its console at once.
    const starting = this.site.start({ program, host, args })
    this.#output = null
    const process = await starting
    joinStreams(process, channel)
    this.#session.watch(ask.process, () => process.kill(), process.exited, [channel, output])
    return { pid: process.pid }
  }

  async sampleEvery({ interval_s }: Ask<'sample_every'>): Promise<null> {
    await this.site.sampleEvery(interval_s, sample => this.#session.tell({ is: 'sample', sample }))
    return null
  }
}

/**
 * From its first stream on libuv keeps a descriptor of /dev/null in reserve. A guest's agent has no stream before it
 * starts a program: the reserve would be counted as left behind by the run.
 */
function firstStream(): Promise<void> {
  return new Promise(resolve => {
    connect('/nowhere')
      .on('error', () => {})
      .once('close', () => resolve())
  })
}

/** Both ways; where the runner has gone the program sees its channel end, and stops by itself. */
function joinStreams({ stream }: SiteProcess, channel: ByteStream): void {
  stream.on('error', () => {})
  stream.pipe(channel).pipe(stream)
  channel.on('close', () => stream.end())
}

function consoleOf(output: ByteStream): Console {
  let leftOutBytes = 0
  return {
    onText: text => {
      if (output.writableLength > OUTPUT_BYTES_MAX) {
        leftOutBytes += Buffer.byteLength(text)
        return
      }
      if (leftOutBytes > 0) output.write(`\n[${leftOutBytes} bytes were left out here]\n`)
      leftOutBytes = 0
      output.write(text)
    },
    lastWords: () => '',
  }
}
