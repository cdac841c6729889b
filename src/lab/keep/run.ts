// A run whose VMs are to stay: done by a process of its own, the keeper, while this one tells what it says. VMs end
// with who started them, so that has to be somebody who stays.

import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import type { Duplex } from 'node:stream'
import { fileURLToPath } from 'node:url'
import { Channel } from '../../base/channel.ts'
import { NslabError } from '../../base/errors.ts'
import type { Scenario } from '../../config/types.ts'
import { receivedError } from '../../protocol/sent-error.ts'
import type { RunOptions, RunResult } from '../run/run.ts'
import { type FromKeeper, KEEPER_COMMAND, KEEPER_FD, type KeptRun, type ToKeeper } from './protocol.ts'

const cliPath = fileURLToPath(new URL('../../cli/main.js', import.meta.url))

export interface KeptResult extends Omit<RunResult, 'kept'> {
  /** VMs that stay. */
  readonly kept: readonly string[]
}

/** Whether a run may leave VMs behind. */
export function mayKeepVms({ hosts, run }: Scenario): boolean {
  return run.keep && hosts.on !== 'host' && !run.deterministic
}

export interface KeeperOptions extends Omit<RunOptions, 'clock' | 'here'> {
  /** What it says beside that: of the set-up's installer, or of a bug. */
  readonly onText: (text: string) => void
}

/**
 * As runScenario(), by a keeper. It ends the run in order when this process goes away before the run is over, and ends
 * itself where nothing is kept. Throws what runScenario() does, and PROCESS_ENDED where the keeper was killed.
 */
export async function runInKeeper(options: KeeperOptions): Promise<KeptResult> {
  const keeper = new Keeper(options)
  try {
    const { folder, disk_error, bug, kept } = await keeper.over
    return {
      folder,
      diskError: disk_error === null ? null : (receivedError(disk_error, 'the keeper') as NslabError),
      bug: bug === null ? null : receivedError(bug, 'the keeper'),
      kept,
    }
  } finally {
    await keeper.leave()
  }
}

class Keeper {
  readonly over: Promise<KeptRun>
  readonly #child: ChildProcess
  readonly #channel: Channel<ToKeeper, FromKeeper>
  readonly #options: KeeperOptions
  readonly #unhook: () => void
  #resolve: (run: KeptRun) => void = () => {}
  #reject: (error: Error) => void = () => {}
  #stays = false

  constructor(options: KeeperOptions) {
    const { base, interrupted, hurried, scenario, scenarioText, repeated } = options
    this.#options = options
    this.over = new Promise((resolve, reject) => {
      this.#resolve = resolve
      this.#reject = reject
    })
    // Its own session: a terminal's signals are for us, and passed on.
    this.#child = spawn(process.execPath, [cliPath, KEEPER_COMMAND], {
      stdio: ['ignore', 'ignore', 'pipe', 'pipe'],
      detached: true,
    })
    this.#child.stderr?.setEncoding('utf8').on('data', options.onText)
    this.#child.once('close', (code, signal) => this.#lost(signal === null ? `exit ${code}` : `killed by ${signal}`))
    this.#child.once('error', error => this.#lost(error.message))
    const stream = this.#child.stdio[KEEPER_FD] as Duplex
    this.#channel = new Channel<ToKeeper, FromKeeper>(
      stream,
      message => this.#receive(message),
      () => {},
    )
    const asked = { scenario, scenario_text: scenarioText, base, ...(repeated === undefined ? {} : { repeated }) }
    this.#channel.send({ do: 'run', ...asked })
    const onInterrupt = (): void => this.#channel.send({ do: 'interrupt', signal: String(interrupted.reason) })
    const onHurry = (): void => this.#channel.send({ do: 'hurry', signal: String(hurried.reason) })
    interrupted.addEventListener('abort', onInterrupt)
    hurried.addEventListener('abort', onHurry)
    if (interrupted.aborted) onInterrupt()
    this.#unhook = () => {
      interrupted.removeEventListener('abort', onInterrupt)
      hurried.removeEventListener('abort', onHurry)
    }
  }

  /** Waits for its end, where it does not stay. */
  async leave(): Promise<void> {
    this.#unhook()
    if (this.#stays) {
      for (const stream of this.#child.stdio) stream?.destroy()
      this.#child.unref()
    } else if (this.#child.pid !== undefined && this.#child.exitCode === null && this.#child.signalCode === null)
      await once(this.#child, 'exit')
  }

  #receive(message: FromKeeper): void {
    const { onFolder, onProgress, onWarning } = this.#options
    switch (message.is) {
      case 'progress':
        onProgress(message.progress)
        break
      case 'folder':
        onFolder(message.path)
        break
      case 'warning':
        onWarning(message.message)
        break
      case 'over':
        this.#stays = message.kept.length > 0
        this.#resolve(message)
        break
      case 'failed':
        this.#reject(receivedError(message.error, 'the keeper'))
        break
    }
  }

  #lost(status: string): void {
    this.#reject(new NslabError('PROCESS_ENDED', { process: 'the keeper of the run', status }))
  }
}
