// The schedule of a churn: which namespace is made and dropped when, from the seed alone. Pure, and never held whole:
// twelve hours at 100 a second are 4.3 million operations.

import { createHash } from 'node:crypto'
import { Random } from '../../base/random.ts'
import { NETNS_KINDS } from '../../config/churn.ts'
import type { ChurnFault, NetnsKind, Operation } from '../../protocol/churn.ts'
import type { ChurnSpec } from '../../protocol/churning.ts'
import { Alive, Doomed, type Living } from './life.ts'

/** Share of drops that take the oldest; the others take any that lived long enough. */
const OLDEST_RATIO = 0.5
/** Of min_life, which short-lived namespaces live: the slot in which they are dropped is up to one later. */
const SHORT_LIFE = { least: 0.1, most: 0.7 } as const
/** Of min_life, after which a namespace with a fault of its end is dropped, so that the fault is soon felt. */
const FAULT_LIFE = 2

/** Kinds that a fault is of; the others are put in whatever kind the weights give. */
const FAULT_KINDS: Readonly<Partial<Record<ChurnFault, NetnsKind>>> = {
  remove_while_entered: 'named',
  leader_dead: 'thread',
}

/**
 * The operations of `durationS` of churning. First the fill: makes, due at 0. Then drops and makes in turn, operation
 * k at k / rate, so that after each make `namespaces` are alive; a name made again at once is due with the drop before.
 */
export function* scheduleOf(spec: ChurnSpec, seed: number, durationS: number): Generator<Operation> {
  const schedule = new Schedule(spec, seed)
  for (let count = 0; count < spec.namespaces; count++) yield schedule.make(0, true, null, null)
  for (let k = 1; ; k += 2) {
    const [dropS, makeS] = [dueOf(k, spec), dueOf(k + 1, spec)]
    if (dropS > durationS) return
    const { fault, again } = schedule.faultAt(dropS)
    yield schedule.drop(dropS, again)
    if (makeS > durationS && again === null) return
    yield schedule.make(again === null ? makeS : dropS, false, fault, again)
  }
}

/** To the microsecond, so that every writer of it writes the same. */
const dueOf = (k: number, { ratePerS }: ChurnSpec): number => Math.round((k / ratePerS) * 1e6) / 1e6

class Schedule {
  readonly #spec: ChurnSpec
  readonly #random: Random
  readonly #alive = new Alive()
  readonly #doomed = new Doomed()
  /** Time between two drops. */
  readonly #slotS: number
  #ops = 0
  #ids = 0
  #nextFaultS: number
  #faults = 0

  constructor(spec: ChurnSpec, seed: number) {
    this.#spec = spec
    this.#random = new Random(seed)
    this.#slotS = 2 / spec.ratePerS
    this.#nextFaultS = spec.faults.length === 0 ? Number.POSITIVE_INFINITY : spec.faultIntervalS
  }

  /** The fault that is due by now, and whose name is made again. One for which nothing is there stays due. */
  faultAt(dueS: number): { readonly fault: ChurnFault | null; readonly again: Living | null } {
    const { faults, faultIntervalS } = this.#spec
    if (dueS < this.#nextFaultS) return { fault: null, again: null }
    const fault = faults[this.#faults % faults.length] as ChurnFault
    const again = fault === 'same_name' ? this.#alive.named(this.#random) : null
    if (again === undefined) return { fault: null, again: null }
    this.#faults++
    this.#nextFaultS += faultIntervalS
    return { fault, again }
  }

  /** `again`: whose name and kind it gets. */
  make(dueS: number, fill: boolean, fault: ChurnFault | null, again: Living | null): Operation {
    const id = ++this.#ids
    const kind = again?.kind ?? this.#kindOf(fault)
    const name = kind === 'named' || kind === 'mounted' ? (again?.name ?? `churn${id}`) : null
    const living = { id, kind, name, madeS: dueS }
    const dropS = this.#ownDropS(dueS, fill, fault)
    if (dropS !== null) this.#doomed.add(dropS, living)
    else this.#alive.add(living)
    return { op: ++this.#ops, due_s: dueS, do: 'make', id, kind, fill, name, fault }
  }

  /** Drops one that lives: `chosen`, or the one whose turn it is. */
  drop(dueS: number, chosen: Living | null): Operation {
    const { id } = chosen === null ? this.#choose(dueS) : this.#take(chosen)
    return { op: ++this.#ops, due_s: dueS, do: 'drop', id }
  }

  #choose(dueS: number): Living {
    // Before the next drop would come.
    const doomed = this.#doomed.take(dueS + this.#slotS / 2)
    if (doomed !== undefined) return doomed
    const random = this.#random
    const takesOldest = random.float() < OLDEST_RATIO
    const living = takesOldest ? this.#alive.oldest() : this.#alive.any(random, dueS - this.#spec.minLifeS)
    // One is alive always: where all have a time of their own, the first of them goes early.
    return living === undefined ? (this.#doomed.take(Number.POSITIVE_INFINITY) as Living) : this.#take(living)
  }

  #take(living: Living): Living {
    this.#alive.delete(living)
    return living
  }

  /** When a namespace goes that does not wait to be chosen. */
  #ownDropS(dueS: number, fill: boolean, fault: ChurnFault | null): number | null {
    const { shortLifeRatio, minLifeS } = this.#spec
    if (fault !== null) return fault === 'remove_while_entered' ? dueS + FAULT_LIFE * minLifeS : null
    if (fill || this.#random.float() >= shortLifeRatio) return null
    const { least, most } = SHORT_LIFE
    return dueS + minLifeS * (least + (most - least) * this.#random.float())
  }

  #kindOf(fault: ChurnFault | null): NetnsKind {
    const { kinds } = this.#spec
    const forced = fault === null ? undefined : FAULT_KINDS[fault]
    if (forced !== undefined) return forced
    let left = this.#random.float() * NETNS_KINDS.reduce((sum, kind) => sum + kinds[kind], 0)
    for (const kind of NETNS_KINDS) {
      left -= kinds[kind]
      if (left < 0) return kind
    }
    return NETNS_KINDS.findLast(kind => kinds[kind] > 0) as NetnsKind
  }
}

/** Of the schedule, as a plan has it. */
export interface ScheduleDigest {
  readonly ops_count: number
  /** SHA-256 over the operations' lines, each with a line feed. */
  readonly digest: string
}

/** One operation as canonical JSON: keys sorted, nothing between. */
export function operationLine(operation: Operation): string {
  if (operation.do === 'drop') {
    const { op, due_s, id } = operation
    return JSON.stringify({ do: 'drop', due_s, id, op })
  }
  const { op, due_s, id, kind, fill, name, fault } = operation
  return JSON.stringify({ do: 'make', due_s, fault, fill, id, kind, name, op })
}

/** Lines put together before they are hashed: a call a line costs more than the hash. */
const LINES_A_TIME = 1000

export function digestOf(schedule: Iterable<Operation>): ScheduleDigest {
  const hash = createHash('sha256')
  let opsCount = 0
  let text = ''
  for (const operation of schedule) {
    text += `${operationLine(operation)}\n`
    if (++opsCount % LINES_A_TIME !== 0) continue
    hash.update(text)
    text = ''
  }
  return { ops_count: opsCount, digest: hash.update(text).digest('hex') }
}
