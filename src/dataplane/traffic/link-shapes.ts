// How the links of one node are shaped: what the controller says of each, over what the configuration says of all.

import type { EngineConfig } from '../../config/types.ts'
import type { LinkSetting } from '../../native/engine.ts'
import type { LinkRate } from '../../protocol/messages.ts'
import type { LinkShape } from '../../protocol/traffic.ts'

/** What holds for every link: the controller's discipline, the dataplane's queues. */
export interface LinkDefaults {
  readonly discipline: 'fifo' | 'wrr'
  readonly dropStrategy: EngineConfig['dropStrategy']
  readonly queuePackets: number
}

const ns = (seconds: number): number => Math.round(seconds * 1e9)

export function linkSetting(shape: LinkShape, defaults: LinkDefaults): LinkSetting {
  const { rate, bucket_size, queue_packets, delay_s, jitter_s } = shape
  const { loss_ratio, duplicate_ratio, corrupt_ratio, reorder_ratio } = shape
  return {
    ...defaults,
    ...(queue_packets === undefined ? {} : { queuePackets: queue_packets }),
    ...(rate === undefined ? {} : { rateBytesPerS: Math.max(1, Math.round(rate)) }),
    ...(bucket_size === undefined ? {} : { bucketBytes: Math.round(bucket_size) }),
    ...(delay_s === undefined ? {} : { delayNs: ns(delay_s) }),
    ...(jitter_s === undefined ? {} : { jitterNs: ns(jitter_s) }),
    ...(loss_ratio === undefined ? {} : { lossRatio: loss_ratio }),
    ...(duplicate_ratio === undefined ? {} : { duplicateRatio: duplicate_ratio }),
    ...(corrupt_ratio === undefined ? {} : { corruptRatio: corrupt_ratio }),
    ...(reorder_ratio === undefined ? {} : { reorderRatio: reorder_ratio }),
  }
}

/** A link that must be set in the engine; `changes`: who waits for it to hold. */
export interface LinkToSet {
  readonly peerId: number
  readonly shape: LinkShape
  readonly changes: readonly number[]
}

const NO_SHAPE: LinkShape = {}

interface Told {
  rate?: LinkRate
  shape?: LinkShape
  isStale: boolean
  isDirty: boolean
  changes: number[]
}

export class LinkShapes {
  readonly #links = new Map<number, Told>()

  setRate(peerId: number, rate: LinkRate): void {
    const link = this.#link(peerId)
    link.rate = rate
    link.isDirty = true
  }

  /** Holds alone, whatever was and will be said of the rate. */
  setShape(peerId: number, shape: LinkShape, change?: number): void {
    const link = this.#link(peerId)
    link.shape = shape
    link.isDirty = true
    if (change !== undefined) link.changes.push(change)
  }

  /** Whether it is to be anything but a queue before a socket. */
  isShaped(peerId: number): boolean {
    const link = this.#links.get(peerId)
    return Object.keys(link?.shape ?? link?.rate ?? NO_SHAPE).length > 0
  }

  /** The control connection is gone: what holds is told again by the next one. */
  parted(): void {
    for (const link of this.#links.values()) {
      link.isStale = true
      // Who asked is no longer there.
      link.changes = []
    }
  }

  /** All has been told: shapes that were not, again, are gone. */
  settle(): void {
    for (const [peerId, link] of this.#links)
      if (link.isStale) this.#links.set(peerId, { isStale: false, isDirty: true, changes: [] })
  }

  /** What to set since the last call. */
  take(): LinkToSet[] {
    const taken: LinkToSet[] = []
    for (const [peerId, link] of this.#links) {
      if (!link.isDirty) continue
      link.isDirty = false
      const changes = link.changes
      link.changes = []
      taken.push({ peerId, shape: link.shape ?? link.rate ?? NO_SHAPE, changes })
    }
    return taken
  }

  /** What is told of a link after a new connection replaces all that was told of it before. */
  #link(peerId: number): Told {
    let link = this.#links.get(peerId)
    if (link === undefined || link.isStale) {
      link = { isStale: false, isDirty: true, changes: [] }
      this.#links.set(peerId, link)
    }
    return link
  }
}
