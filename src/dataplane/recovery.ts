// What a failure of one node leads to: another try, the node made again, or its loss. Bounded in each case.

import type { Clock } from '../base/clock.ts'
import { NslabError } from '../base/errors.ts'
import type { Random } from '../base/random.ts'
import type { DataplaneConfig } from '../config/types.ts'
import type { Fabric } from '../native/fabric.ts'
import type { LinkChange, LinkEvent, TokenEvent } from '../native/links.ts'
import type { RefusalCode } from '../protocol/messages.ts'
import type { Alarms } from './alarms.ts'
import type { FleetNode } from './fleet-node.ts'
import {
  CONTROLLER_PATIENCE_MS,
  LINK_REFUSALS_TOLD,
  LISTENER_GONE_DIALS,
  NODE_TRIES,
  RETRY_FIRST_MS,
  RETRY_LONGEST_MS,
} from './limits.ts'
import { LossNotices } from './loss-notices.ts'
import type { Membership, MembershipEvents } from './membership.ts'

export interface RecoveryOptions {
  readonly nodes: readonly FleetNode[]
  readonly fabric: Fabric
  readonly alarms: Alarms<FleetNode>
  readonly clock: Clock
  readonly random: Random
  readonly onNodeDeath: DataplaneConfig['onNodeDeath']
  /** Whether nodes dial their gateway, not a host behind it. */
  readonly controllerOnLink: boolean
}

export interface RecoveryEvents {
  lost(node: FleetNode, reason: string): void
  restarted(node: FleetNode, reason: string): void
  linkRefused(event: LinkChange): void
  token(event: TokenEvent): void
  /** The fleet can't go on. */
  fatal(error: NslabError): void
}

/** Errors that say the namespace, not who was dialled, is at fault: no interface, no address, no namespace. */
const NAMESPACE_ERRORS = new Set(['ENETDOWN', 'EADDRNOTAVAIL', 'ENODEV', 'EBADF', 'EINVAL', 'ENOENT', 'ENONET'])

/** The same where the target is on the node's own link; a router on the way may say it of itself, too. */
const isNamespaceError = (code: string, onLink: boolean): boolean =>
  NAMESPACE_ERRORS.has(code) || (onLink && code === 'ENETUNREACH')

/** Refusals that pass: the node may be welcome in a moment, to this controller or to the next one at its address. */
const PASSING_REFUSALS: ReadonlySet<RefusalCode> = new Set(['silent', 'ending'])

export class Recovery implements MembershipEvents {
  readonly counts = { reconnects: 0, restarts: 0, linksRefused: 0, dialsFailed: 0 }
  readonly #options: RecoveryOptions
  readonly #events: RecoveryEvents
  readonly #notices: LossNotices
  #membership: Membership | null = null
  #lostCount = 0
  #open = true

  constructor(options: RecoveryOptions, events: RecoveryEvents) {
    this.#options = options
    this.#events = events
    this.#notices = new LossNotices(options.nodes)
  }

  /** Names the membership whose failures this answers; once, before the first node joins. */
  attach(membership: Membership): void {
    this.#membership = membership
  }

  /** From now on failures lead to nothing: the fleet ends. */
  close(): void {
    this.#open = false
    this.#options.alarms.clearAll()
    this.#notices.close()
  }

  /** An alarm of this node rang. */
  ring(node: FleetNode): void {
    if (!this.#open) return
    if (node.stage === 'joining') this.#membership?.deadline(node)
    else if (node.stage === 'waiting') this.#membership?.enqueue(node)
    else if (node.stage === 'rebuilding') this.#rebuild(node, 'it did not come up')
  }

  joinFailed(node: FleetNode, error: Error): void {
    if (!this.#open) return
    const code = (error as { code?: unknown }).code
    if (code === 'FOREIGN_RUN' || code === 'FOREIGN_PROTOCOL') {
      this.#lose(node, error.message)
      return
    }
    if (isNamespaceError(String(code), this.#options.controllerOnLink)) {
      this.#restart(node, error.message)
      return
    }
    const nowMs = Number(this.#options.clock.nowNs() / 1_000_000n)
    if (node.failures === 0) node.failingSinceMs = nowMs
    node.failures++
    if (nowMs - node.failingSinceMs > CONTROLLER_PATIENCE_MS) {
      this.#lose(node, `the controller can't be reached: ${error.message}`)
      return
    }
    this.#options.alarms.set(node, this.#pauseMs(node.failures))
  }

  parted(node: FleetNode, _reason: string): void {
    if (!this.#open) return
    this.counts.reconnects++
    node.stage = 'waiting'
    this.#options.alarms.set(node, this.#pauseMs(1))
  }

  refused(node: FleetNode, code: RefusalCode, reason: string): void {
    if (this.#open && !PASSING_REFUSALS.has(code)) this.#lose(node, `the controller refused it: ${code}: ${reason}`)
  }

  becameReady(node: FleetNode): void {
    node.rebuilds = 0
  }

  /** A node that was complete has lost its kernel objects. */
  died(node: FleetNode, reason: string): void {
    if (!this.#open || node.stage === 'lost' || node.stage === 'left' || node.stage === 'rebuilding') return
    switch (this.#options.onNodeDeath) {
      case 'restart':
        this.#restart(node, reason)
        return
      case 'report':
        this.#lose(node, reason)
        return
      case 'fatal':
        this.#lose(node, reason)
        this.#events.fatal(new NslabError('NODE_LOST', { nodeId: node.nodeId, reason }))
        return
    }
  }

  linkEvents(events: readonly LinkEvent[]): void {
    if (!this.#open) return
    const first = (this.#options.nodes[0] as FleetNode).nodeId
    for (const event of events) {
      const node = this.#options.nodes[event.nodeId - first]
      if (node === undefined || event.atNs < node.listeningSinceNs) continue
      switch (event.kind) {
        case 'up':
          node.refusedDials = 0
          node.agent.linkUp(event.peerId)
          break
        case 'down':
          if (event.peerId === 0) this.died(node, 'its link listener is gone')
          // The replacement is up already: its event follows, and dialling again would make a third.
          else if (event.reason !== 'replaced') node.agent.linkDown(event.peerId)
          break
        case 'refused':
          if (this.counts.linksRefused++ < LINK_REFUSALS_TOLD) this.#events.linkRefused(event)
          break
        case 'dial_failed':
          this.counts.dialsFailed++
          this.#dialFailed(node, this.#options.nodes[event.peerId - first], event.reason)
          break
        case 'token':
        case 'token_unsent':
          this.#events.token(event)
          break
      }
    }
  }

  /** A dial says something about the dialling namespace, or about the listener of a peer in this fleet. */
  #dialFailed(node: FleetNode, peer: FleetNode | undefined, reason: string): void {
    const code = /\bE[A-Z]+\b/.exec(reason)?.[0] ?? ''
    if (code === 'ECONNREFUSED' && peer?.stage === 'joined' && ++peer.refusedDials >= LISTENER_GONE_DIALS) {
      peer.refusedDials = 0
      this.died(peer, 'its link listener is gone')
    } else if (node.stage === 'joined' && isNamespaceError(code, peer?.spec.bridge === node.spec.bridge)) {
      this.died(node, `dialling fails: ${reason}`)
    }
  }

  #restart(node: FleetNode, reason: string): void {
    this.#membership?.drop(node, 'rebuilding')
    this.#notices.tell(node, reason)
    this.#rebuild(node, reason)
  }

  #rebuild(node: FleetNode, reason: string): void {
    if (node.rebuilds++ >= NODE_TRIES) {
      this.#lose(node, `made again ${NODE_TRIES} times, still: ${reason}`)
      return
    }
    this.#options.fabric.rebuildNode(node.index).then(
      () => {
        if (!this.#open || node.stage !== 'rebuilding') return
        this.counts.restarts++
        this.#events.restarted(node, reason)
        this.#membership?.enqueue(node)
      },
      error => {
        if (!this.#open || node.stage !== 'rebuilding') return
        if (node.rebuilds >= NODE_TRIES) this.#lose(node, `it can't be made again: ${(error as Error).message}`)
        else this.#options.alarms.set(node, this.#pauseMs(node.rebuilds))
      },
    )
  }

  #lose(node: FleetNode, reason: string): void {
    this.#membership?.drop(node, 'lost', reason)
    this.#notices.tell(node, reason)
    this.#lostCount++
    this.#events.lost(node, reason)
    if (this.#lostCount < this.#options.nodes.length) return
    this.#events.fatal(new NslabError('NODE_LOST', { nodeId: 'every node of the fleet', reason }))
  }

  /** Doubling, at most RETRY_LONGEST_MS, and up to half as much again so that a fleet does not return all at once. */
  #pauseMs(failures: number): number {
    const pauseMs = Math.min(RETRY_FIRST_MS * 2 ** Math.min(failures - 1, 10), RETRY_LONGEST_MS)
    return pauseMs * (1 + this.#options.random.float() / 2)
  }
}
