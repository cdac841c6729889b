// The keeper: does a run for `nslab run --keep`, and then holds the VMs that stay until they have ended.

import type { Duplex } from 'node:stream'
import { Channel } from '../../base/channel.ts'
import { sentError } from '../../protocol/sent-error.ts'
import { type RunResult, runScenario } from '../run/run.ts'
import type { FromKeeper, ToKeeper } from './protocol.ts'
import type { KeptVms } from './vms.ts'

/** What ends a run whose command has gone away. */
const NOBODY_WAITS = 'the end of nslab run'

/** Resolves when the run is over and no VM of it is left. `stream`: from `nslab run`. */
export async function serveKeeper(stream: Duplex): Promise<void> {
  await new KeeperSide(stream).live()
}

class KeeperSide {
  readonly #channel: Channel<FromKeeper, ToKeeper>
  readonly #interrupt = new AbortController()
  readonly #hurry = new AbortController()
  readonly #asked: Promise<Extract<ToKeeper, { do: 'run' }> | null>
  #ask: (run: Extract<ToKeeper, { do: 'run' }> | null) => void = () => {}
  #kept: KeptVms | null = null
  #isWatched = true

  constructor(stream: Duplex) {
    this.#asked = new Promise(resolve => {
      this.#ask = resolve
    })
    this.#channel = new Channel<FromKeeper, ToKeeper>(
      stream,
      message => this.#receive(message),
      () => this.#unwatched(),
    )
    for (const signal of ['SIGTERM', 'SIGINT', 'SIGHUP'] as const) process.on(signal, () => this.#end(signal))
  }

  async live(): Promise<void> {
    const asked = await this.#asked
    if (asked === null) return
    try {
      const result = await this.#run(asked)
      this.#kept = result.kept ?? null
      this.#tellOver(result)
    } catch (error) {
      this.#channel.send({ is: 'failed', error: sentError(error) })
    }
    // Nobody heard what is kept here.
    if (!this.#isWatched) await this.#kept?.stop(null, false)
    if (this.#kept === null) await this.#channel.close()
    await this.#kept?.ended
  }

  #run({ scenario, scenario_text, base, repeated }: Extract<ToKeeper, { do: 'run' }>): Promise<RunResult> {
    return runScenario({
      scenario,
      scenarioText: scenario_text,
      base,
      ...(repeated === undefined ? {} : { repeated }),
      interrupted: this.#interrupt.signal,
      hurried: this.#hurry.signal,
      onProgress: progress => this.#channel.post({ is: 'progress', progress }),
      onFolder: path => this.#channel.send({ is: 'folder', path }),
      onWarning: message => this.#channel.send({ is: 'warning', message }),
    })
  }

  #tellOver({ folder, diskError, bug }: RunResult): void {
    const sentOrNull = (error: unknown): ReturnType<typeof sentError> | null =>
      error === null ? null : sentError(error)
    const kept = this.#kept?.names ?? []
    this.#channel.send({ is: 'over', folder, disk_error: sentOrNull(diskError), bug: sentOrNull(bug), kept })
    this.#channel.flush()
  }

  #receive(message: ToKeeper): void {
    if (message.do === 'run') this.#ask(message)
    else if (message.do === 'interrupt') this.#interrupt.abort(message.signal)
    else this.#hurry.abort(message.signal)
  }

  /** `nslab run` has gone: as it should where it knows of the end, and the run is of no use to anybody where not. */
  #unwatched(): void {
    this.#isWatched = false
    this.#ask(null)
    if (this.#kept === null) this.#interrupt.abort(NOBODY_WAITS)
  }

  /** A signal to this very process: the first ends things in order, the second at once. */
  #end(signal: NodeJS.Signals): void {
    const isFirst = !this.#interrupt.signal.aborted
    if (this.#kept !== null) void this.#kept.stop(null, !isFirst)
    else if (!isFirst) this.#hurry.abort(signal)
    this.#interrupt.abort(signal)
  }
}
