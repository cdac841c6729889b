// The soak program of a run, as `nslab run` has it: what it tells goes into the run folder, on the run's time axis.

import { rmdirSync } from 'node:fs'
import type { HostPlan } from '../../plan.ts'
import type { ChurnLine } from '../../protocol/churn.ts'
import type { ObservedLine } from '../../protocol/observed.ts'
import type { SoakCommand, SoakNotice, SoakRole } from '../../protocol/soaking.ts'
import type { RunContext } from '../run/context.ts'
import type { Crew, EndedPrograms } from '../run/course.ts'
import { DEADLINE_SCALE } from '../run/deadlines.ts'
import { Program } from '../run/program.ts'
import type { LineWriter } from '../run-folder/disk.ts'
import type { Ground } from '../site/ground.ts'
import type { Site } from '../site/site.ts'
import { churnLineAt, observedLineAt } from './times.ts'

export type SoakProgram = Program<SoakCommand, SoakNotice>

export class SoakCrew implements Crew {
  readonly #context: RunContext
  readonly #ground: Ground
  readonly #remaining: string[] = []
  /**
   * Of the namespaces that were made, the latest with each inode number, by that number: there are no more of them than
   * lived at a time, because the kernel gives the numbers out again; to others, too, whose cookies then differ.
   */
  readonly #cookies = new Map<number, string>()
  #processes: readonly { readonly role: SoakRole; readonly pid: number }[] = []
  #program: SoakProgram | null = null
  /** The observer's, on this machine: the kernel removes none by itself. */
  #groupFolder: string | null = null
  /**
   * Of the run's time from the site's. What is known of a guest's clock gets better while it runs; truth and observation
   * are held against each other to the millisecond, and so keep what was known at first.
   */
  #offsetS = 0

  constructor(context: RunContext, ground: Ground) {
    this.#context = context
    this.#ground = ground
  }

  /** Starts the soak program; it has begun nothing yet. */
  async start(): Promise<SoakProgram> {
    const { context } = { context: this.#context }
    const { folder, plan, level } = context
    const host = plan.hosts[0] as HostPlan
    const site = this.#ground.siteOf(host)
    if (site === null) throw new Error(`host ${host.name} is not there`)
    this.#offsetS = site.toRunS(0)
    const files = {
      churn: folder.addLines<ChurnLine>('churn.ndjson'),
      observed: folder.addLines<ObservedLine>('observed.ndjson'),
    }
    folder.ledger.intent('process_start', { name: 'soak', host: host.name })
    const args = ['--time-scale', String(DEADLINE_SCALE[level])]
    const program: SoakProgram = new Program<SoakCommand, SoakNotice>({
      name: 'soak',
      process: await site.start({ program: 'soak', host: host.name, args }),
      onEvent: event => context.see({ ...event, t_s: site.toRunS(event.t_s) }),
      onFailure: error => context.abort(error),
    })
    this.#program = program
    folder.ledger.done('process_start', { name: 'soak', host: host.name, pid: program.pid })
    program.onNotice(notice => this.#take(notice, site, files))
    return program
  }

  #take(
    notice: SoakNotice,
    site: Site,
    files: { readonly churn: LineWriter<ChurnLine>; readonly observed: LineWriter<ObservedLine> },
  ): void {
    const toRunS = (tS: number): number => tS + this.#offsetS
    switch (notice.is) {
      case 'churn':
        for (const line of notice.lines) {
          if (line.is === 'made') this.#cookies.set(line.inode, line.cookie)
          files.churn.append(churnLineAt(line, toRunS))
        }
        return
      case 'netns': {
        const { inode, cookie } = notice
        this.#cookies.set(inode, cookie)
        this.#context.folder.ledger.done('netns_create', { what: 'soak', inode: String(inode), cookie })
        return
      }
      case 'warning':
        this.#context.warn(notice.text)
        return
      case 'observed':
        for (const line of notice.lines) files.observed.append(observedLineAt(line, toRunS))
        return
      case 'sample': {
        const sample = { ...notice.sample, t_s: site.toRunS(notice.sample.t_s) }
        this.#context.folder.samples.append(this.#ground.isHere ? sample : { site: site.name, ...sample })
        return
      }
      case 'processes':
        this.#note(notice.processes)
        return
      case 'memory_group':
        if (this.#ground.isHere) this.#groupFolder = notice.folder
        return
      case 'drained':
        this.#remaining.push(...notice.remaining)
    }
  }

  /** Processes of the soak that have come and gone, for the ledger. */
  #note(processes: readonly { readonly role: SoakRole; readonly pid: number }[]): void {
    const { ledger } = this.#context.folder
    const known = (list: typeof processes, pid: number): boolean => list.some(each => each.pid === pid)
    for (const { role, pid } of processes)
      if (!known(this.#processes, pid)) ledger.done('process_start', { name: role, pid })
    for (const { role, pid } of this.#processes)
      if (!known(processes, pid)) ledger.done('process_end', { name: role, pid })
    this.#processes = processes
  }

  cookiesOf(_site: Site): (readonly [number, string])[] {
    return [...this.#cookies]
  }

  hurry(): void {
    this.#program?.kill()
  }

  async end(deadlineS: number): Promise<EndedPrograms> {
    const stopped = await this.#program?.stop(deadlineS)
    this.#program = null
    if (this.#groupFolder !== null) removeGroup(this.#groupFolder)
    return { facts: stopped?.facts ?? {}, remaining: [...this.#remaining, ...(stopped?.remaining ?? [])] }
  }
}

/** Where the soak program came to its end it has done so. What is left all the same is left to who looks for it. */
function removeGroup(folder: string): void {
  try {
    rmdirSync(folder)
  } catch {}
}
