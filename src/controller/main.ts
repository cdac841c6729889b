// `nslab controller`: store, core and server put together, steered over a channel by `nslab run`, or on its own until
// it is told to end.

import type { Duplex } from 'node:stream'

import { type Clock, secondsSince } from '../base/clock.ts'
import { NslabError } from '../base/errors.ts'
import type { ControllerConfig } from '../config/types.ts'
import { isNativeError } from '../native/error.ts'
import type { Netns } from '../native/netns.ts'
import type { RunEvent } from '../protocol/events.ts'
import { type OwnCommand, type ProgramEnd, Steered } from '../protocol/steered.ts'
import { makeTopology } from '../topology/make.ts'
import { Core, type CoreEvent } from './core.ts'
import { LinkChanges } from './link-changes.ts'
import { type OpenStore, openStore } from './open-store.ts'
import { type ProbeEnd, Probes } from './probes.ts'
import { ControlServer } from './server.ts'
import type { Contents } from './store.ts'

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
  /** How many times longer than usual nodes may take to greet and to answer; default 1. */
  readonly timeScale?: number
  /** The channel to `nslab run`. */
  readonly steering?: Duplex
  /** Ends the controller in order. */
  readonly signal: AbortSignal
  /** Every event, beside the channel. */
  readonly onEvent?: (event: RunEvent) => void
  /** Fail with DEADLINE when not all links of the plan are up this long after the start. Absent: the run's business. */
  readonly deadlineS?: number
}

/**
 * Runs a controller until it is told to stop. Throws KERNEL_REFUSED where it can't listen, DATABASE_REFUSED where a
 * named database can't be had, and DEADLINE with the missing ids; whatever it started has ended then.
 */
export function runController(options: ControllerOptions): Promise<ProgramEnd> {
  return new Controller(options).run()
}

class Controller {
  readonly #options: ControllerOptions
  readonly #steered: Steered
  readonly #core: Core
  readonly #server: ControlServer
  readonly #changes: LinkChanges
  readonly #probes: Probes
  #store: OpenStore | undefined
  #deadline: NodeJS.Timeout | undefined

  constructor(options: ControllerOptions) {
    this.#options = options
    this.#steered = new Steered({
      stream: options.steering,
      signal: options.signal,
      obey: command => this.#obey(command),
    })
    const { config, runId } = options
    const onEvent = (event: CoreEvent): void => {
      if (event.kind === 'all_wired') clearTimeout(this.#deadline)
      this.#emit(event)
    }
    this.#changes = new LinkChanges({
      change: (...change) => this.#core.traffic.changeLink(...change),
      send: notice => this.#steered.send(notice),
      timeScale: options.timeScale ?? 1,
    })
    this.#probes = new Probes({
      begin: (...probe) => this.#core.traffic.probe(...probe),
      onResult: row => this.#store?.store.putProbe(row),
      timeScale: options.timeScale ?? 1,
    })
    this.#core = new Core({
      config,
      topology: makeTopology(config.topology),
      runId,
      token: config.token ?? null,
      onEvent,
      onNode: state => {
        this.#store?.store.putNode(state)
        if (state.connected) return
        this.#changes.left(state.nodeId)
        this.#probes.left(state.nodeId)
      },
      traffic: {
        onFlowTimes: times => this.#store?.store.putFlowTimes(times),
        onMetrics: rows => this.#store?.store.putMetrics(rows),
        onAppFlows: rows => this.#store?.store.putAppFlows(rows),
        onLinkSet: (nodeId, change) => this.#changes.done(nodeId, change),
        onProbe: message => {
          if (message.type === 'ProbeLinkResult') this.#probes.measured(message)
          else this.#probes.failed(message.node_id, message.probe_id, message.reason)
        },
      },
    })
    this.#server = new ControlServer({ core: this.#core, onEvent, timeScale: options.timeScale ?? 1 })
  }

  run(): Promise<ProgramEnd> {
    return this.#steered.live({
      begin: () => this.#begin(),
      end: deadlineS => this.#end(deadlineS),
      ended: () => this.#emit({ kind: 'stopped' }),
    })
  }

  async #begin(): Promise<void> {
    try {
      await this.#openStore()
    } catch (error) {
      // What was not wanted any more is not missed.
      if (this.#steered.ending.aborted) return
      throw error
    }
    await this.#listen()
    this.#steered.send({ is: 'ready', pid: process.pid })
    this.#watchDeadline()
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
      signal: this.#steered.ending,
      listener: {
        onRoute: (id, edges) => core.setRoute(id, edges),
        onFlow: (id, flow) => core.traffic.setFlow(id, flow),
        onLink: (from, to, shape) => core.traffic.setLinkRow(from, to, shape),
        onProbe: (id, ask) => this.#probes.askByRow(id, ask, onWarning),
        onContents: contents => this.#take(contents),
        onInvalid: onWarning,
        onLost: reason => this.#emit({ kind: 'database_lost', reason }),
        onBack: () => this.#emit({ kind: 'database_back' }),
      },
    })
    this.#take(this.#store.contents)
    this.#emit(this.#store.ready)
  }

  /** Groups before the flows that go to them. */
  #take({ routes, links, groups, flows }: Contents): void {
    const { traffic } = this.#core
    this.#core.replaceRoutes(routes)
    traffic.replaceLinks(links)
    traffic.replaceGroups(groups)
    traffic.replaceFlows(flows)
  }

  async #listen(): Promise<void> {
    const { config, fabric } = this.#options
    if (fabric === undefined) {
      this.#emit({ kind: 'listening', ...(await this.#server.listen({ host: config.listen, port: config.port })) })
      return
    }
    const { listen: address, port } = config
    const fd = await fabric.openSocket({ listen: { address, port, backlog: 4096 } }).catch((error: unknown) => {
      if (!isNativeError(error)) throw error
      const where = `${address}:${port} in the fabric root`
      const facts = { operation: 'listen', where, errno: error.code, reason: error.reason }
      throw new NslabError('KERNEL_REFUSED', facts, { cause: error })
    })
    await this.#server.listen({ fd })
    this.#emit({ kind: 'listening', address, port })
  }

  #watchDeadline(): void {
    const { deadlineS } = this.#options
    if (deadlineS === undefined) return
    this.#deadline = setTimeout(() => {
      const { notConnected, notReady } = this.#core.missing()
      const missing = [...notConnected, ...notReady].sort((a, b) => a - b)
      this.#steered.fail(
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
  async #end(deadlineS: number): Promise<ProgramEnd> {
    clearTimeout(this.#deadline)
    const store = this.#store
    this.#core.end()
    this.#changes.close()
    this.#probes.close()
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

  #obey(command: OwnCommand): void {
    if (command.do === 'secret') this.#core.requireToken(command.secret)
    if (command.do === 'set_link') this.#changes.ask(command)
    if (command.do === 'link_now') {
      const { ask, node_id, peer_id } = command
      this.#steered.send({ is: 'link_now', ask, shape: this.#core.traffic.shapeOf(node_id, peer_id) })
    }
    if (command.do === 'probe') {
      const { probe, node_id: srcNodeId, peer_id: dstNodeId, bytes } = command
      const onEnd = (end: ProbeEnd): void => this.#steered.send({ is: 'probed', probe, ...end })
      this.#probes.ask({ srcNodeId, dstNodeId, bytes }, onEnd)
    }
    if (command.do !== 'missing') return
    const { notConnected, notReady } = this.#core.missing()
    this.#steered.send({ is: 'missing', not_connected: notConnected, not_ready: notReady })
  }

  #emit(event: CoreEvent): void {
    const { clock, originNs, onEvent } = this.#options
    const stamped: RunEvent = { t_s: secondsSince(clock, originNs), from: 'controller', ...event }
    this.#steered.post(stamped)
    onEvent?.(stamped)
  }
}
