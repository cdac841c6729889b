// The course of a soak: the observer is there, then the namespaces; they come and go for as long as the scenario says,
// and at last all of them go.

import { NslabError } from '../../base/errors.ts'
import { isSoakFault } from '../../config/faults.ts'
import type { FaultConfig, SoakConfig } from '../../config/types.ts'
import type { SoakNotice } from '../../protocol/soaking.ts'
import type { RunContext } from '../run/context.ts'
import type { Course } from '../run/course.ts'
import { DEADLINE_SCALE } from '../run/deadlines.ts'
import type { Ground } from '../site/ground.ts'
import { SoakCrew, type SoakProgram } from './crew.ts'

/** Polls of all namespaces that an observer has to get warm. */
const WARM_POLLS = 3
/** An observer of which nothing is known but that it runs. */
const WARM_S = 3
/** What is due at the end may still be under way. */
const LATE_S = 10

export function soakCourse(context: RunContext, ground: Ground): Course {
  const { soak } = context.plan.scenario
  if (soak === undefined) throw new Error('the scenario is no soak')
  const crew = new SoakCrew(context, ground)
  return {
    crew,
    whereIs: async () => {
      throw new NslabError('USAGE', { problem: 'a soak has no nodes', hint: 'Its VM is entered by nslab shell.' })
    },
    links: null,
    drive: startSampling => drive({ context, ground, crew, soak }, startSampling),
  }
}

interface Parts {
  readonly context: RunContext
  readonly ground: Ground
  readonly crew: SoakCrew
  readonly soak: SoakConfig
}

async function drive({ context, ground, crew, soak }: Parts, startSampling: () => Promise<void>): Promise<void> {
  const { faults, run } = context.plan.scenario
  const limitS = run.deadlineS * DEADLINE_SCALE[context.level]
  const observer = { hasDied: false }
  const program = await context.inPhase('prepare', async () => {
    const started = await crew.start()
    started.onNotice(notice => {
      if (notice.is === 'pulse') context.pulse(notice.figures, context.phase === 'churn' ? run.holdS : null)
      if (hasDied(notice)) observer.hasDied = true
    })
    await startSampling()
    started.send({ do: 'prepare' })
    await context.awaiting(started.ready, limitS, () => late('the observer ready', limitS, unready(soak)))
    Object.assign(context.metrics, await ground.facts())
    return started
  })
  await context.inPhase('fill', async () => {
    const filled = told(context, program, 'filled', limitS)
    program.send({ do: 'fill' })
    await filled
  })
  // One that has died gets no warmer, and what comes of that is for the gates to say.
  await context.inPhase('warm', async () => {
    if (!observer.hasDied) await warm(context, program, soak, limitS)
  })
  await context.inPhase('churn', () => churn(context, program, faults, run.holdS))
  await context.inPhase('drain', async () => {
    const drained = told(context, program, 'drained', limitS + LATE_S)
    program.send({ do: 'drain', deadline_s: limitS })
    await drained
  })
}

const late = (waitingFor: string, limitS: number, missing = 'the soak program says nothing of it'): NslabError =>
  new NslabError('DEADLINE', { waitingFor, limitS, missing })

/** What an observer has not said. */
function unready({ observer }: SoakConfig): string {
  const { command, ready } = observer
  if (command === null) return 'it does not poll yet; console/soak.log has what it said'
  return ready === null
    ? 'a line {"is":"start"} on its standard output (sut.output); console/soak.log has what it said'
    : `a line of its output that sut.ready matches, /${ready}/; console/soak.log has what it said`
}

const hasDied = (notice: SoakNotice): boolean =>
  notice.is === 'observed' && notice.lines.some(line => line.is === 'observer_exited' && !line.wanted)

/** Resolves when the soak program says so. */
function told(context: RunContext, program: SoakProgram, is: SoakNotice['is'], limitS: number): Promise<void> {
  const start = (done: () => void): (() => void) =>
    program.onNotice(notice => {
      if (notice.is === is) done()
    })
  return context.until(start, limitS, () => late(`"${is}" of the soak`, limitS))
}

/** The observer polls what is there before anything changes. */
async function warm(
  context: RunContext,
  program: SoakProgram,
  { observer }: SoakConfig,
  limitS: number,
): Promise<void> {
  if (observer.output === 'none') return context.hold(WARM_S)
  let polls = 0
  const start = (done: () => void): (() => void) =>
    program.onNotice(notice => {
      if (notice.is === 'observed')
        polls += notice.lines.filter(line => line.is === 'polled' && line.first_of === null).length
      if (polls >= WARM_POLLS || hasDied(notice)) done()
    })
  const missing = (): string =>
    `lines {"is":"poll"} with "first_of":null, of which it told ${polls}; console/soak.log has what else it said`
  await context.until(start, limitS, () =>
    late(`${WARM_POLLS} polls of all namespaces by the observer`, limitS, missing()),
  )
}

/** Churns for as long as the scenario says, and until its last fault is over. */
async function churn(
  context: RunContext,
  program: SoakProgram,
  faults: readonly FaultConfig[],
  holdS: number,
): Promise<void> {
  const under = new Set<Promise<void>>()
  program.send({ do: 'churn' })
  const startedS = context.nowS()
  for (const [number, fault] of faults.entries()) {
    await context.hold(Math.max(0, startedS + fault.atS - context.nowS()))
    const over = befall(context, program, fault, number)
    // Who waits for it may have gone before it fails.
    over.catch(() => {})
    under.add(over)
  }
  await context.hold(Math.max(0, startedS + holdS - context.nowS()))
  await Promise.all(under)
  if (faults.length > 0) context.metrics.faults_count = faults.length
}

/** One fault of a process of the soak, begun and undone by the soak program. */
async function befall(context: RunContext, program: SoakProgram, fault: FaultConfig, number: number): Promise<void> {
  const { op, forS } = fault
  if (!isSoakFault(op)) throw new Error(`${op} is no fault of a soak`)
  const { ledger } = context.folder
  const limitS = forS + context.plan.scenario.run.deadlineS * DEADLINE_SCALE[context.level]
  ledger.intent('fault', { fault: number, what: op, for_s: forS })
  context.tell({ kind: 'fault_started', fault: number, op, hosts: [] })
  const start = (done: () => void): (() => void) =>
    program.onNotice(notice => {
      if (notice.is !== 'fault_done' || notice.number !== number) return
      const { felt, words } = notice
      ledger.done('fault', { fault: number, felt, words })
      context.tell({ kind: 'fault_ended', fault: number, op, hosts: [] })
      context.metrics.faults_felt_count = (context.metrics.faults_felt_count ?? 0) + (felt ? 1 : 0)
      if (!felt) context.warn(`fault ${number} (${op}) was not felt: ${words}`)
      done()
    })
  program.send({ do: 'fault', number, op, for_s: forS })
  await context.until(start, limitS, () => late(`the end of fault ${number} (${op})`, limitS))
}
