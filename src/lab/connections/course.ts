// The course of a run of connections: sized and made ready, opened, held, proven, closed. The program on the site does
// it all; here its stages are the phases of the run.

import { NslabError } from '../../base/errors.ts'
import type { HostPlan } from '../../plan.ts'
import { type LoadCommand, type LoadNotice, type LoadStage, loadStages } from '../../protocol/loading.ts'
import type { RunContext } from '../run/context.ts'
import type { Course, Crew, EndedPrograms } from '../run/course.ts'
import { DEADLINE_SCALE } from '../run/deadlines.ts'
import { Program } from '../run/program.ts'
import type { Ground } from '../site/ground.ts'
import type { Site } from '../site/site.ts'

type LoadProgram = Program<LoadCommand, LoadNotice>

/** Everything that was counted, beside outcome.json, which has the figures. */
const RECORD = 'connections.json'

export function connectionsCourse(context: RunContext, ground: Ground): Course {
  const crew = new LoadCrew(context, ground)
  return {
    crew,
    whereIs: async () => {
      throw new NslabError('USAGE', { problem: 'such a run has no nodes', hint: 'Its VM is entered by nslab shell.' })
    },
    links: null,
    drive: startSampling => drive(context, crew, startSampling),
  }
}

async function drive(context: RunContext, crew: LoadCrew, startSampling: () => Promise<void>): Promise<void> {
  const { run } = context.plan.scenario
  const limitS = run.deadlineS * DEADLINE_SCALE[context.level]
  const reached = (stage: LoadStage, withinS = limitS): Promise<void> => crew.reached(stage, withinS)
  await context.inPhase('prepare', async () => {
    const program = await crew.start()
    await startSampling()
    const late = (): NslabError => lateFor('prepare', limitS)
    await context.awaiting(program.ready, limitS, late)
    program.send({ do: 'load' })
    await reached('open')
  })
  await context.inPhase('fill', () => reached('hold'))
  await context.inPhase('hold', () => reached('prove', limitS + run.holdS))
  await context.inPhase('prove', () => reached('close'))
  await context.inPhase('drain', () => crew.loaded(limitS))
}

const lateFor = (what: string, limitS: number): NslabError =>
  new NslabError('DEADLINE', { waitingFor: `the stage "${what}" of the connections`, limitS, missing: 'their program' })

class LoadCrew implements Crew {
  readonly #context: RunContext
  readonly #ground: Ground
  #program: LoadProgram | null = null
  #stage: LoadStage = 'prepare'
  #loaded = false
  #listeners = new Set<() => void>()

  constructor(context: RunContext, ground: Ground) {
    this.#context = context
    this.#ground = ground
  }

  async start(): Promise<LoadProgram> {
    const context = this.#context
    const { ledger } = context.folder
    const host = context.plan.hosts[0] as HostPlan
    const site = this.#ground.siteOf(host)
    if (site === null) throw new Error(`host ${host.name} is not there`)
    ledger.intent('process_start', { name: 'connections', host: host.name })
    const program: LoadProgram = new Program<LoadCommand, LoadNotice>({
      name: 'connections',
      process: await site.start({ program: 'connections', host: host.name, args: [] }),
      onEvent: event => context.see({ ...event, t_s: site.toRunS(event.t_s) }),
      onFailure: error => context.abort(error),
    })
    this.#program = program
    ledger.done('process_start', { name: 'connections', host: host.name, pid: program.pid })
    program.onNotice(notice => this.#take(notice, site))
    return program
  }

  #take(notice: LoadNotice, site: Site): void {
    const context = this.#context
    switch (notice.is) {
      case 'stage':
        this.#stage = notice.stage
        break
      case 'sample': {
        const sample = { ...notice.sample, t_s: site.toRunS(notice.sample.t_s) }
        context.folder.samples.append(this.#ground.isHere ? sample : { site: site.name, ...sample })
        return
      }
      case 'pulse':
        context.pulse(notice.figures, context.phase === 'hold' ? context.plan.scenario.run.holdS : null)
        return
      case 'loaded':
        Object.assign(context.metrics, notice.figures)
        context.notes.push(...notice.notes)
        context.folder.writeJson(RECORD, notice.record)
        this.#loaded = true
    }
    for (const listener of this.#listeners) listener()
  }

  /** Resolves when the program is at a stage, or past it. */
  reached(stage: LoadStage, limitS: number): Promise<void> {
    const isReached = (): boolean => loadStages.indexOf(this.#stage) >= loadStages.indexOf(stage)
    return this.#until(isReached, limitS, stage)
  }

  /** Resolves when the figures are there. */
  loaded(limitS: number): Promise<void> {
    return this.#until(() => this.#loaded, limitS, 'end')
  }

  #until(isSo: () => boolean, limitS: number, stage: LoadStage): Promise<void> {
    const start = (done: () => void): (() => void) => {
      const look = (): void => {
        if (isSo()) done()
      }
      this.#listeners.add(look)
      // What came before anybody asked; never at once.
      setImmediate(look)
      return () => this.#listeners.delete(look)
    }
    return this.#context.until(start, limitS, () => lateFor(stage, limitS))
  }

  /** All of them are anonymous, in the enclosure, and end with it. */
  cookiesOf(): readonly (readonly [number, string])[] {
    return []
  }

  hurry(): void {
    this.#program?.kill()
  }

  async end(deadlineS: number): Promise<EndedPrograms> {
    const stopped = await this.#program?.stop(deadlineS)
    this.#program = null
    return { facts: stopped?.facts ?? {}, remaining: stopped?.remaining ?? [] }
  }
}
