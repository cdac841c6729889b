// Truth and sightings put together by cookie, as both are read. A namespace is settled, and dropped from memory, once
// it is gone, the observer has forgotten it (or never found it), and both files are GRACE_S beyond that: so lines may
// come in any order within that time, and memory holds what lives, not what ever lived.

import type { ChurnLine } from '../../protocol/churn.ts'
import type { ObservedLine, SeenSocket } from '../../protocol/observed.ts'
import type { Dropped, Made } from './truth.ts'

/** By how much lines of a kind may be out of order. They are written as they come, by one process. */
const GRACE_S = 60
/**
 * What the observer finds and what it polls are two threads' words, written in turn by a third: one that had to wait
 * writes all of one before the first of the other. For as long, nothing is settled by what one of them alone has told.
 */
const STALL_S = 600
/** Namespaces that are gone and never forgotten; of more than these, the sockets are not waited for. */
const WAITING_MAX = 100_000
const QUEUE_CUT = 10_000

/** A namespace as both had it. */
export interface Life {
  readonly cookie: string
  /** Null: churn never made it. */
  made: Made | null
  dropped: Dropped | null
  /** When it was first found; null: never. And each time. */
  foundS: number | null
  readonly finds: number[]
  /** When it was first heard of that. */
  toldS: number
  /** When processes of the observer ended that knew it. */
  readonly endings: number[]
  foundAs: { readonly name: string | null; readonly inode: number; readonly by: string } | null
  /** When it was first said to be gone, and when last; null: never. */
  firstForgotS: number | null
  forgotS: number | null
  seen: SeenSocket[]
  /** Polls of this namespace alone. */
  firstPolls: { readonly fromS: number; readonly toS: number }[]
}

/** What it was found as, in words. */
export const foundWords = ({ foundAs }: Life): string =>
  foundAs === null ? 'not found' : `${foundAs.name ?? 'without a name'}, inode ${foundAs.inode}, by ${foundAs.by}`

export interface Settling {
  /** Everything of a namespace is known. */
  readonly settle: (life: Life) => void
  /** Sockets that were given to a namespace which is settled, or is none of churn's. */
  readonly seenElsewhere: (netns: string, sockets: readonly SeenSocket[]) => void
}

export class Join {
  readonly #settling: Settling
  readonly #waitingMax: number
  readonly #lives = new Map<string, Life>()
  /** Number of a namespace that was not dropped yet → its cookie. */
  readonly #ids = new Map<number, string>()
  /** Drops whose make was not read yet. */
  readonly #earlyDrops = new Map<number, Dropped>()
  /** Cookies to look at again, about in the order of their times. */
  readonly #queue: { readonly readyS: number; readonly cookie: string }[] = []
  #queueHead = 0
  /** Gone and not forgotten, the oldest first. */
  readonly #waiting = new Set<string>()
  /** Found, and none of churn's. */
  readonly #strangers = new Set<string>()
  /** Of the truth with itself. */
  #problem: string | null = null
  #truthS = Number.NEGATIVE_INFINITY
  /** What was found and forgotten until then was told; and all else. */
  #foundS = Number.NEGATIVE_INFINITY
  #polledS = Number.NEGATIVE_INFINITY

  constructor(settling: Settling, waitingMax = WAITING_MAX) {
    this.#settling = settling
    this.#waitingMax = waitingMax
  }

  /** Which of the files is to be read next. */
  get isTruthBehind(): boolean {
    return this.#truthS <= this.#observedS
  }

  get #observedS(): number {
    const [earlier, later] = [Math.min(this.#foundS, this.#polledS), Math.max(this.#foundS, this.#polledS)]
    return Math.max(earlier, later - STALL_S)
  }

  /** Namespaces in memory. */
  get livesCount(): number {
    return this.#lives.size
  }

  truth(line: ChurnLine): void {
    if (line.is === 'made') this.#made(line)
    if (line.is === 'dropped') this.#dropped(line)
    this.#truthS = Math.max(this.#truthS, timeOfTruth(line))
    this.#settleReady()
  }

  observed(line: ObservedLine): void {
    const timeS = timeOfSighting(line)
    if (line.is === 'found') this.#found(line)
    if (line.is === 'forgot') this.#forgot(line)
    if (line.is === 'polled' && line.first_of !== null && !this.#strangers.has(line.first_of))
      this.#sighted(line.first_of, timeS).firstPolls.push({ fromS: line.t_s, toS: timeS })
    if (line.is === 'found' || line.is === 'forgot') this.#foundS = Math.max(this.#foundS, line.t_s)
    else this.#polledS = Math.max(this.#polledS, timeS)
    this.#settleReady()
  }

  /** A file has no more lines: the other one does not wait for it. */
  endOf(file: 'truth' | 'observed'): void {
    if (file === 'truth') this.#truthS = Number.POSITIVE_INFINITY
    else this.#foundS = this.#polledS = Number.POSITIVE_INFINITY
  }

  /** What is wrong with the truth as a whole; null: nothing. `isWhole`: it has its last line. */
  problem(isWhole: boolean): string | null {
    const [never] = this.#earlyDrops.keys()
    const why = never === undefined || !isWhole ? null : `namespace ${never} was dropped more often than made`
    return this.#problem ?? why
  }

  /** Both files were read: everything is settled. */
  finish(): void {
    for (const life of this.#lives.values()) this.#settling.settle(life)
    this.#lives.clear()
  }

  #made(line: Made): void {
    const life = this.#life(line.cookie)
    if (life.made !== null && life.made.id !== line.id)
      this.#problem ??= `namespaces ${life.made.id} and ${line.id} have the same cookie ${line.cookie}`
    life.made = line
    const early = this.#earlyDrops.get(line.id)
    this.#earlyDrops.delete(line.id)
    if (early === undefined) this.#ids.set(line.id, line.cookie)
    else this.#drop(life, early)
  }

  #dropped(line: Dropped): void {
    const cookie = this.#ids.get(line.id)
    if (cookie === undefined) this.#earlyDrops.set(line.id, line)
    else this.#drop(this.#life(cookie), line)
  }

  #drop(life: Life, line: Dropped): void {
    this.#ids.delete(line.id)
    life.dropped = line
    this.#lookAgain(life.cookie, line.gone_s ?? line.returned_s)
  }

  #found(line: Extract<ObservedLine, { is: 'found' }>): void {
    if (this.#strangers.has(line.netns)) return
    const life = this.#sighted(line.netns, line.t_s)
    life.finds.push(line.t_s)
    life.toldS = Math.min(life.toldS, line.got_s)
    if (life.foundS !== null && life.foundS <= line.t_s) return
    life.foundS = line.t_s
    life.foundAs = { name: line.name, inode: line.inode, by: line.found_by }
  }

  #forgot(line: Extract<ObservedLine, { is: 'forgot' }>): void {
    if (this.#strangers.has(line.netns)) {
      this.#settling.seenElsewhere(line.netns, line.sockets)
      return
    }
    const life = this.#sighted(line.netns, line.t_s)
    life.seen.push(...line.sockets)
    if (!line.gone) {
      if (!line.more) life.endings.push(line.t_s)
      return
    }
    life.firstForgotS = Math.min(life.firstForgotS ?? line.t_s, line.t_s)
    life.forgotS = Math.max(life.forgotS ?? line.t_s, line.t_s)
    if (this.#waiting.delete(line.netns)) this.#lookAgain(line.netns, line.t_s)
  }

  #life(cookie: string): Life {
    const known = this.#lives.get(cookie)
    if (known !== undefined) return known
    const life: Life = {
      cookie,
      made: null,
      dropped: null,
      foundS: null,
      finds: [],
      toldS: Number.POSITIVE_INFINITY,
      endings: [],
      foundAs: null,
      firstForgotS: null,
      forgotS: null,
      seen: [],
      firstPolls: [],
    }
    this.#lives.set(cookie, life)
    return life
  }

  /** One that truth may not have told of yet, or never does. */
  #sighted(cookie: string, timeS: number): Life {
    if (!this.#lives.has(cookie)) this.#lookAgain(cookie, timeS)
    return this.#life(cookie)
  }

  #lookAgain(cookie: string, readyS: number): void {
    this.#queue.push({ readyS, cookie })
  }

  #settleReady(): void {
    const untilS = Math.min(this.#truthS, this.#observedS) - GRACE_S
    for (; this.#queueHead < this.#queue.length; this.#queueHead++) {
      const { readyS, cookie } = this.#queue[this.#queueHead] as { readyS: number; cookie: string }
      if (readyS > untilS) break
      const life = this.#lives.get(cookie)
      if (life !== undefined) this.#look(life, untilS)
    }
    if (this.#queueHead < QUEUE_CUT) return
    this.#queue.splice(0, this.#queueHead)
    this.#queueHead = 0
  }

  #look(life: Life, untilS: number): void {
    if (life.made === null) {
      this.#strangers.add(life.cookie)
      this.#settle(life)
      return
    }
    const goneS = life.dropped === null ? null : life.dropped.gone_s
    // What lives, or is not gone from the kernel, is settled at the end.
    if (goneS === null || goneS > untilS) return
    if (life.foundS === null || life.forgotS !== null) {
      this.#settle(life)
      return
    }
    this.#waiting.add(life.cookie)
    if (this.#waiting.size <= this.#waitingMax) return
    const [oldest] = this.#waiting
    this.#waiting.delete(oldest as string)
    this.#settle(this.#lives.get(oldest as string) as Life)
  }

  #settle(life: Life): void {
    this.#lives.delete(life.cookie)
    this.#settling.settle(life)
  }
}

/** When a line was written, about. */
function timeOfTruth(line: ChurnLine): number {
  if (line.is === 'made') return line.made_s
  return line.is === 'dropped' ? Math.max(line.returned_s, line.gone_s ?? 0) : line.t_s
}

function timeOfSighting(line: ObservedLine): number {
  return line.is === 'polled' ? line.t_s + line.took_s : line.t_s
}
