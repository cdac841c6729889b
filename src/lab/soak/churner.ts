// The churn program, as the soak program has it: a process of its own, told when to fill, to churn and to drain.

import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { pause } from '../../base/pause.ts'
import type { Plan } from '../../plan.ts'
import type { ChurnCommand, ChurnNotice, ChurnTask } from '../../protocol/churning.ts'
import { Program } from '../run/program.ts'
import { startLocalProcess } from '../site/local-process.ts'

export interface ChurnerOptions {
  readonly plan: Plan
  readonly runId: string
  readonly originNs: bigint
  readonly folder: string
  readonly onNotice: (notice: ChurnNotice) => void
  /** It has ended before it was told to. */
  readonly onFailure: (error: unknown) => void
}

const LAST_LINES = 10
/** Of what there is until the end, for dropping all namespaces: the rest is for the process itself. */
const DRAIN_SHARE = 0.8

export class Churner {
  readonly #program: Program<ChurnCommand, ChurnNotice>
  /** Namespaces were asked for, and not yet given up. */
  #isFull = false
  readonly #over = new AbortController()

  constructor({ plan, runId, originNs, folder, onNotice, onFailure }: ChurnerOptions) {
    const taskPath = join(folder, 'churn.json')
    writeFileSync(taskPath, JSON.stringify(taskOf(plan)))
    const said: string[] = []
    this.#program = new Program<ChurnCommand, ChurnNotice>({
      name: 'churn',
      process: startLocalProcess({
        name: 'churn',
        nodeFlags: [],
        args: ['churn', '--spec', taskPath, '--run-id', runId, '--origin-ns', String(originNs)],
        console: {
          onText: text => {
            process.stderr.write(text)
            said.push(...text.split('\n').filter(line => line !== ''))
            said.splice(0, said.length - LAST_LINES)
          },
          lastWords: () => said.join('\n'),
        },
        env: {},
      }),
      onEvent: () => {},
      onFailure,
    })
    this.#program.onNotice(onNotice)
  }

  get pid(): number {
    return this.#program.pid
  }

  get ready(): Promise<void> {
    return this.#program.ready
  }

  /** Makes what is there at the start; it says so itself. */
  fill(): void {
    this.#isFull = true
    this.#program.send({ do: 'fill' })
  }

  /** The schedule's time begins. */
  churn(): void {
    this.#program.send({ do: 'churn' })
  }

  /** Stops the process and lets it go on, by end() at the latest. False where it has ended. */
  async pause(forS: number): Promise<boolean> {
    const isThere = this.#signal('SIGSTOP')
    if (isThere) await pause(forS * 1000, this.#over.signal)
    return isThere && this.#signal('SIGCONT')
  }

  #signal(signal: NodeJS.Signals): boolean {
    try {
      return process.kill(this.pid, signal)
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ESRCH') return false
      throw error
    }
  }

  /** Drops everything. Names what the kernel had not removed by the deadline, and all of it where it has ended. */
  async drain(deadlineS: number): Promise<readonly string[]> {
    this.#isFull = false
    let stop = (): void => {}
    const drained = new Promise<readonly string[]>(resolve => {
      stop = this.#program.onNotice(notice => {
        if (notice.is === 'drained') resolve(notice.remaining)
      })
    })
    this.#program.send({ do: 'drain', deadline_s: deadlineS })
    const ended = this.#program.exited.then(status => [`namespaces of churn, which ended early (${status})`])
    return Promise.race([drained, ended]).finally(stop)
  }

  /** Ends it in order: what it made is dropped first, where nobody has had that done. */
  async end(deadlineS: number): Promise<void> {
    // One that stands still for a fault would hear of its end when that is over.
    this.#over.abort()
    this.#signal('SIGCONT')
    if (this.#isFull) await this.drain(deadlineS * DRAIN_SHARE)
    await this.#program.stop(deadlineS * (1 - DRAIN_SHARE))
  }
}

function taskOf({ scenario, churn }: Plan): ChurnTask {
  if (scenario.soak === undefined) throw new Error('the plan is of no soak')
  return {
    spec: scenario.soak.churn,
    seed: scenario.seed,
    duration_s: scenario.run.holdS,
    ...(churn?.operations === undefined ? {} : { operations: churn.operations }),
  }
}
