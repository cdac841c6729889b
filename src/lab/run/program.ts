// One program of a run (controller, dataplane, soak) as `nslab run` sees it, wherever it runs: a channel, and how it ended.

import { Channel } from '../../base/channel.ts'
import { NslabError } from '../../base/errors.ts'
import { ExitCode } from '../../base/exit-codes.ts'
import type { RunEvent } from '../../protocol/events.ts'
import { isFault } from '../../protocol/steered.ts'
import type { Command, CommonNotice, Notice, StopCommand } from '../../protocol/steering.ts'
import type { SiteProcess } from '../site/site.ts'

/** What the program measured while it stopped. */
export type Stopped = Extract<Notice, { is: 'stopped' }>

export interface ProgramOptions {
  /** In errors: "controller", "dataplane", "dataplane of host2". */
  readonly name: string
  readonly process: SiteProcess
  readonly onEvent: (event: RunEvent) => void
  /**
   * Called when the program ends before it was told to stop, or can't be understood; what follows the first call is
   * its consequence.
   */
  readonly onFailure: (error: unknown) => void
}

/**
 * A running program. It ends when `nslab run` does, by whatever cause: its site sees to that. `C` and `N`: what it can be
 * told, and what it says beside what all programs say.
 */
export class Program<C extends { readonly do: string } = Command, N extends { readonly is: string } = Notice> {
  readonly name: string
  /** Of its site; 0 where the process could not be started. */
  readonly pid: number
  /** Resolves when the program says it is ready; rejects when it ends before. */
  readonly ready: Promise<void>
  /** Resolves with the exit status in words when the process has ended. */
  readonly exited: Promise<string>
  readonly #process: SiteProcess
  readonly #channel: Channel<C | StopCommand, N | CommonNotice>
  readonly #listeners = new Set<(notice: N) => void>()
  #ending = false
  #failure: Extract<Notice, { is: 'failed' }> | null = null
  #stopped: Stopped | null = null

  constructor(options: ProgramOptions) {
    const { process, onEvent, onFailure } = options
    this.name = options.name
    this.#process = process
    this.pid = process.pid
    let ready = (): void => {}
    let notReady = (_error: Error): void => {}
    this.ready = new Promise((resolve, reject) => {
      ready = resolve
      notReady = reject
    })
    this.ready.catch(() => {})
    this.#channel = new Channel<C | StopCommand, N | CommonNotice>(
      process.stream,
      told => {
        const notice = told as CommonNotice
        if (notice.is === 'events') for (const event of notice.events) onEvent(event)
        else if (notice.is === 'ready') ready()
        else if (notice.is === 'failed') this.#failure = notice
        else if (notice.is === 'stopped') this.#stopped = notice
        else for (const listener of this.#listeners) listener(told as N)
      },
      error => {
        if (isFault(error)) onFailure(error)
      },
    )
    this.exited = process.exited.then(({ status, code }) => {
      const error = this.#endError(status, code)
      notReady(error)
      if (!this.#ending) onFailure(error)
      this.#ending = true
      return status
    })
  }

  send(command: C): void {
    this.#channel.send(command)
  }

  /** Hands every answer to a question (netns, missing, …) to `listener`, until the returned function is called. */
  onNotice(listener: (notice: N) => void): () => void {
    this.#listeners.add(listener)
    return () => this.#listeners.delete(listener)
  }

  /**
   * Tells the program to end in order; after `deadlineS` it is killed. Resolves with its last words, null if it had
   * none.
   */
  async stop(deadlineS: number): Promise<Stopped | null> {
    this.#ending = true
    this.#channel.send({ do: 'stop', deadline_s: deadlineS })
    // The program keeps the deadline itself; this is for one that can't.
    const timer = setTimeout(() => this.kill(), (deadlineS + 2) * 1000)
    await this.exited
    clearTimeout(timer)
    return this.#stopped
  }

  /** Ends it at once, which is then no failure. */
  kill(): void {
    this.#ending = true
    this.#process.kill()
  }

  #endError(status: string, code: number | null): NslabError {
    const { name, pid } = this
    if (this.#failure !== null)
      return new NslabError('PROGRAM_FAILED', { process: name, status, failure: this.#failure })
    const lastWords = this.#process.lastWords()
    if (code !== ExitCode.bug) return new NslabError('PROCESS_ENDED', { process: name, status, pid, lastWords })
    const failure = { code: 'BUG', message: lastWords, exit_code: ExitCode.bug }
    return new NslabError('PROGRAM_FAILED', { process: name, status, failure })
  }
}
