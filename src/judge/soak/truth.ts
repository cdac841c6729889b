// What churn truly did, added up: operations, their lateness, how many namespaces lived at a time, and how long the
// kernel took to remove them. 8 bytes a number are kept of each operation, for exact percentiles: of twelve hours at
// 100 operations a second that is some 100 MB.

import type { ChurnLine, NetnsKind } from '../../protocol/churn.ts'
import { Findings, Worst } from './findings.ts'
import { Floats } from './floats.ts'
import { Extremes, type Moment, Rates } from './series.ts'

/** An operation that is due as churning ends begins a little later. */
const END_GRACE_S = 0.1

export type Made = Extract<ChurnLine, { is: 'made' }>
export type Dropped = Extract<ChurnLine, { is: 'dropped' }>

/** What was there before churn made any namespace. */
export interface There {
  /** Of all that a look showed. */
  readonly cookies: ReadonlySet<string>
  /** The most that the kernel's own list has beside them. */
  readonly unseenCount: number
}

export class Truth {
  readonly #planOps: number
  readonly #churnEndS: () => number
  beginS: number | null = null
  /** Null: nobody looked. */
  there: There | null = null
  /** The last line. Null: churn did not come to its end. */
  end: { readonly t_s: number; readonly ops_count: number } | null = null
  /** Operations of the schedule, the fill aside, that began before churning ended. */
  doneCount = 0
  fillCount = 0
  madeCount = 0
  goneCount = 0
  lastS = 0
  goneErrorMaxS = 0
  readonly failed = new Findings()
  readonly lateness = new Floats()
  readonly latest = new Worst()
  readonly latenessOverTime = new Extremes()
  readonly removal = new Floats()
  readonly slowestRemovals = new Worst()
  readonly #rates = new Rates()
  readonly #births = new Floats()
  readonly #deaths = new Floats()

  /** `planOps`: how many operations the schedule has; those with a higher number are the drain's. */
  constructor(planOps: number, churnEndS: () => number) {
    this.#planOps = planOps
    this.#churnEndS = churnEndS
  }

  add(line: ChurnLine): void {
    switch (line.is) {
      case 'there':
        this.there = {
          cookies: new Set([...(this.there?.cookies ?? []), ...line.cookies]),
          unseenCount: Math.max(this.there?.unseenCount ?? 0, line.unseen_count ?? 0),
        }
        break
      case 'begin':
        this.beginS = Math.min(this.beginS ?? Number.POSITIVE_INFINITY, line.t_s)
        break
      case 'made':
        this.#addMade(line)
        break
      case 'dropped':
        this.#addDropped(line)
        break
      case 'failed':
        this.lastS = Math.max(this.lastS, line.t_s)
        this.failed.add(
          line.t_s,
          () => `operation ${line.op}, on namespace ${line.id}: ${line.operation}: ${line.reason}`,
        )
        break
      case 'end':
        this.end = line
        this.lastS = Math.max(this.lastS, line.t_s)
        break
    }
  }

  /** Operations a second, against time. */
  rates(): Moment[] {
    return this.#rates.moments()
  }

  /** How many namespaces lived, from their existence until they were asked to go: the most, and against time. */
  living(): { readonly most: number; readonly overTime: Moment[] } {
    const [births, deaths] = [this.#births.sorted(), this.#deaths.sorted()]
    const overTime = new Extremes()
    let [most, dead] = [0, 0]
    for (const [index, birthS] of births.entries()) {
      while (dead < deaths.length && (deaths[dead] as number) <= birthS) {
        dead++
        overTime.add(deaths[dead - 1] as number, index - dead)
      }
      most = Math.max(most, index + 1 - dead)
      overTime.add(birthS, index + 1 - dead)
    }
    for (; dead < deaths.length; dead++) overTime.add(deaths[dead] as number, births.length - dead - 1)
    return { most, overTime: overTime.moments() }
  }

  #addMade(line: Made): void {
    this.madeCount++
    if (line.fill) this.fillCount++
    else this.#addOperation(line)
    this.#births.push(line.exists_s)
    this.lastS = Math.max(this.lastS, line.made_s)
  }

  #addDropped(line: Dropped): void {
    this.#addOperation(line)
    this.#deaths.push(line.asked_s)
    this.lastS = Math.max(this.lastS, line.returned_s, line.gone_s ?? 0)
    this.goneErrorMaxS = Math.max(this.goneErrorMaxS, line.gone_error_s)
    if (line.gone_s === null) return
    this.goneCount++
    const tookS = line.gone_s - line.asked_s
    this.removal.push(tookS)
    this.slowestRemovals.add(
      [line.asked_s, tookS],
      () => `namespace ${line.id} was gone ${tookS.toFixed(3)} s after it was dropped`,
    )
  }

  #addOperation({ op, due_s: dueS, asked_s: askedS }: Made | Dropped): void {
    if (op < 1 || op > this.#planOps || askedS > this.#churnEndS() + END_GRACE_S) return
    this.doneCount++
    this.#rates.add(askedS)
    const lateS = askedS - dueS
    this.lateness.push(lateS)
    this.latenessOverTime.add(askedS, lateS)
    this.latest.add([askedS, lateS], () => `operation ${op} began ${lateS.toFixed(3)} s late`)
  }
}

export const netnsKinds: readonly NetnsKind[] = ['named', 'mounted', 'process', 'thread', 'descriptor', 'socket']
