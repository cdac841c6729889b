// Proves that links are what the plan says: a token walks the ring and comes home, and every fleet lists its link ends.
// Here it is asked and saved; what it proves is judged from the run folder. May be repeated at any time.

import { NslabError } from '../../base/errors.ts'
import type { Notice } from '../../protocol/steering.ts'
import { ringOrder } from '../../topology/ring-order.ts'
import type { RunContext } from './context.ts'
import { DEADLINE_SCALE } from './deadlines.ts'
import type { Hosts } from './hosts.ts'
import type { Program } from './program.ts'

/** A hop takes some 0.1 ms on one kernel; the rest is for a busy machine, and for links that come back meanwhile. */
const LIMIT_S = 10
const LIMIT_PER_NODE_S = 0.01
/** A token that nobody was handed for so long is lost, with the link that it was on. */
const STALL_S = 2
/** A link that is down is dialled again in this time, mostly. */
const RETRY_PAUSE_S = 0.25

export interface ProvingFleet {
  /** Its name in the plan. */
  readonly host: string
  readonly program: Pick<Program, 'name' | 'send' | 'onNotice'>
}

/** The fleets that are there now. */
export function provingFleets(hosts: Hosts): ProvingFleet[] {
  return hosts.all.flatMap(({ plan, programs }) => {
    const program = programs.get('dataplane')
    return program === undefined ? [] : { host: plan.name, program }
  })
}

/**
 * Has a token walk the ring, where the topology is one, and saves each fleet's link ends. A token that gets stuck is
 * sent again until the deadline. Throws DEADLINE, which says where it was seen last, or who did not answer.
 */
export async function proveWiring(context: RunContext, fleets: readonly ProvingFleet[]): Promise<void> {
  const { nodes_count, edges } = context.plan.topology
  const limitS = (LIMIT_S + LIMIT_PER_NODE_S * nodes_count) * DEADLINE_SCALE[context.level]
  const order = ringOrder(nodes_count, edges)
  await new Proving(context, fleets, limitS, order).prove()
}

/**
 * Whether one token comes home within `limitS`: what a fault is to prevent. Null where the topology is no
 * ring.
 */
export async function tokenComesHome(
  context: RunContext,
  fleets: readonly ProvingFleet[],
  limitS: number,
): Promise<boolean | null> {
  const { nodes_count, edges } = context.plan.topology
  const order = ringOrder(nodes_count, edges)
  if (order === null) return null
  const walk = context.nextProof()
  context.tell({ kind: 'proof_started', proof: walk })
  try {
    return await new Proving(context, fleets, limitS, order).walk(walk, order)
  } catch (error) {
    if (error instanceof NslabError && error.code === 'DEADLINE') return false
    throw error
  }
}

/** Where a token is, as far as the run has heard. */
interface Whereabouts {
  hops: number
  nodeId: number
  isHome: boolean
  stuck: string
}

class Proving {
  readonly #context: RunContext
  readonly #fleets: readonly ProvingFleet[]
  readonly #limitS: number
  readonly #order: readonly number[] | null
  readonly #startedS: number
  /** Where the token of the walk before was seen last. */
  #before = ''

  constructor(context: RunContext, fleets: readonly ProvingFleet[], limitS: number, order: readonly number[] | null) {
    this.#context = context
    this.#fleets = fleets
    this.#limitS = limitS
    this.#order = order
    this.#startedS = context.nowS()
  }

  async prove(): Promise<void> {
    for (;;) {
      const proof = this.#context.nextProof()
      this.#context.tell({ kind: 'proof_started', proof })
      if (this.#order !== null && !(await this.walk(proof, this.#order))) {
        if (this.#leftS() === 0) throw this.#lateToken(this.#before)
        continue
      }
      // After the walk: the answers also bring every event of it, which are on the same channels before them.
      await this.#listLinks(proof)
      return
    }
  }

  /** One walk. False where the token got stuck or lost. */
  async walk(walk: number, order: readonly number[]): Promise<boolean> {
    const [first, second = first] = order as [number, number?]
    const command = { do: 'walk', walk, first, second, nodes_count: order.length } as const
    const isStarter = ({ host }: ProvingFleet): boolean => host === this.#hostOf(first)
    const tell = (fleet: ProvingFleet): Promise<void> =>
      this.#ask(fleet, command, notice => notice.is === 'walking' && notice.walk === walk)
    // A fleet that has not heard of the walk would drop the token.
    await Promise.all(this.#fleets.filter(fleet => !isStarter(fleet)).map(tell))
    const at: Whereabouts = { hops: 0, nodeId: first, isHome: false, stuck: '' }
    const moved = this.#watch(at, walk, first)
    // Nobody waits for it where its fleet does not answer.
    moved.catch(() => {})
    await Promise.all(this.#fleets.filter(isStarter).map(tell))
    await moved
    this.#before = whereIs(at)
    return at.isHome
  }

  /** Follows the token until it is home, or has not moved for too long. */
  #watch(at: Whereabouts, walk: number, first: number): Promise<void> {
    const context = this.#context
    const scale = DEADLINE_SCALE[context.level]
    const start = (done: () => void): (() => void) => {
      let timer = setTimeout(done, STALL_S * scale * 1000)
      const wait = (durationS: number): void => {
        clearTimeout(timer)
        timer = setTimeout(done, durationS * scale * 1000)
      }
      const unwatch = context.watch(event => {
        if (event.kind === 'token_passed' && event.walk === walk) {
          // Fleets are heard one after the other: a later hop may be heard first.
          if (event.hops > at.hops) Object.assign(at, { hops: event.hops, nodeId: event.node_id })
          at.isHome ||= event.node_id === first
          context.progress('hops', at.hops, context.nodesCount)
          if (at.isHome) done()
          else wait(STALL_S)
        } else if (event.kind === 'token_stuck' && event.walk === walk) {
          at.stuck = `node ${event.node_id} could not hand it to node ${event.peer_id} (${event.reason})`
          wait(RETRY_PAUSE_S)
        }
      })
      return () => {
        clearTimeout(timer)
        unwatch()
      }
    }
    return context.until(start, this.#leftS(), () => {
      const isUnheard = at.hops === 0 && at.stuck === '' && this.#before !== ''
      return this.#lateToken(isUnheard ? this.#before : whereIs(at))
    })
  }

  async #listLinks(proof: number): Promise<void> {
    const { folder } = this.#context
    const list = ({ host, program }: ProvingFleet): Promise<void> =>
      this.#ask({ host, program }, { do: 'links', proof }, notice => {
        if (notice.is !== 'links' || notice.proof !== proof) return false
        const { ends, more } = notice
        folder.links.append({ t_s: this.#context.nowS(), proof, host, more, ends })
        return !more
      })
    await Promise.all(this.#fleets.map(list))
  }

  /** Resolves with the answer to a question, or the last part of it. */
  #ask(
    { program }: ProvingFleet,
    command: Parameters<Program['send']>[0],
    isAnswer: (notice: Notice) => boolean,
  ): Promise<void> {
    const start = (done: () => void): (() => void) => {
      const stop = program.onNotice(notice => {
        if (isAnswer(notice)) done()
      })
      program.send(command)
      return stop
    }
    return this.#context.until(start, this.#leftS(), () => this.#late(`an answer to "${command.do}"`, program.name))
  }

  #lateToken(where: string): NslabError {
    return this.#late(`a token's way through all ${this.#context.nodesCount} nodes`, where)
  }

  #late(waitingFor: string, missing: string): NslabError {
    return new NslabError('DEADLINE', { waitingFor, limitS: this.#limitS, missing })
  }

  #leftS(): number {
    return Math.max(0, this.#startedS + this.#limitS - this.#context.nowS())
  }

  #hostOf(nodeId: number): string | undefined {
    const { fleets } = this.#context.plan
    return fleets.find(({ nodeIdOffset, nNodes }) => nodeId > nodeIdOffset && nodeId <= nodeIdOffset + nNodes)?.host
  }
}

function whereIs({ hops, nodeId, stuck }: Whereabouts): string {
  const reason = stuck === '' ? '' : `; ${stuck}`
  if (hops === 0) return `nobody was handed it by node ${nodeId}${reason}`
  return `it was last seen at node ${nodeId}, after ${hops} hops${reason}`
}
