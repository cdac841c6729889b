// When flows may start: once every fleet has its routes, so that no packet meets a node that knows no way. Pure.

/** A connection as the gate sees it. */
export interface FleetSession {
  /** Absent: it is of no fleet that could be waited for. */
  readonly fleet: string | undefined
  release(): void
}

export class FlowGate {
  /** Fleets that have their routes, and who of each said so last. */
  readonly #prepared = new Map<string, FleetSession>()
  #isOpen = false

  /** `session` says that its fleet has its routes; `fleets`: of all nodes that are connected. */
  prepared(session: FleetSession, fleets: () => Iterable<string | undefined>): void {
    if (this.#isOpen || session.fleet === undefined) {
      session.release()
      return
    }
    this.#prepared.set(session.fleet, session)
    this.look(fleets)
  }

  /** Nodes have left: perhaps all of the fleet that the others wait for. */
  look(fleets: () => Iterable<string | undefined>): void {
    if (this.#isOpen || this.#prepared.size === 0) return
    for (const fleet of fleets()) if (fleet !== undefined && !this.#prepared.has(fleet)) return
    this.#isOpen = true
    for (const session of this.#prepared.values()) session.release()
    this.#prepared.clear()
  }
}
