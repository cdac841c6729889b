// One program of a run (controller or dataplane) as `nslab run` sees it: a process, a channel, how it ended.

import { type ChildProcess, spawn } from 'node:child_process'
import type { Duplex } from 'node:stream'
import { fileURLToPath } from 'node:url'
import { Channel } from '../base/channel.ts'
import { NslabError } from '../base/errors.ts'
import { ExitCode } from '../base/exit-codes.ts'
import type { RunEvent } from '../protocol/events.ts'
import { isFault } from '../protocol/steered.ts'
import type { Command, Notice } from '../protocol/steering.ts'

/** What the program measured while it stopped. */
export type Stopped = Extract<Notice, { is: 'stopped' }>

export interface ProgramOptions {
  readonly name: 'controller' | 'dataplane'
  readonly args: readonly string[]
  readonly nodeFlags: readonly string[]
  /** Descriptor of the fabric root, 3 in the child. */
  readonly fabricFd: number
  /** Descriptor that takes standard output and error. */
  readonly consoleFd: number
  /** What it said there last; asked when it has ended and did not say why. */
  readonly lastWords: () => string
  readonly env: Readonly<Record<string, string>>
  readonly onEvent: (event: RunEvent) => void
  /**
   * Called when the program ends before it was told to stop, or can't be understood; what follows the first call is
   * its consequence.
   */
  readonly onFailure: (error: unknown) => void
}

const cliPath = fileURLToPath(new URL('../cli/main.js', import.meta.url))

/**
 * A running program. It is the leader of its own session, so that a terminal's Ctrl-C reaches `nslab run` alone; the
 * kernel ends it when `nslab run` ends (it asks for that itself, as its first act).
 */
export class Program {
  readonly name: string
  /** 0 where the process could not be started. */
  readonly pid: number
  /** Resolves when the program says it is ready; rejects when it ends before. */
  readonly ready: Promise<void>
  /** Resolves with the exit status in words when the process has ended. */
  readonly exited: Promise<string>
  readonly #child: ChildProcess
  readonly #channel: Channel<Command, Notice>
  readonly #options: ProgramOptions
  #ending = false
  #failure: Extract<Notice, { is: 'failed' }> | null = null
  #stopped: Stopped | null = null

  constructor(options: ProgramOptions) {
    this.name = options.name
    this.#options = options
    this.#child = started(options.name, () =>
      spawn(
        process.execPath,
        [...options.nodeFlags, cliPath, options.name, ...options.args, '--fabric-fd', '3', '--channel-fd', '4'],
        {
          stdio: ['ignore', options.consoleFd, options.consoleFd, options.fabricFd, 'pipe'],
          env: { ...process.env, ...options.env, NSLAB_PARENT_PID: String(process.pid) },
          detached: true,
        },
      ),
    )
    this.pid = this.#child.pid ?? 0
    let ready = (): void => {}
    let notReady = (_error: Error): void => {}
    this.ready = new Promise((resolve, reject) => {
      ready = resolve
      notReady = reject
    })
    this.ready.catch(() => {})
    this.#channel = new Channel<Command, Notice>(
      this.#child.stdio[4] as Duplex,
      notice => {
        if (notice.is === 'event') options.onEvent(notice.event)
        else if (notice.is === 'ready') ready()
        else if (notice.is === 'failed') this.#failure = notice
        else if (notice.is === 'stopped') this.#stopped = notice
      },
      error => {
        if (isFault(error)) options.onFailure(error)
      },
    )
    this.exited = new Promise(resolve => {
      const ended = (status: string): void => {
        notReady(this.#endError(status))
        if (!this.#ending) options.onFailure(this.#endError(status))
        this.#ending = true
        resolve(status)
      }
      this.#child.on('error', error => {
        // Only when it did not start: later errors are of signals that found it gone.
        if (this.pid === 0) ended(error.message)
      })
      // 'close' comes after the channel's last line was read, 'exit' may come before.
      this.#child.on('close', (code, signal) => ended(signal === null ? `exit ${code}` : `killed by ${signal}`))
    })
  }

  send(command: Command): void {
    this.#channel.send(command)
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

  kill(): void {
    this.#ending = true
    this.#child.kill('SIGKILL')
  }

  #endError(status: string): NslabError {
    const { name, pid } = this
    if (this.#failure !== null)
      return new NslabError('PROGRAM_FAILED', { process: name, status, failure: this.#failure })
    const lastWords = this.#options.lastWords()
    if (this.#child.exitCode !== ExitCode.bug)
      return new NslabError('PROCESS_ENDED', { process: name, status, pid, lastWords })
    const failure = { code: 'BUG', message: lastWords, exit_code: ExitCode.bug }
    return new NslabError('PROGRAM_FAILED', { process: name, status, failure })
  }
}

/** Node throws some of the kernel's refusals (ENOMEM), and with no descriptor left returns a child without streams. */
function started(name: string, start: () => ChildProcess): ChildProcess {
  const refused = (errno: string, cause?: unknown): NslabError => {
    const facts = { operation: 'spawn', where: name, errno, reason: 'the process could not be started' }
    return new NslabError('KERNEL_REFUSED', facts, { cause })
  }
  let child: ChildProcess
  try {
    child = start()
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    throw code?.startsWith('E') === true && !code.startsWith('ERR_') ? refused(code, error) : error
  }
  if (child.stdio?.[4] !== undefined) return child
  child.on('error', () => {})
  throw refused('EMFILE')
}
