// The churn program, as the soak program has it: a process of its own, told when to fill, to churn and to drain.

import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { ChurnCommand, ChurnNotice, ChurnTask } from '../../protocol/churning.ts'
import { startLocalProcess } from '../local-process.ts'
import type { Plan } from '../plan-types.ts'
import { Program, type Stopped } from '../program.ts'

export interface ChurnerOptions {
  readonly plan: Plan
  readonly runId: string
  readonly originNs: bigint
  readonly folder: string
  readonly onNotice: (notice: ChurnNotice) => void
  /** It has ended before it was told to. */
  readonly onFailure: (error: unknown) => void
}

export interface Churner {
  readonly program: Program<ChurnCommand, ChurnNotice>
  stop(deadlineS: number): Promise<Stopped | null>
}

const LAST_LINES = 10

export function startChurner({ plan, runId, originNs, folder, onNotice, onFailure }: ChurnerOptions): Churner {
  const { scenario, churn } = plan
  if (scenario.soak === undefined) throw new Error('the plan is of no soak')
  const task: ChurnTask = {
    spec: scenario.soak.churn,
    seed: scenario.seed,
    duration_s: scenario.run.holdS,
    ...(churn?.operations === undefined ? {} : { operations: churn.operations }),
  }
  const taskPath = join(folder, 'churn.json')
  writeFileSync(taskPath, JSON.stringify(task))
  const said: string[] = []
  const program = new Program<ChurnCommand, ChurnNotice>({
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
  program.onNotice(onNotice)
  return { program, stop: deadlineS => program.stop(deadlineS) }
}
