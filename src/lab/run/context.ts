// What every phase of a run shares: the plan, the folder, the clock, who is alive, and how the run is made to end.

import { setMaxListeners } from 'node:events'
import { type Clock, secondsSince } from '../../base/clock.ts'
import type { NslabError } from '../../base/errors.ts'
import type { Level } from '../../config/types.ts'
import type { Plan } from '../../plan.ts'
import type { PhaseName, RunEvent } from '../../protocol/events.ts'
import type { RunFolder } from '../run-folder/run-folder.ts'
import { type Progress, progressOf } from './progress.ts'
import { Wiring } from './wiring.ts'

/** An event without what the context adds. */
type OwnEvent = RunEvent extends infer E ? (E extends RunEvent ? Omit<E, 't_s' | 'from'> : never) : never

type Wait = (done: () => void, fail: (error: unknown) => void) => () => void

export class RunContext {
  readonly plan: Plan
  readonly folder: RunFolder
  readonly clock: Clock
  readonly runId: string
  readonly level: Level
  readonly originNs: bigint
  readonly wiring = new Wiring()
  readonly metrics: Record<string, number> = {}
  readonly notes: string[] = []
  /**
   * Aborted, with the error as its reason, when the run can't go on: interrupt, a program's end, a full disk, a bug.
   */
  readonly aborted: AbortSignal
  readonly #abort = new AbortController()
  readonly #onProgress: (progress: Progress) => void
  readonly #onWarning: (message: string) => void
  readonly #listeners = new Set<(event: RunEvent) => void>()
  phase: PhaseName = 'preflight'
  #proofs = 0
  #asks = 0
  #phaseStartedS = 0

  constructor(facts: {
    readonly plan: Plan
    readonly folder: RunFolder
    readonly clock: Clock
    readonly runId: string
    readonly level: Level
    readonly onProgress: (progress: Progress) => void
    readonly onWarning: (message: string) => void
  }) {
    this.plan = facts.plan
    this.folder = facts.folder
    this.clock = facts.clock
    this.runId = facts.runId
    this.level = facts.level
    this.originNs = facts.folder.originNs
    this.#onProgress = facts.onProgress
    this.#onWarning = facts.onWarning
    this.aborted = this.#abort.signal
    // Every wait of every host listens; Node takes more than ten for a leak.
    setMaxListeners(0, this.aborted)
    facts.folder.onFailure(error => this.abort(error))
  }

  get nodesCount(): number {
    return this.plan.topology.nodes_count
  }

  /** The number of the next proof of the wiring, from 1. */
  nextProof(): number {
    this.#proofs += 1
    return this.#proofs
  }

  /** The number of the next question about traffic, from 1. */
  nextAsk(): number {
    this.#asks += 1
    return this.#asks
  }

  nowS(): number {
    return secondsSince(this.clock, this.originNs)
  }

  /** Ends the run early, in order. The first reason is the one that counts. */
  abort(error: unknown): void {
    if (!this.aborted.aborted) this.#abort.abort(error)
  }

  /** Why the run was aborted; null while it was not. */
  get abortError(): unknown {
    return this.aborted.aborted ? this.aborted.reason : null
  }

  /** Throws why the run was aborted, if it was: before a step that would only be undone again. */
  requireGoingOn(): void {
    this.aborted.throwIfAborted()
  }

  /** Takes in an event of any process: saved, counted, handed to who waits. */
  see(event: RunEvent): void {
    this.folder.events.append(event)
    this.wiring.see(event)
    for (const listener of this.#listeners) listener(event)
  }

  tell(event: OwnEvent): void {
    this.see({ t_s: this.nowS(), from: 'run', ...event } as RunEvent)
  }

  warn(message: string): void {
    this.notes.push(message)
    this.#onWarning(message)
    this.tell({ kind: 'warning', message })
  }

  progress(what: string, done: number, total: number): void {
    this.#onProgress(progressOf(this.phase, what, done, total, this.nowS() - this.#phaseStartedS))
  }

  /** What a soak says of itself while it lasts. `durationS`: how long this phase is to take, where that is known. */
  pulse(figures: Readonly<Record<string, number>>, durationS: number | null): void {
    const elapsedS = this.nowS() - this.#phaseStartedS
    const done = durationS === null ? 0 : Math.min(elapsedS, durationS)
    const progress = progressOf(this.phase, 's', Math.round(done), Math.round(durationS ?? 0), elapsedS)
    this.#onProgress({ ...progress, pulse: { figures, elapsedS, durationS } })
  }

  /** Runs one phase: its start and end are events, also when it fails. */
  async inPhase<T>(phase: PhaseName, work: () => Promise<T>): Promise<T> {
    this.phase = phase
    this.#phaseStartedS = this.nowS()
    this.tell({ kind: 'phase_started', phase })
    this.progress('', 0, 0)
    try {
      return await work()
    } finally {
      this.tell({ kind: 'phase_ended', phase })
    }
  }

  /** Resolves at the first event that satisfies `wanted`; rejects at abort, or with `onDeadline()` after `limitS`. */
  waitFor(wanted: (event: RunEvent) => boolean, limitS: number, onDeadline: () => NslabError): Promise<void> {
    return this.until(
      done =>
        this.watch(event => {
          if (wanted(event)) done()
        }),
      limitS,
      onDeadline,
    )
  }

  /** Hands every later event to `listener`, until the returned function is called. */
  watch(listener: (event: RunEvent) => void): () => void {
    this.#listeners.add(listener)
    return () => this.#listeners.delete(listener)
  }

  /** Resolves after `durationS`; rejects at abort. */
  hold(durationS: number): Promise<void> {
    return this.#settle(done => {
      const timer = setTimeout(done, durationS * 1000)
      return () => clearTimeout(timer)
    })
  }

  /** Resolves or rejects with `promise`; rejects at abort, or with `onDeadline()` after `limitS`. */
  async awaiting<T>(promise: Promise<T>, limitS: number, onDeadline: () => NslabError): Promise<T> {
    // Nobody may be waiting for it any more when it rejects.
    promise.catch(() => {})
    await this.until(
      (done, fail) => {
        promise.then(done, fail)
        return () => {}
      },
      limitS,
      onDeadline,
    )
    return promise
  }

  /**
   * Waits for what `start` sets off, at most `limitS`; `start` gets the ways to settle and returns how to stop
   * listening.
   */
  until(start: Wait, limitS: number, onDeadline: () => NslabError): Promise<void> {
    return this.#settle((done, fail) => {
      const stop = start(done, fail)
      const timer = setTimeout(() => fail(onDeadline()), limitS * 1000)
      return () => {
        clearTimeout(timer)
        stop()
      }
    })
  }

  /** The one place that waits: until `start` settles it (later, never at once), or abort. */
  #settle(start: Wait): Promise<void> {
    return new Promise((resolve, reject) => {
      if (this.aborted.aborted) {
        reject(this.abortError)
        return
      }
      const end = (settle: () => void): void => {
        this.aborted.removeEventListener('abort', onAbort)
        stop()
        settle()
      }
      const fail = (error: unknown): void => end(() => reject(error))
      const onAbort = (): void => fail(this.abortError)
      this.aborted.addEventListener('abort', onAbort)
      const stop = start(() => end(resolve), fail)
    })
  }
}
