// `nslab dataplane`: a fleet, steered over a channel by `nslab run`, or on its own until it is told to end.

import { join } from 'node:path'
import type { Duplex } from 'node:stream'
import type { Clock } from '../base/clock.ts'
import { NslabError } from '../base/errors.ts'
import type { Random } from '../base/random.ts'
import { isLoopback, parseControllerAddr } from '../config/host.ts'
import type { DataplaneConfig } from '../config/types.ts'
import type { Addon } from '../native/addon.ts'
import { kernelError } from '../native/error.ts'
import type { FabricSpec } from '../native/fabric.ts'
import type { Netns } from '../native/netns.ts'
import type { RunEvent } from '../protocol/events.ts'
import { type OwnCommand, Steered } from '../protocol/steered.ts'
import { Fleet, type FleetEnd, makeFleetName } from './fleet.ts'
import { linkNotices } from './link-ends.ts'
import { Meeting } from './meeting.ts'
import { type Member, netnsName } from './meeting-place.ts'
import { Relay } from './relay.ts'
import { TrafficAnswers } from './traffic/answers.ts'
import { Whereabouts } from './whereabouts.ts'

export interface DataplaneOptions {
  readonly native: Addon
  readonly config: DataplaneConfig
  readonly controllerAddr: string
  readonly spec: FabricSpec
  /** Name of this process in its events. */
  readonly name: string
  /** Inherited fabric root; absent: a new one, and a relay to the machine's own controller. */
  readonly root?: Netns
  /** Where fleets with roots of their own and one controller on this machine meet; absent: this one stays alone. */
  readonly meetingFolder?: string
  readonly runId?: string
  readonly peersOf?: (nodeId: number) => readonly number[]
  readonly firstIncarnation: number
  /** CLOCK_MONOTONIC ns that events count from. */
  readonly originNs: bigint
  /** Where the socket is made that tells where nodes are; absent: none. */
  readonly socketPath?: string
  /** The channel to `nslab run`; absent: the fleet is built at once. */
  readonly steering?: Duplex
  /** Ends the fleet in order. */
  readonly signal: AbortSignal
  /** Every event, beside the channel. */
  readonly onEvent?: (event: RunEvent) => void
  readonly clock: Clock
  readonly random: Random
}

/**
 * Runs a fleet until it is told to stop. Resolves with how it ended; throws what made it unable to go on, after
 * everything it made is gone.
 */
export function runDataplane(options: DataplaneOptions): Promise<FleetEnd> {
  return new Dataplane(options).run()
}

class Dataplane {
  readonly #options: DataplaneOptions
  readonly #steered: Steered
  #fleet: Fleet | null = null
  #relay: Relay | null = null
  #meeting: Meeting | null = null
  #answers: TrafficAnswers | null = null
  #whereabouts: Whereabouts | null = null
  #ownRoot: Netns | null = null
  #token: string | undefined

  constructor(options: DataplaneOptions) {
    this.#options = options
    this.#steered = new Steered({
      stream: options.steering,
      signal: options.signal,
      obey: command => this.#obey(command),
    })
  }

  run(): Promise<FleetEnd> {
    return this.#steered.live({
      begin: () => this.#begin(),
      end: deadlineS => this.#end(deadlineS * 1000),
      ended: () => this.#emit({ kind: 'stopped' }),
    })
  }

  async #begin(): Promise<void> {
    await this.#prepare()
    if (this.#steered.isSteered) this.#steered.send({ is: 'ready', pid: process.pid })
    else this.#build()
  }

  async #prepare(): Promise<void> {
    const { clock, config, controllerAddr, native, random, socketPath, spec } = this.#options
    const controller = parseControllerAddr(controllerAddr)
    const isOwnRoot = this.#options.root === undefined
    if (controller === null || (isOwnRoot && !isLoopback(controller.host))) {
      const problems = [
        `controller_addr = ${JSON.stringify(controllerAddr)}: must be host:port of this machine's loopback`,
      ]
      throw new NslabError('CONFIG_INVALID', { source: 'the dataplane', problems })
    }
    const name = makeFleetName()
    try {
      const root = this.#options.root ?? (await native.Netns.create())
      if (isOwnRoot) {
        this.#ownRoot = root
        await this.#meet(root, name, controller.port)
        this.#relay = await Relay.open(root, controller.host.replace(/^\[|\]$/g, ''), controller.port)
      }
      this.#fleet = new Fleet({
        native,
        root,
        spec,
        config,
        controller,
        clock,
        random,
        firstIncarnation: this.#options.firstIncarnation,
        emit: (event, atNs) => this.#emit(event, atNs),
        onFatal: error => this.#steered.fail(error),
        name,
        ...(this.#options.runId === undefined ? undefined : { runId: this.#options.runId }),
        ...(this.#options.peersOf === undefined ? undefined : { peersOf: this.#options.peersOf }),
      })
      const { traffic, firstId, lastId } = this.#fleet
      const send: Steered['send'] = notice => this.#steered.send(notice)
      this.#answers = new TrafficAnswers({ traffic, firstId, lastId, originNs: this.#options.originNs, send })
      if (socketPath !== undefined) this.#whereabouts = await Whereabouts.open(socketPath, this.#fleet)
    } catch (error) {
      throw kernelError(error) ?? error
    }
  }

  /** Joins the fleets that have the same controller, before anything is made: one that overlaps them is refused. */
  async #meet(root: Netns, fleet: string, port: number): Promise<void> {
    const { meetingFolder, native, spec } = this.#options
    if (meetingFolder === undefined) return
    // Loopback is one a network namespace, and so is the controller at a port of it.
    const here = native.Netns.current()
    const path = join(meetingFolder, `fleets-${netnsName(here.identity)}-${port}.sock`)
    here.close()
    const tell =
      (kind: 'fleet_met' | 'fleet_parted') =>
      ({ fleet, first_id, last_id }: Member): void =>
        this.#emit({ kind, fleet, first_id, last_id })
    const onProblem = (message: string): void => this.#emit({ kind: 'warning', message })
    const listeners = { onMet: tell('fleet_met'), onLeft: tell('fleet_parted'), onProblem }
    this.#meeting = await Meeting.join({ native, root, spec, fleet, path, ...listeners })
  }

  #build(): void {
    this.#fleet?.build(this.#token).catch(error => this.#steered.fail(error))
  }

  #obey(command: OwnCommand): void {
    switch (command.do) {
      case 'secret':
        this.#token = command.secret
        return
      case 'build':
        this.#build()
        return
      case 'netns':
        this.#tellPlace(command.node_id).catch(error => this.#steered.fail(error))
        return
      case 'traffic':
      case 'capture':
      case 'end_capture':
        this.#answers?.obey(command).catch(error => this.#steered.fail(error))
        return
      case 'walk': {
        const { walk, first, second, nodes_count: nodesCount } = command
        this.#fleet?.walk({ walk, first, second, nodesCount })
        this.#steered.send({ is: 'walking', walk })
        return
      }
      case 'links':
        this.#tellLinks(command.proof).catch(error => this.#steered.fail(error))
        return
      case 'cut_way':
        this.#cutWay(command).catch(error => this.#steered.fail(error))
        return
      case 'missing':
      case 'set_link':
        return
    }
  }

  async #tellPlace(nodeId: number): Promise<void> {
    const place = (await this.#fleet?.visit(nodeId)) ?? null
    // A node without a namespace has no descriptor.
    const where = place === null ? { fd: -1 } : { fd: place.fd, cookie: String(place.cookie) }
    this.#steered.send({ is: 'netns', node_id: nodeId, pid: process.pid, ...where })
  }

  async #cutWay({ ask, node_id: nodeId, address, cut }: Extract<OwnCommand, { do: 'cut_way' }>): Promise<void> {
    const problem = (await this.#fleet?.cutWay(nodeId, address, cut)) ?? null
    this.#steered.send({ is: 'way_cut', ask, ...(problem === null ? {} : { problem }) })
  }

  async #tellLinks(proof: number): Promise<void> {
    const ends = (await this.#fleet?.linkEnds()) ?? []
    for (const notice of linkNotices(proof, ends)) this.#steered.send(notice)
  }

  #emit(
    event: Parameters<ConstructorParameters<typeof Fleet>[0]['emit']>[0],
    atNs = this.#options.clock.nowNs(),
  ): void {
    const t_s = Number(atNs - this.#options.originNs) / 1e9
    const stamped = { t_s, from: this.#options.name, ...event } as RunEvent
    this.#steered.post(stamped)
    this.#options.onEvent?.(stamped)
  }

  /**
   * Ends what was begun, in the reverse order: commands of `nslab exec` first, since they hold their node's namespace.
   */
  async #end(deadlineMs: number): Promise<FleetEnd> {
    await this.#whereabouts?.close()
    this.#whereabouts = null
    const end = (await this.#fleet?.stop(deadlineMs)) ?? { facts: {}, remaining: [] }
    await this.#meeting?.close()
    this.#meeting = null
    await this.#relay?.close()
    this.#relay = null
    this.#ownRoot?.close()
    this.#ownRoot = null
    return end
  }
}
