// Sockets that were seen where they are not: those of another namespace are misattributed. What was true of namespaces
// long gone is not kept in memory, so the truth is read a second time for the few that need it.

import type { ChurnLine } from '../../protocol/churn.ts'
import type { SeenSocket } from '../../protocol/observed.ts'
import { Findings } from './findings.ts'

/** More than these are counted as seen and nowhere true, without asking whose they are. */
const SUSPECTS_MAX = 500_000

/** Cookies of sockets in a line of the truth. */
const COOKIES = /"cookie":"(\d+)"/g

export class Suspects {
  readonly #most: number
  /** By cookie of the socket: under which namespaces, and when. */
  readonly #seen = new Map<string, { readonly netns: string; readonly t_s: number }[]>()
  readonly misattributed = new Findings()
  unasked = 0

  constructor(most = SUSPECTS_MAX) {
    this.#most = most
  }

  get isEmpty(): boolean {
    return this.#seen.size === 0
  }

  add(netns: string, [cookie, , , , , firstS]: SeenSocket): void {
    const places = this.#seen.get(cookie)
    if (places) places.push({ netns, t_s: firstS })
    else if (this.#seen.size < this.#most) this.#seen.set(cookie, [{ netns, t_s: firstS }])
    else this.unasked++
  }

  /**
   * Whether a line of the truth may be about one of them: most are not, and reading them would take most of the time.
   */
  mayConcern(text: string): boolean {
    for (const [, cookie = ''] of text.matchAll(COOKIES)) if (this.#seen.has(cookie)) return true
    return false
  }

  /** Holds a line of the truth against them. */
  ask(line: ChurnLine): void {
    if (line.is !== 'made') return
    for (const { cookie, family, port } of line.sockets) {
      const places = cookie === null ? undefined : this.#seen.get(cookie)
      for (const { netns, t_s } of places ?? []) {
        if (netns === line.cookie) continue
        const what = `socket ${cookie} (IPv${family}, port ${port}) of namespace ${line.id} (${line.kind})`
        this.misattributed.add(t_s, () => `${what}, cookie ${line.cookie}, was seen under ${netns}`)
      }
    }
  }
}
