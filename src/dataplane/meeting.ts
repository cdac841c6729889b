// A fleet started by hand among others of the same controller on one machine: its root is joined with theirs by a
// segment, and has routes to their nodes. Whoever comes first keeps the meeting place; when it ends, another does.

import { randomBytes } from 'node:crypto'
import { closeSync, openSync } from 'node:fs'
import { connect, type Socket } from 'node:net'
import { overlapOf, rangeOf } from '../addressing/ranges.ts'
import { UPLINK_INTERFACE, uplinkByHand } from '../addressing/uplinks.ts'
import { Channel } from '../base/channel.ts'
import { NslabError } from '../base/errors.ts'
import { withMachineLock } from '../base/machine-lock.ts'
import type { Addon } from '../native/addon.ts'
import { isNativeError } from '../native/error.ts'
import type { FabricSpec } from '../native/fabric.ts'
import type { Netns, UplinkRoute } from '../native/netns.ts'
import {
  type FromPlace,
  MeetingPlace,
  type Member,
  netnsName,
  type SegmentPlace,
  type ToPlace,
} from './meeting-place.ts'
import { Segment } from './segment.ts'

/** The largest that a fleet's own links may have, so that no fleet's packets are too long for the segment. */
const SEGMENT_MTU = 6400
/** For the place's answer, and for the lock that one opens it under. */
const MEET_DEADLINE_MS = 10_000
/** Between tries to meet again. */
const RETRY_MS = 500
/** Tries in a row at the beginning: a place that ends at that moment is followed by another. */
const FIRST_TRIES = 5

export interface MeetingOptions {
  readonly native: Pick<Addon, 'Netns'>
  /** Borrowed. */
  readonly root: Netns
  readonly spec: FabricSpec
  readonly fleet: string
  /** The unix socket of the place: one for each controller of a network namespace. */
  readonly path: string
  /** There is a way to it now. */
  readonly onMet: (member: Member) => void
  /** And now there is none any more. */
  readonly onLeft: (member: Member) => void
  /** Why the others are out of reach now: place, segment or routes could not be had. */
  readonly onProblem: (message: string) => void
  /** How long the place may take to answer. Default 10 s. */
  readonly deadlineMs?: number
}

export class Meeting {
  readonly #options: MeetingOptions
  readonly #self: Member
  readonly #members = new Map<string, Member>()
  #place: MeetingPlace | null = null
  #segment: Segment | null = null
  #attached = false
  #connection: Socket | null = null
  #retry: NodeJS.Timeout | null = null
  #round: Promise<void> = Promise.resolve()
  /** Changes of the kernel's objects, one after another, those after a failed one too. */
  #work: Promise<void> = Promise.resolve()
  #failure: Error | null = null
  #isJoined = false
  #told = ''
  #closed = false

  private constructor(options: MeetingOptions) {
    this.#options = options
    const { address } = uplinkByHand(options.fleet, options.spec)
    this.#self = { fleet: options.fleet, address, ...rangeOf(options.spec) }
  }

  /**
   * Joins the fleets that are there. Throws CONFIG_INVALID naming both where this one overlaps another, DEADLINE where
   * the place does not answer, KERNEL_REFUSED where there can be none, and as Segment.attach.
   */
  static async join(options: MeetingOptions): Promise<Meeting> {
    const meeting = new Meeting(options)
    try {
      await meeting.#meetFirst()
      await meeting.#work
      if (meeting.#failure !== null) throw meeting.#failure
      meeting.#isJoined = true
    } catch (error) {
      await meeting.close()
      throw error
    }
    return meeting
  }

  /** Leaves: the root has no uplink any more, and the others take their routes to it away. */
  async close(): Promise<void> {
    this.#closed = true
    if (this.#retry !== null) clearTimeout(this.#retry)
    this.#connection?.destroy()
    await this.#round.catch(() => {})
    await this.#work
    // A root whose owner closed it before takes its uplink with it.
    if (this.#attached) await this.#options.root.removeUplink(UPLINK_INTERFACE).catch(() => {})
    await this.#place?.close()
    this.#segment?.close()
    this.#segment = null
  }

  async #meetFirst(): Promise<void> {
    for (let tries = 1; ; tries++) {
      this.#round = this.#meet()
      try {
        return await this.#round
      } catch (error) {
        if (error instanceof NslabError || isNativeError(error)) throw error
        if (tries === FIRST_TRIES) throw this.#unmet(error as NodeJS.ErrnoException)
      }
    }
  }

  #unmet(error: NodeJS.ErrnoException): NslabError {
    const facts = { operation: 'meet other fleets', where: this.#options.path, errno: error.code ?? 'ECONNRESET' }
    return new NslabError('KERNEL_REFUSED', { ...facts, reason: error.message }, { cause: error })
  }

  /** One round: connect, or open the place; say who we are; take in who is there. */
  async #meet(): Promise<void> {
    const { path, deadlineMs = MEET_DEADLINE_MS } = this.#options
    const socket = await withMachineLock(`the fleets' meeting place ${path}`, deadlineMs, () => this.#reach(path))
    if (this.#closed) socket.destroy()
    let isIn = false
    const answer = await new Promise<FromPlace>((resolve, reject) => {
      const timer = setTimeout(() => {
        const facts = { waitingFor: `the fleets' meeting place ${path}`, limitS: deadlineMs / 1000 }
        reject(new NslabError('DEADLINE', { ...facts, missing: ['its answer'] }))
        socket.destroy()
      }, deadlineMs)
      const take = (message: FromPlace): void => {
        clearTimeout(timer)
        if (message.say === 'met' || message.say === 'left') this.#hear(message)
        else resolve(message)
        isIn ||= message.say === 'joined'
      }
      const channel = new Channel<ToPlace, FromPlace>(socket, take, () => {
        clearTimeout(timer)
        reject(new Error("the fleets' meeting place has gone"))
        if (isIn) this.#again()
      })
      this.#connection = socket
      channel.send({ say: 'join', member: this.#self })
    })
    if (answer.say === 'refused') {
      socket.destroy()
      throw new NslabError('CONFIG_INVALID', { source: 'the fleet', problems: [`node_id_offset: ${answer.reason}`] })
    }
    if (answer.say !== 'joined') return
    this.#do(() => this.#enter(answer.segment))
    for (const member of answer.members) this.#met(member)
  }

  /** A connection to the place, which is opened here where nobody keeps it. */
  async #reach(path: string): Promise<Socket> {
    const there = await dial(path)
    if (there !== null) return there
    if (this.#segment === null) {
      this.#segment = await Segment.make(this.#options.native, SEGMENT_MTU, portPrefix())
      this.#attached = false
    }
    this.#place = await MeetingPlace.open(path, this.#segment.netns)
    const own = await dial(path)
    if (own === null) throw new Error('a meeting place that was just opened does not answer')
    return own
  }

  #hear(message: FromPlace): void {
    if (message.say === 'met') this.#met(message.member)
    const left = message.say === 'left' ? this.#members.get(message.fleet) : undefined
    if (left !== undefined) this.#left(left)
  }

  #met(member: Member): void {
    // Whom it overlaps is dead, and so was who could have told us.
    for (const other of this.#members.values())
      if (other.fleet !== member.fleet && overlapOf(other, member) !== null) this.#left(other)
    const known = this.#members.has(member.fleet)
    this.#members.set(member.fleet, member)
    this.#do(async () => {
      await this.#options.root.addRoutes(routesTo(member))
      if (!known) this.#options.onMet(member)
    })
  }

  #left(member: Member): void {
    this.#members.delete(member.fleet)
    this.#do(() => this.#options.root.removeRoutes(routesTo(member)).finally(() => this.#options.onLeft(member)))
  }

  /** Joins the segment that the place names. After the place has changed hands it may be another one. */
  async #enter(place: SegmentPlace): Promise<void> {
    const { native, root, fleet, spec } = this.#options
    if (this.#segment === null || netnsName(this.#segment.netns.identity) !== place.name) {
      const netns = openNetns(native, place)
      this.#segment?.close()
      this.#segment = Segment.over(netns, SEGMENT_MTU, portPrefix())
      this.#attached = false
    }
    if (this.#attached) return
    await root.removeUplink(UPLINK_INTERFACE)
    await this.#segment?.attach(root, uplinkByHand(fleet, spec))
    this.#attached = true
    for (const member of this.#members.values()) await root.addRoutes(routesTo(member))
  }

  /** The place has gone, with everybody's connection to it. Segment and routes stay as they are. */
  #again(): void {
    if (this.#closed) return
    this.#round = this.#meet()
    this.#round.then(
      () => {
        this.#told = ''
      },
      (error: Error) => {
        if (this.#closed) return
        this.#tell(error)
        this.#retry = setTimeout(() => this.#again(), RETRY_MS)
      },
    )
  }

  #do(change: () => Promise<void>): void {
    this.#work = this.#work.then(change).catch((error: Error) => {
      this.#failure ??= error
      if (this.#isJoined) this.#tell(error)
    })
  }

  /** Once for each problem in a row. */
  #tell({ message }: Error): void {
    if (message !== this.#told && !this.#closed) this.#options.onProblem(message)
    this.#told = message
  }
}

const routesTo = ({ networks, address }: Member): UplinkRoute[] => networks.map(to => ({ to, via: address }))

/** Of this fleet alone: not even one that was killed, and whose ports the kernel is still to remove, had it. */
const portPrefix = (): string => `p${randomBytes(4).toString('hex')}n`

/** A connection to a unix socket; null where nobody listens. */
function dial(path: string): Promise<Socket | null> {
  return new Promise((resolve, reject) => {
    const socket = connect(path)
    socket.once('connect', () => {
      socket.removeAllListeners('error')
      resolve(socket)
    })
    socket.once('error', (error: NodeJS.ErrnoException) => {
      if (error.code === 'ENOENT' || error.code === 'ECONNREFUSED') resolve(null)
      else reject(error)
    })
  })
}

function openNetns(native: Pick<Addon, 'Netns'>, { pid, fd, name }: SegmentPlace): Netns {
  const own = openSync(`/proc/${pid}/fd/${fd}`, 'r')
  let netns: Netns
  try {
    netns = native.Netns.fromFd(own)
  } catch (error) {
    closeSync(own)
    throw error
  }
  if (netnsName(netns.identity) === name) return netns
  netns.close()
  throw new Error(`the segment of process ${pid} has gone`)
}
