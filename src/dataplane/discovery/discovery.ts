// Every network namespace of the machine, found and seen to end: what the addon's thread reports, as handles that are
// closed in time. A namespace is known by its cookie, and is gone when nothing shows that anybody else holds it.

import { native } from '../../native/addon.ts'
import type { DiscoveryBlind, DiscoveryTotals, Discovery as NativeDiscovery } from '../../native/discovery.ts'
import type { Netns } from '../../native/netns.ts'
import type { FoundBy } from '../../protocol/collected.ts'

/** Where programs mount namespaces by name: iproute2's, and Docker's. */
export const NETNS_DIRECTORIES = ['/run/netns', '/run/docker/netns']

export interface FoundNetns {
  /**
   * Good until onGone or stop(), which close it; to be closed earlier by who needs it no more. It shares one descriptor
   * with discovery itself.
   */
  readonly netns: Netns
  /** SO_NETNS_COOKIE, decimal: its identity. */
  readonly cookie: string
  readonly inode: number
  /** A path of it, where it was found by one. */
  readonly name: string | null
  readonly foundBy: FoundBy
}

export interface Blind extends DiscoveryBlind {
  /** Kinds of namespaces that this kernel, or our rights, let nobody find. */
  readonly kinds: readonly FoundBy[]
}

export interface DiscoveryOptions {
  /** Absolute paths; default NETNS_DIRECTORIES. They need not exist. */
  readonly directories?: readonly string[]
  /** Between two looks at what may have changed. */
  readonly intervalMs?: number
  /** Between two looks at everything, which repair what an event missed. */
  readonly reconcileMs?: number
  readonly onFound: (found: FoundNetns) => void
  /** Nobody else holds it any more: whatever still does here (a socket in it) keeps the kernel from removing it. */
  readonly onGone: (cookie: string) => void
  /** After each look at everything. */
  readonly onBlind?: (blind: Blind) => void
}

/** Kinds that can't be found at all, told from what a look could not see. */
const blindKinds = (blind: DiscoveryBlind): FoundBy[] => [
  ...(blind.hidesProcesses ? (['process', 'thread', 'descriptor'] as const) : []),
  ...(blind.hidesProcesses || !blind.hasGetfd ? (['socket'] as const) : []),
]

/**
 * Starts with start(), which has every namespace found before it resolves. Calls come in order: of one namespace, found
 * before gone; the same cookie may be found again after it was gone, where it changed hands unseen.
 */
export class Discovery {
  readonly #options: DiscoveryOptions
  readonly #known = new Map<string, FoundNetns>()
  #native: NativeDiscovery | undefined

  constructor(options: DiscoveryOptions) {
    this.#options = options
  }

  /** Rejects with the addon's error where discovery can't begin: EXDEV, /proc is of another PID namespace. */
  async start(): Promise<void> {
    const { directories = NETNS_DIRECTORIES, intervalMs = 100, reconcileMs = 10_000, onBlind } = this.#options
    this.#native = new native.Discovery({ directories, intervalMs, reconcileMs }, report => {
      for (const { netns, name, foundBy } of report.found) this.#found(netns, name, foundBy)
      for (const identity of report.gone) this.#gone(cookieOf(identity))
      if (report.blind !== null) onBlind?.({ ...report.blind, kinds: blindKinds(report.blind) })
    })
    try {
      await this.#native.reconcile()
    } catch (error) {
      await this.stop()
      throw error
    }
  }

  /** Resolves after a look at everything that began later than this call. Rejects with ECANCELED when it stops. */
  async reconcile(): Promise<void> {
    if (this.#native === undefined) throw new Error('discovery was not started')
    await this.#native.reconcile()
  }

  /** Ends a look in its middle and closes every handle. Nothing is called back after this call. */
  async stop(): Promise<void> {
    const stopping = this.#native?.stop()
    for (const { netns } of this.#known.values()) netns.close()
    this.#known.clear()
    await stopping
  }

  /** Namespaces known now. */
  get count(): number {
    return this.#known.size
  }

  /** What it cost so far; undefined before start(). */
  get totals(): DiscoveryTotals | undefined {
    return this.#native?.totals
  }

  #found(netns: Netns, name: string | null, foundBy: FoundBy): void {
    const cookie = cookieOf(netns.identity)
    const found = { netns, cookie, inode: Number(netns.identity.inode), name, foundBy }
    this.#known.set(cookie, found)
    this.#options.onFound(found)
  }

  #gone(cookie: string): void {
    this.#options.onGone(cookie)
    this.#known.get(cookie)?.netns.close()
    this.#known.delete(cookie)
  }
}

/** The cookie, or where the kernel has none (before Linux 5.14) what stands in its place. */
const cookieOf = ({ cookie, inode, createdNs }: Netns['identity']): string =>
  cookie === 0n ? `${inode}@${createdNs}` : `${cookie}`
