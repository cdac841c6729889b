// Judges each namespace once everything of it is known: was it found, how soon, were its sockets seen, how soon was it
// forgotten. Only sums, percentiles and the few worst cases are kept.

import type { NetnsKind, TrueSocket } from '../../protocol/churn.ts'
import type { SeenSocket } from '../../protocol/observed.ts'
import { Findings, Worst } from './findings.ts'
import { Floats } from './floats.ts'
import { foundWords, type Life } from './join.ts'
import type { Polls } from './polls.ts'
import { Extremes } from './series.ts'
import { knownTimes, sightingsOf } from './sightings.ts'
import { isStateOf, isWanted, matchSockets, type SocketFilter, statesWords } from './sockets.ts'
import { type StrangerRules, Strangers } from './strangers.ts'
import { Suspects } from './suspects.ts'
import { type Made, netnsKinds } from './truth.ts'

export interface TallyRules extends StrangerRules {
  /** Namespaces that lived less are not judged; sockets must have been there for so long before a poll begins. */
  readonly minLifeS: number
  /** When churning ended: a namespace's judged life ends then, at the latest. */
  readonly churnEndS: () => number
  readonly filter: SocketFilter
}

/** Of one kind of namespace. */
export interface KindFacts {
  judged: number
  seen: number
  socketsJudged: number
  socketsSeen: number
  /** Never seen, and their namespace was found too late for any poll. */
  socketsLate: number
}

/** Latencies: all of them, over time, and the worst. */
export class Latencies {
  readonly all = new Floats()
  readonly overTime = new Extremes()
  readonly worst = new Worst()

  add(timeS: number, latencyS: number, words: () => string): void {
    this.all.push(latencyS)
    this.overTime.add(timeS, latencyS)
    this.worst.add([timeS, latencyS], words)
  }
}

/** When a socket was in the state of its population, and when there was nothing of it any more. */
interface TrueTimes {
  readonly made: Made
  readonly fromS: number
  readonly untilS: number
  readonly overS: number
}

export class Tally {
  readonly #rules: TallyRules
  readonly #polls: Polls
  readonly kinds = Object.fromEntries(
    netnsKinds.map(kind => [kind, { judged: 0, seen: 0, socketsJudged: 0, socketsSeen: 0, socketsLate: 0 }]),
  ) as Record<NetnsKind, KindFacts>
  /** Distinct namespaces of churn's that were found. */
  foundTrueCount = 0
  /** And all others. */
  readonly strangers: Strangers
  /** Called gone while they lived. */
  readonly forgottenEarly = new Findings()
  readonly missed = Object.fromEntries(netnsKinds.map(kind => [kind, new Findings()])) as Record<NetnsKind, Findings>
  readonly missedSockets = Object.fromEntries(netnsKinds.map(kind => [kind, new Findings()])) as typeof this.missed
  readonly falseSockets = new Findings()
  socketsMatchedCount = 0
  /** How often whole polls went past a socket that was there, and how often they did not tell it. */
  sightingsDueCount = 0
  readonly missedSightings = new Findings()
  /** Sockets that were there throughout no whole poll: nobody can say whether they should have been seen. */
  socketsUnjudgedCount = 0
  readonly suspects = new Suspects()
  readonly discovery = new Latencies()
  readonly forgetting = new Latencies()
  /** From everything that churn held it with having been let go of. */
  readonly letGo = new Latencies()
  /** Found, gone, and never forgotten by the process that had found them. */
  readonly neverForgotten = new Findings()
  /** When the observer was last heard: a namespace that it never forgot has at least that latency. */
  observedUntilS = 0

  constructor(rules: TallyRules, polls: Polls) {
    this.#rules = rules
    this.#polls = polls
    this.strangers = new Strangers(rules)
  }

  settle(life: Life): void {
    if (life.made !== null) this.#own(life, life.made)
    else {
      this.seenElsewhere(life.cookie, life.seen)
      this.strangers.settle(life)
    }
  }

  seenElsewhere(netns: string, sockets: readonly SeenSocket[]): void {
    for (const socket of sockets) this.suspects.add(netns, socket)
  }

  #own(life: Life, made: Made): void {
    const { minLifeS, churnEndS } = this.#rules
    const untilS = Math.min(life.dropped?.asked_s ?? Number.POSITIVE_INFINITY, churnEndS())
    const isJudged = untilS - made.exists_s >= minLifeS
    const facts = this.kinds[made.kind]
    if (life.foundS !== null) this.#found(life, made, life.foundS)
    this.#early(life, made)
    this.#never(life, made)
    if (isJudged) {
      facts.judged++
      if (life.foundS === null) this.missed[made.kind].add(made.exists_s, () => missedWords(made, life, untilS))
      else {
        facts.seen++
        this.#latencies(life, made, life.foundS)
      }
    }
    this.#sockets(life, made, facts)
  }

  /** By its own number, and where it was found by a name, by its own: a path, which may be that of a process. */
  #found(life: Life, { id, kind, name, inode }: Made, foundS: number): void {
    const told = life.foundAs?.name ?? null
    const isNamed = name === null || told === null || told.startsWith('/proc/') || told.split('/').at(-1) === name
    if (isNamed && life.foundAs?.inode === inode) this.foundTrueCount++
    else
      this.strangers.mistaken(foundS, () => {
        const own = `${kind}, ${name ?? 'without a name'}, inode ${inode}`
        return `namespace ${id} (${own}) was found as another: ${foundWords(life)}`
      })
  }

  /** That it is gone before anybody asked for its end is wrong, whatever became of it later. */
  #early({ dropped, firstForgotS }: Life, { id, kind }: Made): void {
    if (dropped === null || firstForgotS === null || firstForgotS >= dropped.asked_s) return
    const earlyS = dropped.asked_s - firstForgotS
    const words = (): string => `namespace ${id} (${kind}) was called gone ${earlyS.toFixed(3)} s before it was dropped`
    this.forgottenEarly.add(firstForgotS, words)
  }

  /** Of what went while it churned; a process that had ended by then can't say it. */
  #never({ dropped, forgotS, finds, endings }: Life, { id, kind }: Made): void {
    const goneS = dropped?.gone_s ?? null
    const lastFindS = finds.reduce((one, other) => Math.max(one, other), Number.NEGATIVE_INFINITY)
    if (dropped === null || goneS === null || forgotS !== null || finds.length === 0) return
    if (dropped.asked_s > this.#rules.churnEndS() || endings.some(endS => endS >= lastFindS && endS < goneS)) return
    this.neverForgotten.add(goneS, () => `namespace ${id} (${kind}) was gone, and never forgotten`)
  }

  /** Of the first fill and of the last drain, which go as fast as may be, latencies say nothing of churn. */
  #latencies({ dropped, forgotS, toldS }: Life, made: Made, foundS: number): void {
    const named = (): string => `namespace ${made.id} (${made.kind})`
    // Nobody finds what is not there: a clock that says so tells nothing.
    const foundAfterS = (foundS < made.asked_s ? toldS : foundS) - made.exists_s
    if (!made.fill)
      this.discovery.add(made.exists_s, foundAfterS, () => `${named()} was found after ${foundAfterS.toFixed(3)} s`)
    if (dropped === null || dropped.gone_s === null || dropped.asked_s > this.#rules.churnEndS()) return
    const goneS = dropped.gone_s
    if (forgotS === null) {
      const heardS = Math.max(0, this.observedUntilS - goneS)
      const words = (): string => `${named()} was gone, and never forgotten in ${heardS.toFixed(3)} s`
      this.letGo.add(goneS, Math.max(0, this.observedUntilS - dropped.returned_s), words)
      this.forgetting.add(goneS, heardS, words)
      return
    }
    const forgotAfterS = forgotS - goneS
    this.forgetting.add(goneS, forgotAfterS, () => `${named()} was forgotten after ${forgotAfterS.toFixed(3)} s`)
    const letGoAfterS = forgotS - dropped.returned_s
    this.letGo.add(
      goneS,
      letGoAfterS,
      () => `${named()} was forgotten ${letGoAfterS.toFixed(3)} s after it was let go of`,
    )
  }

  #sockets(life: Life, made: Made, facts: KindFacts): void {
    const { sightings, strangers } = matchSockets(made.sockets, life.seen)
    this.socketsMatchedCount += life.seen.length - strangers.length
    for (const socket of strangers) {
      this.suspects.add(life.cookie, socket)
      const words = (): string => `${seenWords(socket)} was seen under namespace ${made.id}, which has no such socket`
      this.falseSockets.add(socket[5], words)
    }
    const ended = new Map(life.dropped?.ended ?? [])
    const known = knownTimes(life)
    const endS = life.dropped?.asked_s ?? Number.POSITIVE_INFINITY
    for (const [index, socket] of made.sockets.entries()) {
      if (!isWanted(socket, this.#rules.filter)) continue
      const fromS = (socket.from_s ?? made.made_s) + this.#rules.minLifeS
      const untilS = Math.min(ended.get(index) ?? socket.until_s ?? Number.POSITIVE_INFINITY, endS)
      const seen = sightings[index] ?? []
      const overS = ended.get(index) ?? socket.until_s ?? life.dropped?.gone_s ?? Number.POSITIVE_INFINITY
      for (const one of seen)
        if (one[0] === socket.cookie) this.#untrue(one, socket.population, { made, fromS, untilS, overS })
      this.#sightings({ fromS, toS: Math.min(untilS, this.#rules.churnEndS()) }, { known, seen }, () =>
        socketWords(made, socket),
      )
      const own = life.firstPolls.some(poll => poll.fromS >= fromS && poll.toS <= untilS)
      if (!own && !this.#polls.hasWithin(fromS, untilS)) {
        this.socketsUnjudgedCount++
        continue
      }
      facts.socketsJudged++
      if (seen.length > 0) {
        facts.socketsSeen++
        continue
      }
      this.missedSockets[made.kind].add(fromS, () => `${socketWords(made, socket)} was never seen`)
      // As for sightings: what was found so shortly before a poll began may not have been in it yet.
      const knownS = (life.foundS ?? Number.NEGATIVE_INFINITY) + this.#rules.minLifeS
      if (!own && !this.#polls.hasWithin(Math.max(fromS, knownS), untilS)) facts.socketsLate++
    }
  }

  /** Told as what it was not then: before it was made, after its end, or in a state that it was not in at last. */
  #untrue(seen: SeenSocket, population: TrueSocket['population'], times: TrueTimes): void {
    const { made, fromS, untilS, overS } = times
    const [, , , , state, firstS, lastS] = seen
    const of = `${seenWords(seen)} of namespace ${made.id} was`
    if (firstS < made.asked_s)
      this.#false(firstS, () => `${of} seen ${(made.asked_s - firstS).toFixed(3)} s before that was made`)
    // By a poll that began when it had long ended: it was not looked for again.
    else if (this.#polls.hasBegun(overS + this.#rules.minLifeS, lastS))
      this.#false(lastS, () => `${of} seen ${(lastS - overS).toFixed(3)} s after its end`)
    else if (lastS >= fromS && lastS < untilS && !isStateOf(population, state))
      this.#false(lastS, () => `${of} ${statesWords(population)} all the time`)
  }

  #false(timeS: number, words: () => string): void {
    this.socketsMatchedCount--
    this.falseSockets.add(timeS, words)
  }

  #sightings(
    life: { readonly fromS: number; readonly toS: number },
    told: Parameters<typeof sightingsOf>[1],
    named: () => string,
  ): void {
    const { due, missed } = sightingsOf(life, told, this.#polls, this.#rules.minLifeS)
    this.sightingsDueCount += due
    if (missed > 0)
      this.missedSightings.add(life.fromS, () => `${named()} was missing in ${missed} of ${due} polls`, missed)
  }
}

const seenWords = ([cookie, family, port, peer, state]: SeenSocket): string =>
  `socket ${cookie} (IPv${family}, ${state}, port ${port} to ${peer})`

const socketWords = ({ id, kind }: Made, { population, family, port }: TrueSocket): string =>
  `a socket (${population}, IPv${family}, port ${port}) of namespace ${id} (${kind})`

function missedWords({ id, kind, name, fault, exists_s: existsS }: Made, { cookie }: Life, untilS: number): string {
  const facts = [kind, ...(name === null ? [] : [`name ${name}`]), `cookie ${cookie}`, ...(fault ? [fault] : [])]
  const lived = Number.isFinite(untilS) ? `, which lived ${(untilS - existsS).toFixed(3)} s,` : ''
  return `namespace ${id} (${facts.join(', ')})${lived} was never found`
}
