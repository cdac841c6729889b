// `nslab controller`: store, core and server put together, steered over a channel by `nslab run`, or on its own until it is
// told to end.

import type { Duplex } from 'node:stream'

import { Channel } from '../base/channel.ts'
import { type Clock, secondsSince } from '../base/clock.ts'
import { NslabError } from '../base/errors.ts'
import type { ControllerConfig } from '../config/types.ts'
import type { Netns } from '../native.ts'
import type { RunEvent } from '../protocol/events.ts'
import type { Command, Notice } from '../protocol/steering.ts'
import { makeTopology } from '../topology/make.ts'
import { Core, type CoreEvent } from './core.ts'
import { type OpenStore, openStore } from './open-store.ts'
import { ControlServer } from './server.ts'

/** How long a controller that nobody can tell a deadline may take to end, s. */
const STOP_DEADLINE_S = 10

export interface ControllerOptions {
  readonly config: ControllerConfig
  /** 32 hex digits. */
  readonly runId: string
  /** CLOCK_MONOTONIC ns that events count from. */
  readonly originNs: bigint
  readonly clock: Clock
  /** The network namespace to listen in; absent: the machine's own. Borrowed. */
  readonly fabric?: Netns
  /** For a private database server; made when needed, removed at the end unless `keepDatabase`. */
  readonly databaseFolder: string
  readonly keepDatabase: boolean
  readonly resetDatabase: boolean
  /** The channel to `nslab run`. */
  readonly steering?: Duplex
  /** Ends the controller in order. */
  readonly signal: AbortSignal
  /** Every event, beside the channel. */
  readonly onEvent?: (event: RunEvent) => void
  /** Fail with DEADLINE when not all links of the plan are up this long after the start. Absent: the run's business. */
  readonly deadlineS?: number
}

/** How a controller ended. */
export interface ControllerEnd {
  readonly facts: Readonly<Record<string, number>>
  readonly remaining: readonly string[]
}

/**
 * Runs a controller until it is told to stop. Throws KERNEL_REFUSED where it can't listen, DATABASE_REFUSED where a named
 * database can't be had, and DEADLINE with the missing ids; whatever it started has ended then.
 */
export async function runController(options: ControllerOptions): Promise<ControllerEnd> {
  const controller = new Controller(options)
  try {
    return await controller.run()
  } finally {
    await controller.close()
  }
}

class Controller {
  readonly #options: ControllerOptions
  readonly #channel: Channel<Notice, Command> | null
  readonly #core: Core
  readonly #server: ControlServer
  /** Settles once: with a deadline in s when the controller shall stop, with an error when it can't go on. */
  readonly #done: Promise<number>
  #stop: (deadlineS: number) => void = () => {}
  #fail: (error: unknown) => void = () => {}
  #store: OpenStore | undefined
  #deadline: NodeJS.Timeout | undefined

  constructor(options: ControllerOptions) {
    this.#options = options
    this.#done = new Promise((resolve, reject) => {
      this.#stop = resolve
      this.#fail = reject
    })
    this.#done.catch(() => {})
    const stop = (): void => this.#stop(STOP_DEADLINE_S)
    if (options.signal.aborted) stop()
    else options.signal.addEventListener('abort', stop, { once: true })
    this.#channel =
      options.steering === undefined
        ? null
        : new Channel<Notice, Command>(options.steering, command => this.#obey(command), stop)
    const { config, runId } = options
    const onEvent = (event: CoreEvent): void => {
      if (event.kind === 'all_wired') clearTimeout(this.#deadline)
      this.#emit(event)
    }
    this.#core = new Core({
      config,
      topology: makeTopology(config.topology),
      runId,
      token: config.token ?? null,
      onEvent,
      onNode: state => this.#store?.store.putNode(state),
    })
    this.#server = new ControlServer({ core: this.#core, onEvent })
  }

  async run(): Promise<ControllerEnd> {
    try {
      await this.#openStore()
      await this.#listen()
      this.#channel?.send({ is: 'ready', pid: process.pid })
      this.#watchDeadline()
      const end = await this.#end(await this.#done)
      this.#emit({ kind: 'stopped' })
      this.#channel?.send({ is: 'stopped', ...end })
      return end
    } catch (error) {
      await this.#end(STOP_DEADLINE_S).catch(() => {})
      if (error instanceof NslabError) this.#channel?.send(failed(error))
      throw error
    }
  }

  async close(): Promise<void> {
    await this.#channel?.close()
    this.#options.steering?.destroy()
  }

  async #openStore(): Promise<void> {
    const { config, databaseFolder, keepDatabase, resetDatabase } = this.#options
    const onWarning = (message: string): void => this.#emit({ kind: 'warning', message })
    const core = this.#core
    this.#store = await openStore({
      config,
      reset: resetDatabase,
      folder: databaseFolder,
      keep: keepDatabase,
      onWarning,
      listener: {
        onRoute: (id, edges) => core.setRoute(id, edges),
        onFlow: (id, flow) => core.setFlow(id, flow),
        onContents: contents => {
          core.replaceRoutes(contents.routes)
          core.replaceFlows(contents.flows)
        },
        onInvalid: onWarning,
        onLost: reason => this.#emit({ kind: 'database_lost', reason }),
        onBack: () => this.#emit({ kind: 'database_back' }),
      },
    })
    core.replaceRoutes(this.#store.contents.routes)
    core.replaceFlows(this.#store.contents.flows)
    this.#emit(this.#store.ready)
  }

  async #listen(): Promise<void> {
    const { config, fabric } = this.#options
    if (fabric === undefined) {
      this.#emit({ kind: 'listening', ...(await this.#server.listen({ host: config.listen, port: config.port })) })
      return
    }
    let fd: number
    try {
      fd = await fabric.openSocket({ listen: { address: config.listen, port: config.port, backlog: 4096 } })
    } catch (error) {
      const { code, message } = error as NodeJS.ErrnoException
      const where = `${config.listen}:${config.port} in the fabric root`
      throw new NslabError(
        'KERNEL_REFUSED',
        { operation: 'listen', where, errno: code, reason: message },
        { cause: error },
      )
    }
    await this.#server.listen({ fd })
    this.#emit({ kind: 'listening', address: config.listen, port: config.port })
  }

  #watchDeadline(): void {
    const { deadlineS } = this.#options
    if (deadlineS === undefined) return
    this.#deadline = setTimeout(() => {
      const { notConnected, notReady } = this.#core.missing()
      const missing = [...notConnected, ...notReady].sort((a, b) => a - b)
      this.#fail(
        new NslabError('DEADLINE', {
          waitingFor: 'all nodes wired',
          limitS: deadlineS,
          missing,
          notConnected,
          notReady,
        }),
      )
    }, deadlineS * 1000)
  }

  /** Sessions first, then their last rows, then the database. Safe at any time, also twice. */
  async #end(deadlineS: number): Promise<ControllerEnd> {
    clearTimeout(this.#deadline)
    const store = this.#store
    this.#core.end()
    await this.#server.close()
    this.#store = undefined
    if (store === undefined) return { facts: {}, remaining: [] }
    const deadlineMs = deadlineS * 1000
    await store.store.flush(deadlineMs / 2).catch((error: NslabError) => {
      this.#emit({ kind: 'error', code: error.code, message: error.message })
    })
    const facts = { rows_unwritten_count: store.store.unwrittenCount }
    await store.close(deadlineMs / 2)
    return { facts, remaining: [] }
  }

  #obey(command: Command): void {
    if (command.do === 'stop') this.#stop(command.deadline_s)
    if (command.do === 'missing') {
      const { notConnected, notReady } = this.#core.missing()
      this.#channel?.send({ is: 'missing', not_connected: notConnected, not_ready: notReady })
    }
  }

  #emit(event: CoreEvent): void {
    const { clock, originNs, onEvent } = this.#options
    const stamped: RunEvent = { t_s: secondsSince(clock, originNs), from: 'controller', ...event }
    this.#channel?.post({ is: 'event', event: stamped })
    onEvent?.(stamped)
  }
}

function failed(error: NslabError): Notice {
  const { code, message, hint, exitCode } = error
  return { is: 'failed', code, message, ...(hint === undefined ? {} : { hint }), exit_code: exitCode }
}
