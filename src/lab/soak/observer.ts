// The observer of a soak as a process: started, read, watched, paused, killed and started again.

import { type ChildProcess, spawn } from 'node:child_process'
import type { Socket } from 'node:net'
import { basename } from 'node:path'
import { fileURLToPath } from 'node:url'
import { NslabError } from '../../base/errors.ts'
import { pause } from '../../base/pause.ts'
import { startProcess } from '../../base/start-process.ts'
import type { ObserverConfig } from '../../config/types.ts'
import type { CollectedLine } from '../../protocol/collected.ts'
import { formOf, readCollected } from '../../protocol/collected-line.ts'
import type { ObservedLine } from '../../protocol/observed.ts'
import { readStat } from '../proc/proc.ts'
import { readLines } from './log-lines.ts'
import type { MemoryGroup } from './memory-group.ts'
import type { ObserverTree } from './observer-tree.ts'
import { OomWatch } from './oom.ts'
import { type Count, ToldLines } from './told-lines.ts'

const launcherPath = fileURLToPath(new URL('../../../native/build/Release/nslab-launch', import.meta.url))

/** Before a program that ended by itself is started again; doubled at each end that follows soon, to the last. */
const RESTART_PAUSE_MS = { first: 100, last: 5_000 } as const
/** One that has lived so long has not ended for its start. */
const SOON_MS = 10_000
const LAST_LINES = 10
/** For what a process that has ended had written. */
const OUTPUT_LEFT_MS = 500
/** Between looks whether all have ended. */
const LOOK_MS = 20
/** A line of a log that goes into the run folder. */
const LINE_CHARS = 500
/**
 * Of a line that patterns are held against at a time. A pattern may take the square of it: /.*panic/ took 13 ms for so
 * many characters and a minute for 256 KiB, in which nothing else of the soak is done.
 */
const PIECE_CHARS = 4096
/** Lines that a pattern forbids, of which each is told. */
const MATCHES_TOLD = 1000
/** Lines that are none of the format, likewise, and what of each. */
const MALFORMED_TOLD = 20
const MALFORMED_CHARS = 200

export interface ObserverOptions {
  /** In messages and in the console. */
  readonly name: string
  readonly command: readonly string[]
  readonly env: NodeJS.ProcessEnv
  readonly config: Omit<ObserverConfig, 'command'>
  readonly nowS: () => number
  readonly emit: (line: ObservedLine) => void
  /** A line of its standard output, where that is a collector's. */
  readonly onLine: (line: CollectedLine) => void
  /** A line for people. */
  readonly onLog: (line: string) => void
  /** What the user has to know now: of each kind once. */
  readonly onWarning: (text: string) => void
  /** That it is to run in; null: in that of its parent. */
  readonly group: MemoryGroup | null
  /** Of the processes that it starts; null: they are not looked at. */
  readonly tree: ObserverTree | null
  /** A process of it has come or gone. */
  readonly onChange: () => void
}

interface Malformed {
  readonly line: number
  readonly text: string
  readonly problem: string
}

export class Observer {
  readonly #options: ObserverOptions
  readonly #forbidden: readonly { readonly pattern: RegExp; readonly matches: ToldLines<string> }[]
  readonly #malformed: ToldLines<Malformed>
  readonly #oom = new OomWatch()
  readonly #lastLines: string[] = []
  #child: ChildProcess | null = null
  /** Of its process: a program may call itself otherwise once it runs. */
  readonly #names = new Set<string>()
  #killsTold = -1
  #exited: Promise<void> = Promise.resolve()
  #restart: NodeJS.Timeout | undefined
  #pauseMs: number = RESTART_PAUSE_MS.first
  /** Its next end is somebody's doing: the run's end, or a fault. */
  #isWanted = false
  readonly #over = new AbortController()
  #wasReady = false
  /** Ends that nobody wanted. */
  endsCount = 0

  constructor(options: ObserverOptions) {
    this.#options = options
    const { config, emit, nowS } = options
    const tellMatch = (pattern: string) => (line: string, count: Count) =>
      emit({ is: 'log_match', t_s: nowS(), pattern, line, ...count })
    this.#forbidden = config.forbid.map(source => ({
      pattern: new RegExp(source),
      matches: new ToldLines(MATCHES_TOLD, tellMatch(source)),
    }))
    this.#malformed = new ToldLines(MALFORMED_TOLD, (what, count) =>
      emit({ is: 'line_malformed', t_s: nowS(), ...what, ...count }),
    )
  }

  get metricsUrl(): string | null {
    return this.#options.config.metricsUrl
  }

  get scrapeIntervalS(): number {
    return this.#options.config.scrapeIntervalS
  }

  get metrics(): readonly string[] {
    return this.#options.config.metrics
  }

  /** 0 while there is none. */
  get pid(): number {
    return this.#child?.pid ?? 0
  }

  /** Processes that it has started and that stay, looked for now. */
  childPids(): readonly number[] {
    const { tree } = this.#options
    tree?.look(this.pid)
    return tree?.stayingPids ?? []
  }

  /** Starts it; resolves when it is ready. Throws KERNEL_REFUSED, and PROCESS_ENDED where it ends before. */
  async start(): Promise<void> {
    const { env, name } = this.#options
    const command = this.#words()
    const startedMs = performance.now()
    const child = startProcess(name, () =>
      spawn(command[0] as string, command.slice(1), { stdio: ['ignore', 'pipe', 'pipe'], env }),
    )
    this.#isWanted = false
    return new Promise((resolve, reject) => {
      const begun = (): void => {
        this.#wasReady = true
        resolve()
      }
      const ready = this.#read(child, () => {
        this.look()
        begun()
      })
      this.#exited = new Promise(done => {
        child.once('error', error => {
          // Only when it did not start: it has no process then, and no streams that would close.
          if (child.pid !== undefined) return
          reject(notStarted(this.#options.command, error))
          done()
        })
        child.once('spawn', () => {
          this.#child = child
          const stat = readStat(child.pid as number)
          this.#names.clear()
          // As the kernel has it once the launcher has become it.
          this.#names.add(basename(this.#options.command[0] as string))
          this.look()
          this.#emitStart(child, stat?.startTicks ?? 0)
          if (ready === 'once it runs') begun()
        })
        onceEnded(child, (code, signal) => {
          const status = signal === null ? `exit ${code}` : `killed by ${signal}`
          reject(new NslabError('PROCESS_ENDED', { process: name, status, lastWords: this.#lastLines.join('\n') }))
          this.#ended(child, status, performance.now() - startedMs)
          done()
        })
      })
    })
  }

  /** Once in a while: what it is called now, whether the kernel has killed in its group, what is told by number. */
  look(): void {
    for (const { matches } of this.#forbidden) matches.tell()
    this.#malformed.tell()
    const stat = this.#child === null ? null : readStat(this.pid)
    if (stat !== null) this.#names.add(stat.comm)
    const { emit, group, nowS } = this.#options
    const figures = group?.figures ?? null
    if (group === null || figures === null || figures.kills === this.#killsTold) return
    this.#killsTold = figures.kills
    const { kills: oom_kills_count, currentBytes: current_bytes } = figures
    emit({ is: 'memory_group', t_s: nowS(), oom_kills_count, current_bytes, max_bytes: group.maxBytes })
  }

  get #isOver(): boolean {
    return this.#over.signal.aborted
  }

  /** SIGSTOP for `forS`, then SIGCONT. Says whether it was there to feel it. */
  async pause(forS: number): Promise<boolean> {
    const child = this.#child
    if (!this.#signal('SIGSTOP')) return false
    await pause(forS * 1000, this.#over.signal)
    this.#signal('SIGCONT')
    return this.#child === child
  }

  /** SIGKILL; another is started after `forS`. */
  async killAndRevive(forS: number): Promise<boolean> {
    // One that had ended by itself is about to come back: it would be a second one.
    clearTimeout(this.#restart)
    const felt = this.#kill('SIGKILL')
    await this.#exited
    await pause(forS * 1000, this.#over.signal)
    if (!this.#isOver) await this.start()
    return felt
  }

  /** Ends it in order, by force after `deadlineS`. Safe where there is none. */
  async stop(deadlineS: number): Promise<void> {
    this.#over.abort()
    clearTimeout(this.#restart)
    let isLate = false
    const timer = setTimeout(() => {
      isLate = true
      const { name, onWarning } = this.#options
      onWarning(`${name} had not ended ${deadlineS.toFixed(1)} s after SIGTERM, and was killed`)
      this.#kill('SIGKILL')
    }, deadlineS * 1000)
    // One that is stopped takes no other signal.
    this.#signal('SIGCONT')
    this.#kill('SIGTERM')
    await this.#exited
    // So has whom it leaves behind, where the same signal does not end them as soon.
    while (!isLate && this.#hasChildren()) await new Promise(resolve => setTimeout(resolve, LOOK_MS))
    clearTimeout(timer)
    this.#oom.close()
  }

  /** With its group, by a launcher that is a member before it becomes the program. */
  #words(): readonly string[] {
    const { command, group } = this.#options
    return group === null ? command : [launcherPath, '--cgroup', group.processesFile, '--', ...command]
  }

  #hasChildren(): boolean {
    const { tree } = this.#options
    tree?.look(this.pid)
    return (tree?.pids.length ?? 0) > 0
  }

  #kill(signal: NodeJS.Signals): boolean {
    this.#isWanted = true
    return this.#signal(signal)
  }

  /** To it first, and to all that it has started. Says whether it was there to get it. */
  #signal(signal: NodeJS.Signals): boolean {
    const { tree } = this.#options
    tree?.look(this.pid)
    const isThere = this.#child?.kill(signal) ?? false
    for (const pid of tree?.pids ?? []) {
      try {
        process.kill(pid, signal)
      } catch {
        // It has just ended.
      }
    }
    return isThere
  }

  /** Reads both outputs; says what `ready` waits for. */
  #read({ stdout, stderr }: ChildProcess, ready: () => void): 'once it runs' | 'when it says so' {
    const { config, onLine } = this.#options
    const pattern = config.ready === null ? null : new RegExp(config.ready)
    const onLog = (line: string): void => {
      for (const piece of piecesOf(line)) {
        if (pattern?.test(piece)) ready()
        this.#log(piece)
      }
    }
    const isCollector = config.output === 'nslab.collect/1'
    let number = 0
    const onOutput = (text: string, isWhole: boolean): void => {
      number += 1
      const said = isCollector ? readCollected(text, Number(process.hrtime.bigint()) / 1e9) : null
      // Whoever is killed may be writing a line.
      if (said === null || ('problem' in said && !isWhole)) onLog(text)
      else if ('problem' in said) this.#tellMalformed(number, text, said.problem)
      else if (said.line.is === 'start' && pattern === null) ready()
      else onLine(said.line)
    }
    if (stdout !== null) readLines(stdout, onOutput)
    if (stderr !== null) readLines(stderr, onLog)
    return pattern === null && !isCollector ? 'once it runs' : 'when it says so'
  }

  #log(line: string): void {
    if (this.#lastLines.push(line) > LAST_LINES) this.#lastLines.shift()
    this.#options.onLog(line)
    for (const { pattern, matches } of this.#forbidden) if (pattern.test(line)) matches.add(line.slice(0, LINE_CHARS))
  }

  #tellMalformed(line: number, words: string, problem: string): void {
    const { name, onLog, onWarning } = this.#options
    const text = words.slice(0, MALFORMED_CHARS)
    if (this.#malformed.count === 0)
      onWarning(
        `${name}: line ${line} of its output is none of nslab.collect/1: ${problem}. It is: ${text} ` +
          `Asked for: ${formOf(words)} (soak/README.md has all). Gates of what it sees are unknown in this run`,
      )
    this.#malformed.add({ line, text, problem })
    onLog(words)
  }

  #emitStart({ pid }: ChildProcess, start_ticks: number): void {
    const { emit, nowS, onChange } = this.#options
    emit({ is: 'observer_started', t_s: nowS(), pid: pid as number, start_ticks })
    onChange()
  }

  #ended(child: ChildProcess, status: string, livedMs: number): void {
    const { config, emit, name, nowS, onChange, onLog } = this.#options
    const wanted = this.#isWanted
    const oom = status === 'killed by SIGKILL' && !wanted && this.#oom.explains(this.#names)
    this.look()
    this.#child = null
    emit({ is: 'observer_exited', t_s: nowS(), pid: child.pid as number, status, wanted, oom })
    onChange()
    if (wanted || this.#isOver) return
    this.endsCount += 1
    onLog(`${name} ended by itself: ${status}`)
    // Before it was ready that is the error of who waits for it.
    if (this.endsCount === 1 && this.#wasReady) this.#warnOfEnd(status)
    if (!config.restart) return
    this.#pauseMs = livedMs > SOON_MS ? RESTART_PAUSE_MS.first : Math.min(2 * this.#pauseMs, RESTART_PAUSE_MS.last)
    this.#restart = setTimeout(() => {
      // How it ended this time is told by its end.
      if (!this.#isOver) this.start().catch(() => {})
    }, this.#pauseMs)
  }

  #warnOfEnd(status: string): void {
    const { config, name, onWarning, tree } = this.#options
    const again = config.restart ? 'it is started again' : 'it is not started again (sut.restart), and the soak goes on'
    const left = this.#hasChildren() ? (tree?.pids.length ?? 0) : 0
    const others =
      left === 0 ? '' : `. ${left} of the processes that it started live on, unwatched: let it stay in the foreground`
    const last = this.#lastLines.at(-1)
    const words = last === undefined ? '' : `. It said last: ${last.slice(0, LINE_CHARS)}`
    onWarning(`${name} ended by itself: ${status}; ${again}${others}${words}`)
  }
}

function notStarted(command: readonly string[], error: NodeJS.ErrnoException): NslabError {
  const { code: errno = 'EIO', message } = error
  const facts = { key: 'sut.command', command: command.join(' '), errno, reason: errnoWords[errno] ?? message }
  return new NslabError('COMMAND_REFUSED', facts, { cause: error })
}

const errnoWords: Readonly<Record<string, string>> = {
  ENOENT: 'no such file',
  EACCES: 'permission denied',
}

/** When it has ended and what it wrote was read. A child of its own may hold its outputs for as long as it likes. */
function onceEnded(child: ChildProcess, done: (code: number | null, signal: NodeJS.Signals | null) => void): void {
  child.once('exit', (code, signal) => {
    const end = (): void => {
      clearTimeout(timer)
      child.off('close', end)
      // What that child still writes is read, and keeps nobody here.
      for (const stream of [child.stdout, child.stderr]) (stream as Socket | null)?.unref()
      done(code, signal)
    }
    const timer = setTimeout(end, OUTPUT_LEFT_MS)
    child.once('close', end)
  })
}

/** The whole line, where it is none that never ends. */
function piecesOf(line: string): readonly string[] {
  if (line.length <= PIECE_CHARS) return [line]
  const count = Math.ceil(line.length / PIECE_CHARS)
  return Array.from({ length: count }, (_, at) => line.slice(at * PIECE_CHARS, (at + 1) * PIECE_CHARS))
}
