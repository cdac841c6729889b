// Who waits for the word of a node that is connected under the id it wants. A host that vanished without a word leaves
// connections behind that look alive: only an answer tells them from those that are. Pure.

import type { NodeMessage } from '../protocol/messages.ts'
import type { Session } from './session.ts'

export interface Contender {
  readonly session: Session
  readonly message: Extract<NodeMessage, { type: 'StartUp' }>
}

export class Contests {
  readonly #byId = new Map<number, Contender>()

  /** False where somebody waits for this id already. */
  begin(contender: Contender): boolean {
    const id = contender.message.node_id
    if (this.#byId.has(id)) return false
    this.#byId.set(id, contender)
    return true
  }

  /** Ends the contest for an id, if there is one. */
  end(nodeId: number): Contender | undefined {
    const contender = this.#byId.get(nodeId)
    this.#byId.delete(nodeId)
    return contender
  }

  /** The contender has gone. */
  abandon(session: Session): void {
    for (const [id, contender] of this.#byId) if (contender.session === session) this.#byId.delete(id)
  }
}
