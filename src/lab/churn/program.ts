// `nslab churn`: steered over a channel by a soak, or on its own: then it fills, churns for its time, drains and ends.

import { existsSync, mkdirSync } from 'node:fs'
import { availableParallelism } from 'node:os'
import type { Duplex } from 'node:stream'
import { fileURLToPath } from 'node:url'
import type { Clock } from '../../base/clock.ts'
import { NslabError } from '../../base/errors.ts'
import { readOrNull } from '../../base/read-or-null.ts'
import type { Addon } from '../../native/addon.ts'
import { kernelError } from '../../native/error.ts'
import type { ChurnLine, Operation } from '../../protocol/churn.ts'
import type { ChurnCommand, ChurnFigures, ChurnNotice, ChurnTask } from '../../protocol/churning.ts'
import { type ProgramEnd, Steered } from '../../protocol/steered.ts'
import { parseLimit } from '../fitness/machine.ts'
import { Churning, type Filled } from './churning.ts'
import { LineBatch } from './line-batch.ts'
import { requireDescriptors, tableEntriesOf } from './needs.ts'
import { scheduleOf } from './schedule.ts'

export interface ChurnProgramOptions {
  readonly native: Pick<Addon, 'Churner'>
  readonly task: ChurnTask
  /** Folders of named and of mounted namespaces; made where they are not there. */
  readonly directory: string
  readonly mountedDirectory: string
  /** Native threads that make and drop. */
  readonly threads?: number
  readonly clock: Clock
  readonly originNs: bigint
  /** The channel to the soak program; absent: on its own. */
  readonly steering?: Duplex
  /** Ends it in order. */
  readonly signal: AbortSignal
  /** Beside the channel. */
  readonly onLines?: (lines: readonly ChurnLine[]) => void
}

/** Most that help: beyond, threads wait for each other in the kernel. */
const THREADS_MAX = 4
const FIGURES_MS = 1000
/** Of the namespace that others are made from: places of the tables that those get. */
const TABLE_SETTING = '/proc/sys/net/ipv4/tcp_child_ehash_entries'
/** How long a churn on its own waits for the kernel at its end. */
const DRAIN_S = 60

const holdProgram = fileURLToPath(new URL('../../../native/build/Release/nslab-hold', import.meta.url))

export const operationsOf = ({ spec, seed, duration_s, operations }: ChurnTask): Iterable<Operation> =>
  operations ?? scheduleOf(spec, seed, duration_s)

/**
 * Runs until it is told to stop, or, on its own, until its time is over. Throws NOT_FIT where the limit on open files
 * is too low, KERNEL_REFUSED where it can't begin.
 */
export function runChurn(options: ChurnProgramOptions): Promise<ProgramEnd> {
  return new ChurnProgram(options).run()
}

class ChurnProgram {
  readonly #options: ChurnProgramOptions
  readonly #steered: Steered<ChurnCommand, ChurnNotice>
  readonly #churning: Churning
  readonly #batch: LineBatch
  #figures: () => ChurnFigures | null = () => null
  #telling: NodeJS.Timeout | null = null
  readonly #over = new AbortController()
  #remaining: readonly string[] = []

  constructor(options: ChurnProgramOptions) {
    this.#options = options
    // On its own it drains before it stops.
    const stop = options.steering === undefined ? this.#over.signal : options.signal
    this.#steered = new Steered({ stream: options.steering, signal: stop, obey: command => this.#obey(command) })
    this.#batch = new LineBatch(lines => {
      this.#steered.send({ is: 'churn', lines })
      options.onLines?.(lines)
    })
    const { task, clock, originNs } = options
    this.#churning = new Churning({
      schedule: operationsOf(task),
      clock,
      originNs,
      onLines: lines => this.#batch.add(lines),
    })
  }

  run(): Promise<ProgramEnd> {
    return this.#steered.live({ begin: () => this.#begin(), end: () => this.#end(), ended: () => {} })
  }

  async #begin(): Promise<void> {
    const { native, task, directory, mountedDirectory, threads, originNs } = this.#options
    requireDescriptors(task.spec, parseLimit(readOrNull('/proc/self/limits') ?? '', 'Max open files').soft)
    for (const folder of [directory, mountedDirectory]) makeFolder(folder)
    const options = {
      directory,
      mountedDirectory,
      holdProgram,
      threads: threads ?? Math.min(THREADS_MAX, availableParallelism()),
      sockets: task.spec.sockets,
      tableEntries: this.#tableEntries(task),
      originNs,
    }
    const churner = await native.Churner.open(options, lines => this.#churning.take(lines)).catch((error: unknown) => {
      throw kernelError(error) ?? error
    })
    this.#churning.begin(churner)
    this.#figures = () => {
      const { alive, dropping, ops, failed, lateMaxS } = churner.figures()
      return {
        alive_count: alive,
        dropping_count: dropping,
        ops_count: ops,
        failed_count: failed,
        late_max_s: lateMaxS,
      }
    }
    this.#steered.send({ is: 'ready', pid: process.pid })
    this.#telling = setInterval(() => this.#tell(), FIGURES_MS)
    if (!this.#steered.isSteered) this.#alone().catch(error => this.#steered.fail(error))
  }

  #tableEntries({ spec }: ChurnTask): number {
    const entries = tableEntriesOf(spec)
    if (entries === 0 || existsSync(TABLE_SETTING)) return entries
    const text =
      'churn.connection_table = "own": this kernel has no net.ipv4.tcp_child_ehash_entries (Linux 6.1); all ' +
      "namespaces share the machine's one table, which each poll of any walks whole"
    this.#steered.send({ is: 'warning', text })
    if (!this.#steered.isSteered) process.stderr.write(`warning: ${text}\n`)
    return 0
  }

  #obey(command: ChurnCommand): void {
    const done =
      command.do === 'fill'
        ? this.#fill()
        : command.do === 'drain'
          ? this.#drain(command.deadline_s)
          : Promise.resolve(this.#churning.churn())
    done.catch(error => this.#steered.fail(kernelError(error) ?? error))
  }

  async #fill(): Promise<Filled> {
    const filled = await this.#churning.fill()
    this.#batch.flush()
    this.#steered.send({ is: 'filled', ...filled })
    return filled
  }

  async #drain(deadlineS: number): Promise<void> {
    this.#remaining = await this.#churning.drain(deadlineS)
    this.#batch.flush()
    this.#steered.send({ is: 'drained', remaining: this.#remaining })
  }

  /** Until its time is over, or a signal ends it. */
  async #alone(): Promise<void> {
    const { signal, task } = this.#options
    await this.#fill()
    this.#churning.churn()
    await new Promise<void>(resolve => {
      const over = setTimeout(resolve, task.duration_s * 1000)
      const stop = (): void => {
        clearTimeout(over)
        resolve()
      }
      if (signal.aborted) stop()
      else signal.addEventListener('abort', stop, { once: true })
    })
    await this.#drain(DRAIN_S)
    this.#over.abort()
  }

  #tell(): void {
    const figures = this.#figures()
    if (figures !== null) this.#steered.send({ is: 'churning', ...figures })
  }

  async #end(): Promise<ProgramEnd> {
    if (this.#telling !== null) clearInterval(this.#telling)
    const figures = this.#figures()
    this.#figures = () => null
    await this.#churning.close()
    this.#batch.flush()
    const facts = figures === null ? {} : { ops_count: figures.ops_count, failed_count: figures.failed_count }
    return { facts, remaining: this.#remaining }
  }
}

function makeFolder(path: string): void {
  try {
    mkdirSync(path, { recursive: true })
  } catch (error) {
    const errno = (error as NodeJS.ErrnoException).code
    throw new NslabError('DISK_REFUSED', { path, reason: errno ?? 'refused', errno }, { cause: error })
  }
}
