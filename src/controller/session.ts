// One control connection as the core sees it: what it may say next, and how to answer. No sockets here.

import type { ControllerMessage } from '../protocol/messages.ts'
import type { Identity } from './directory.ts'

/** The way back to one peer. Implemented by the server over a socket, by tests over an array. */
export interface Port {
  send(message: ControllerMessage): void
  /** Sends text that was made from a message before: for what many peers get. */
  sendText(text: string): void
  /** Everything sent while `work` runs leaves in one write. */
  together(work: () => void): void
  close(code: number, reason: string): void
  /** Asks the peer whether it lives: Core.answered when it does, Core.closed when it stays silent. */
  ask(): void
}

/**
 * fresh: connected, has said nothing. contending: wants an id whose node is being asked whether it lives. joined:
 * counts as its node. closed: whatever still arrives is dropped.
 */
export type Stage = 'fresh' | 'contending' | 'joined' | 'closed'

export class Session {
  readonly port: Port
  stage: Stage = 'fresh'
  /** TopologyReady was sent since this node joined. */
  toldReady = false
  /** Shapes of links, groups and flows were sent since this node joined: from now on it hears of changes. */
  toldTraffic = false
  #identity: Identity | undefined

  constructor(port: Port) {
    this.port = port
  }

  get identity(): Identity {
    if (this.#identity === undefined) throw new Error('a session that has not joined has no identity')
    return this.#identity
  }

  /** Its node's id; 0 before it joined. */
  get nodeId(): number {
    return this.#identity?.nodeId ?? 0
  }

  join(identity: Identity): void {
    this.#identity = identity
    this.stage = 'joined'
  }
}
