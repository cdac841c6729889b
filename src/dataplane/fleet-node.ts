// One node of a fleet: where it is in its life, and what it holds.

import type { NodeSpec } from '../native/fabric.ts'
import type { Netns } from '../native/netns.ts'
import type { ControlConnection } from './control-connection.ts'
import type { NodeAgent } from './node-agent.ts'

/**
 * absent: its namespace is not complete. waiting: for a place among the joins in flight, or for a pause to end.
 * joining: dialling the controller, up to its StartUp. lost: given up, for the reason that was reported. left: on
 * purpose.
 */
export type Stage = 'absent' | 'waiting' | 'joining' | 'joined' | 'rebuilding' | 'lost' | 'left'

export class FleetNode {
  readonly index: number
  readonly spec: NodeSpec
  readonly agent: NodeAgent
  stage: Stage = 'absent'
  /** Its namespace, from when it is told complete until it joins first: asking the fabric again costs more. */
  netns: Netns | null = null
  /** Of its namespace, the last one that was told complete. */
  inode: number | null = null
  connection: ControlConnection<FleetNode> | null = null
  /** What the node calls itself towards controller and peers; rises once the one before was told to anybody. */
  incarnation: number
  /** Whether `incarnation` was told to the controller. */
  greeted = false
  /** Tells late answers to an abandoned join from those to this one. */
  attempt = 0
  /** Resolves when the link listener is open; null when there is none. */
  listening: Promise<void> | null = null
  /** Events of its links from before this are about an earlier listener. CLOCK_MONOTONIC. */
  listeningSinceNs = 0n
  /** Ids that the listener accepts. */
  peers: readonly number[] = []
  /** Dials wait for this where it is set: listener and neighbour entries in the making. */
  preparing: Promise<unknown> | null = null
  /** Joins that failed in a row, and since when (ms of the run's clock). */
  failures = 0
  failingSinceMs = 0
  /** Times it was made again since it was last ready. */
  rebuilds = 0
  /** Dials to its listener that were refused since one came through. */
  refusedDials = 0

  constructor(index: number, spec: NodeSpec, incarnation: number, agent: NodeAgent) {
    this.index = index
    this.spec = spec
    this.incarnation = incarnation
    this.agent = agent
  }

  get nodeId(): number {
    return this.spec.nodeId
  }
}
