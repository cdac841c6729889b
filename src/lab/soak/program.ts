// The soak program: on its site it starts observer, churn and, where one is wanted, a database, each as a process of
// its own; reads what they say; does to them what the scenario wants done; and tells `nslab run` all of it.

import { join } from 'node:path'
import type { Duplex } from 'node:stream'
import { type Clock, secondsSince } from '../../base/clock.ts'
import { hasDatabase } from '../../config/soak.ts'
import type { SoakConfig } from '../../config/types.ts'
import { native } from '../../native/addon.ts'
import type { Plan } from '../../plan.ts'
import type { ChurnFigures, ChurnNotice } from '../../protocol/churning.ts'
import type { ObservedLine } from '../../protocol/observed.ts'
import type { SoakCommand, SoakNotice } from '../../protocol/soaking.ts'
import { type ProgramEnd, Steered } from '../../protocol/steered.ts'
import { type SampledProcess, type Sampler, startSampler } from '../site/sampler.ts'
import { Churner } from './churner.ts'
import type { Database, DatabaseOptions } from './database.ts'
import { Intake } from './intake.ts'
import { KeptLog } from './kept-log.ts'
import { MemoryGroup } from './memory-group.ts'
import type { Observer } from './observer.ts'
import { makeObserver } from './observer-command.ts'
import { Outbox } from './outbox.ts'
import { scrape } from './scrape.ts'
import { lookThere } from './there.ts'

export interface SoakOptions {
  readonly plan: Plan
  readonly runId: string
  readonly clock: Clock
  /** CLOCK_MONOTONIC ns that all times count from. */
  readonly originNs: bigint
  /** Of the run, on this site. */
  readonly folder: string
  readonly timeScale: number
  readonly steering: Duplex
  readonly signal: AbortSignal
}

const PULSE_MS = 1000
/** Of what is left when the run ends: churn drops everything, the observer ends. */
const OBSERVER_SHARE = 0.25
/** And for the kernel to free what churn had. */
const SETTLE_SHARE = 0.1
/** Times the level's. */
const SETTLE_S_MAX = 2
/** How many of its intervals an observer has to see that all is gone. */
const FORGET_INTERVALS = 3
const FORGET_LEAST_S = 5
const LOOK_MS = 50

export function runSoak(options: SoakOptions): Promise<ProgramEnd> {
  return new Soak(options).run()
}

type Own = Exclude<SoakCommand, { do: 'stop' }>

class Soak {
  readonly #options: SoakOptions
  readonly #soak: SoakConfig
  readonly #steered: Steered<Own, SoakNotice>
  readonly #observed: Outbox<ObservedLine>
  readonly #intake: Intake
  readonly #timers: NodeJS.Timeout[] = []
  #observer: Observer | null = null
  #churner: Churner | null = null
  #database: Database | null = null
  #group: MemoryGroup | null = null
  #starting: Promise<Database | null> = Promise.resolve(null)
  #sampler: Sampler | null = null
  #isOver = false
  #churning: ChurnFigures | null = null
  #scraping: Promise<void> | null = null
  readonly #log: KeptLog
  /** Faults of the observer: under way, and begun so far. */
  #befalling = 0
  #befallenCount = 0
  /** Faults of one process that take longer than planned wait for each other: a start is not met by the next stop. */
  readonly #faults = { observer: Promise.resolve(), database: Promise.resolve() }
  /** Cookies of the first fill, until churning begins. */
  readonly #filled = new Set<string>()
  /** What the observer knew and churn had not made: the namespaces of the soak's own processes, which stay. */
  #knownBefore: ReadonlySet<string> = new Set()

  constructor(options: SoakOptions) {
    this.#options = options
    const { soak } = options.plan.scenario
    if (soak === undefined) throw new Error('the plan is of no soak')
    this.#soak = soak
    this.#steered = new Steered<Own, SoakNotice>({
      stream: options.steering,
      signal: options.signal,
      obey: command => void this.#obey(command).catch(error => this.#failed(error)),
    })
    this.#log = new KeptLog({
      nowS: () => this.#nowS(),
      write: line => void process.stderr.write(`observer: ${line}\n`),
    })
    this.#observed = new Outbox(lines => this.#steered.send({ is: 'observed', lines }))
    this.#intake = new Intake({
      originS: Number(options.originNs) / 1e9,
      nowS: () => this.#nowS(),
      emit: line => this.#observed.add(line),
    })
  }

  run(): Promise<ProgramEnd> {
    return this.#steered.live({
      begin: async () => {},
      end: deadlineS => this.#end(deadlineS),
      ended: () => {},
    })
  }

  /** What fails once the program ends is the consequence of that. */
  #failed(error: unknown): void {
    if (!this.#isOver) this.#steered.fail(error)
  }

  #nowS(): number {
    return secondsSince(this.#options.clock, this.#options.originNs)
  }

  async #obey(command: Own): Promise<void> {
    switch (command.do) {
      case 'prepare':
        await this.#prepare()
        if (!this.#isOver) this.#steered.send({ is: 'ready', pid: process.pid })
        return
      case 'fill':
        this.#churner?.fill()
        return
      case 'churn':
        // Only now: it has polled for a while, and so found all that was there from the beginning.
        this.#knownBefore = new Set([...this.#intake.known].filter(netns => !this.#filled.has(netns)))
        this.#filled.clear()
        this.#churner?.churn()
        return
      case 'drain':
        await this.#drain(command.deadline_s)
        return
      case 'fault': {
        const whose = command.op === 'restart_database' ? 'database' : 'observer'
        this.#faults[whose] = this.#faults[whose].then(() => this.#befall(command))
        await this.#faults[whose]
      }
    }
  }

  async #prepare(): Promise<void> {
    const { folder, originNs, plan, runId } = this.#options
    const { sampleIntervalS, keep } = plan.scenario.run
    const tell = (line: string): void => void process.stderr.write(`${line}\n`)
    const here = native.Netns.current()
    const { inode, cookie } = here.identity
    here.close()
    this.#steered.send({ is: 'netns', inode: Number(inode), cookie: String(cookie) })
    if (hasDatabase(this.#soak)) {
      const [db, signal] = [join(folder, 'db'), this.#steered.ending]
      this.#starting = startDatabase({ folder: db, keep, intake: this.#intake, onLog: tell, signal })
      this.#database = await this.#starting
      this.#tellProcesses()
    }
    // Whoever ends this program has waited for the database alone.
    if (this.#isOver) return
    this.#sampler = startSampler({
      intervalMs: sampleIntervalS * 1000,
      processes: () => this.#sampled(),
      onSample: sample => this.#steered.send({ is: 'sample', sample }),
      clock: this.#options.clock,
      originNs,
    })
    this.#churner = new Churner({
      ...this.#options,
      onNotice: notice => this.#hear(notice),
      onFailure: error => this.#steered.fail(error),
    })
    this.#group = this.#makeGroup()
    this.#observer = makeObserver({
      group: this.#group,
      soak: this.#soak,
      runId,
      database: this.#database?.url ?? null,
      nowS: () => this.#nowS(),
      emit: line => this.#note(line),
      onLine: line => this.#intake.take(line),
      onLog: line => this.#log.add(line),
      onWarning: text => this.#steered.send({ is: 'warning', text }),
      onChange: () => this.#tellProcesses(),
    })
    await this.#tellThere()
    await Promise.all([this.#churner.ready, this.#observer.start()])
    await this.#database?.firstRun()
    await this.#tellThere()
    this.#tellProcesses()
    this.#every(PULSE_MS, () => this.#pulse())
    this.#every(this.#observer.scrapeIntervalS * 1000, () => this.#scrape())
  }

  /** Before the observer starts, and once all is ready: what comes and goes meanwhile is nobody's to know. */
  async #tellThere(): Promise<void> {
    if (this.#soak.observer.output !== 'none')
      this.#steered.send({ is: 'churn', lines: [await lookThere(() => this.#nowS())] })
  }

  #makeGroup(): MemoryGroup | null {
    const { memoryMaxBytes } = this.#soak.observer
    if (memoryMaxBytes === null) return null
    const group = MemoryGroup.make(this.#options.runId, memoryMaxBytes)
    this.#steered.send({ is: 'memory_group', folder: group.folder })
    return group
  }

  #every(intervalMs: number, act: () => void): void {
    this.#timers.push(setInterval(act, intervalMs))
  }

  /** A line of the observer's process. With it ends all that it knew. */
  #note(line: ObservedLine): void {
    if (line.is === 'observer_exited') {
      if (this.#database === null) this.#intake.end(line.t_s)
      else void this.#database.readAll().finally(() => this.#intake.end(line.t_s))
    }
    this.#observed.add(line)
  }

  #hear(notice: ChurnNotice): void {
    switch (notice.is) {
      case 'churn':
        for (const line of notice.lines) if (line.is === 'made' && line.fill) this.#filled.add(line.cookie)
        this.#steered.send(notice)
        return
      case 'warning':
        this.#steered.send(notice)
        return
      case 'churning':
        this.#churning = notice
        return
      case 'filled':
        this.#steered.send({ is: 'filled', namespaces_count: notice.namespaces_count })
    }
  }

  async #drain(deadlineS: number): Promise<void> {
    const remaining = (await this.#churner?.drain(deadlineS)) ?? []
    await this.#awaitForgotten()
    // One that is under way may have been asked for before.
    await this.#scraping
    await this.#scrape()
    this.#steered.send({ is: 'drained', remaining })
  }

  /** The observer gets some of its intervals to see that everything is gone; whether it did is for the judge. */
  async #awaitForgotten(): Promise<void> {
    const { collector, observer } = this.#soak
    if (observer.output === 'none') return
    const limitS = Math.max(FORGET_LEAST_S, FORGET_INTERVALS * collector.intervalS) * this.#options.timeScale
    const endS = this.#nowS() + limitS
    const isForgotten = (): boolean => [...this.#intake.known].every(netns => this.#knownBefore.has(netns))
    while (!isForgotten() && this.#nowS() < endS) await new Promise(resolve => setTimeout(resolve, LOOK_MS))
  }

  async #befall({ number, op, for_s }: Extract<Own, { do: 'fault' }>): Promise<void> {
    const done = (felt: boolean, words: string): void => this.#steered.send({ is: 'fault_done', number, felt, words })
    try {
      if (op === 'restart_database') {
        await this.#database?.restart(for_s)
        this.#tellProcesses()
        done(this.#database !== null, 'the server was away and is back')
      } else if (op === 'pause_churn') {
        done((await this.#churner?.pause(for_s)) === true, 'churn was stopped and went on')
      } else if (op === 'pause_observer') {
        const isFelt = await this.#befallObserver(() => this.#observer?.pause(for_s))
        done(isFelt, 'the observer was stopped and went on')
      } else {
        const isFelt = await this.#befallObserver(() => this.#observer?.killAndRevive(for_s))
        done(isFelt, 'the observer was killed and started again')
      }
    } catch (error) {
      // What did not come back is judged by what it did not do; why is said here.
      done(false, error instanceof Error ? error.message : String(error))
    }
  }

  async #befallObserver(act: () => Promise<boolean> | undefined): Promise<boolean> {
    this.#befalling++
    this.#befallenCount++
    try {
      return (await act()) === true
    } finally {
      this.#befalling--
    }
  }

  #processes(): { readonly role: 'observer' | 'churn' | 'database' | 'soak'; readonly pid: number }[] {
    const all = [
      { role: 'observer', pid: this.#observer?.pid ?? 0 },
      { role: 'churn', pid: this.#churner?.pid ?? 0 },
      { role: 'database', pid: this.#database?.pid ?? 0 },
      { role: 'soak', pid: process.pid },
    ] as const
    return all.filter(({ pid }) => pid > 0)
  }

  /** With the observer those that it has started. */
  #sampled(): SampledProcess[] {
    const others = this.#observer?.childPids() ?? []
    return this.#processes().map(({ role, pid }) => ({ name: role, pid, ...(role === 'observer' ? { others } : {}) }))
  }

  #tellProcesses(): void {
    this.#steered.send({ is: 'processes', processes: this.#processes() })
  }

  #pulse(): void {
    this.#observer?.look()
    const { alive_count = 0, ops_count = 0, failed_count = 0, late_max_s = 0 } = this.#churning ?? {}
    const figures = {
      namespaces_live_count: alive_count,
      churn_ops_count: ops_count,
      churn_failed_count: failed_count,
      churn_late_s: late_max_s,
      observer_exits_count: this.#observer?.endsCount ?? 0,
      // Who tells no sockets knows of none here.
      ...(this.#soak.observer.output === 'none' ? {} : this.#intake.figures),
    }
    this.#steered.send({ is: 'pulse', t_s: this.#nowS(), figures })
  }

  /** One at a time. */
  #scrape(): Promise<void> {
    this.#scraping ??= this.#scrapeOnce().finally(() => {
      this.#scraping = null
    })
    return this.#scraping
  }

  /** One that a fault of the scenario keeps from answering has no gap. */
  async #scrapeOnce(): Promise<void> {
    const { metricsUrl = null, metrics = [] } = this.#observer ?? {}
    if (metricsUrl === null) return
    const befallen = this.#befallenCount
    const wasWell = this.#befalling === 0
    const { values, problem } = await scrape(metricsUrl, metrics)
    const isExcused = !wasWell || this.#befallenCount !== befallen
    if (isExcused && (problem !== undefined || metrics.some(name => !(name in values)))) return
    this.#observed.add({ is: 'scraped', t_s: this.#nowS(), values, ...(problem === undefined ? {} : { problem }) })
  }

  /** Ends churn first, that its last lines are the truth of all; then who observed it, then what that wrote to. */
  async #end(deadlineS: number): Promise<ProgramEnd> {
    this.#isOver = true
    for (const timer of this.#timers.splice(0)) clearInterval(timer)
    this.#database = await this.#starting.catch(() => null)
    await this.#churner?.end(deadlineS * (1 - OBSERVER_SHARE - SETTLE_SHARE))
    // Nothing of churn's is there any more, by the kernel's own count; and the observer still holds what it holds.
    const settleS = Math.min(deadlineS * SETTLE_SHARE, SETTLE_S_MAX * this.#options.timeScale)
    await this.#sampler?.sampleSettled(settleS * 1000)
    await this.#observer?.stop(deadlineS * OBSERVER_SHARE)
    this.#log.tellLeftOut()
    await this.#database?.readAll()
    this.#intake.end(this.#nowS())
    this.#observed.flush()
    this.#sampler?.stop()
    await this.#database?.stop(deadlineS * 1000)
    const isGroupGone = (await this.#group?.remove()) ?? true
    return { facts: {}, remaining: isGroupGone ? [] : [`control group ${this.#group?.folder}`] }
  }
}

/** Loaded where one is wanted. */
async function startDatabase(options: DatabaseOptions): Promise<Database> {
  const { Database } = await import('./database.ts')
  return Database.start(options)
}
