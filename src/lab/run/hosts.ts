// The hosts of a run and their programs: fabric root, controller, dataplane. Started together, ended in order, and one
// by one taken away and brought back.

import { randomBytes } from 'node:crypto'
import { allOf } from '../../base/all-of.ts'
import { NslabError } from '../../base/errors.ts'
import type { Level } from '../../config/types.ts'
import { type HostPlan, keepsDisk } from '../../plan.ts'
import type { RunEvent } from '../../protocol/events.ts'
import type { Ground } from '../site/ground.ts'
import type { Site } from '../site/site.ts'
import type { RunContext } from './context.ts'
import type { Crew, EndedPrograms } from './course.ts'
import { DEADLINE_SCALE } from './deadlines.ts'
import { Program } from './program.ts'

/** How long a program may take to load, start its database and listen. */
const READY_LIMIT_S = 60

type ProgramName = HostPlan['programs'][number]

export interface RunHost {
  readonly plan: HostPlan
  readonly programs: Map<ProgramName, Program>
  /** How often it was brought back. */
  life: number
}

export class Hosts implements Crew {
  readonly all: readonly RunHost[]
  readonly #context: RunContext
  readonly #ground: Ground
  readonly #admit: (site: Site) => Promise<void>
  /** What tells the run's own nodes from whoever else reaches its controller: commands in nodes, for one. */
  readonly #secret = randomBytes(16).toString('hex')
  /** Of every namespace that the run made, by site: inode → cookie. */
  readonly #cookies = new Map<string, Map<number, string>>()

  /** `admit`: counts a kernel that has begun anew, and has it sampled, before anything of the run is there. */
  constructor(context: RunContext, ground: Ground, admit: (site: Site) => Promise<void>) {
    this.#context = context
    this.#ground = ground
    this.#admit = admit
    this.all = context.plan.hosts.map(plan => ({ plan, programs: new Map(), life: 0 }))
  }

  get dataplanes(): Program[] {
    return this.#programs('dataplane')
  }

  get controller(): Program | undefined {
    return this.#programs('controller')[0]
  }

  /** Namespaces that the run made on a site: [inode, cookie]. */
  cookiesOf(site: Site): (readonly [number, string])[] {
    return [...(this.#cookies.get(site.name) ?? [])]
  }

  find(name: string): RunHost {
    const host = this.all.find(({ plan }) => plan.name === name || plan.vm === name)
    if (host === undefined) throw new Error(`no host ${name} in the plan`)
    return host
  }

  /** Makes every fabric root and starts every program; resolves when all are ready. */
  async start(): Promise<void> {
    await allOf(this.all.map(host => this.startHost(host)))
  }

  /** Makes one host's root and starts its programs; resolves when they are ready. */
  async startHost(host: RunHost): Promise<void> {
    const { plan } = host
    const { folder } = this.#context
    const site = this.#ground.siteOf(plan)
    if (site === null) throw new Error(`host ${plan.name} is not there`)
    folder.ledger.intent('netns_create', { what: 'fabric root', host: plan.name })
    const root = await site.createRoot({ host: plan.name, uplink: plan.uplink })
    folder.ledger.done('netns_create', { what: 'fabric root', host: plan.name, ...root })
    this.#remember(site, Number(root.inode), root.cookie)
    for (const name of plan.programs) host.programs.set(name, await this.#startProgram(host, name, site))
    await this.#ready([...host.programs.values()])
  }

  async #startProgram({ plan, life }: RunHost, name: ProgramName, site: Site): Promise<Program> {
    const { context, title } = { context: this.#context, title: titleOf(plan, name, this.all.length) }
    const { keep } = context.plan.scenario.run
    const scale = ['--time-scale', String(DEADLINE_SCALE[this.#ground.level])]
    const fleet = ['--fleet', String(plan.fleet), '--life', String(life)]
    const store = [
      ...(keep || keepsDisk(context.plan, plan) ? ['--keep-database'] : []),
      ...(life > 0 ? ['--continue'] : []),
    ]
    const args = [...scale, ...(name === 'dataplane' ? fleet : store)]
    context.folder.ledger.intent('process_start', { name, host: plan.name })
    const process = await site.start({ program: name, host: plan.name, args })
    const program = new Program({
      name: title,
      process,
      onEvent: event => this.#see(event, site),
      onFailure: error => context.abort(error),
    })
    if (context.plan.scenario.controller.token === undefined) program.send({ do: 'secret', secret: this.#secret })
    context.folder.ledger.done('process_start', { name, host: plan.name, pid: program.pid })
    return program
  }

  #see(event: RunEvent, site: Site): void {
    if (event.kind === 'node_up') {
      const { node_id, netns_inode, netns_cookie } = event
      this.#remember(site, netns_inode, netns_cookie)
      const facts = { node_id, inode: String(netns_inode), cookie: netns_cookie }
      this.#context.folder.ledger.done('netns_create', facts)
    }
    if (event.kind === 'database_ready' && event.nodes_count !== undefined)
      this.#context.metrics.rows_kept_count = event.nodes_count
    this.#context.see({ ...event, t_s: site.toRunS(event.t_s) })
  }

  async #ready(programs: readonly Program[]): Promise<void> {
    const limitS = READY_LIMIT_S * DEADLINE_SCALE[this.#ground.level as Level]
    const late = new Set(programs.map(({ name }) => name))
    const all = Promise.all(programs.map(program => program.ready.then(() => late.delete(program.name))))
    await this.#context.awaiting(all, limitS, () => {
      return new NslabError('DEADLINE', { waitingFor: 'all programs ready', limitS, missing: [...late] })
    })
  }

  /** Takes a host away at once. Its nodes are gone, which is then no failure of the run. */
  async kill(host: RunHost): Promise<void> {
    const { programs, plan } = host
    for (const program of programs.values()) program.kill()
    await this.#ground.kill(plan)
    await Promise.all([...programs.values()].map(program => program.exited))
    programs.clear()
  }

  /** Has a host boot again and starts its programs on what they had kept. `onDown`: they have ended. */
  async reboot(host: RunHost, onDown: () => void): Promise<void> {
    const { plan, programs } = host
    for (const program of programs.values()) program.kill()
    await Promise.all([...programs.values()].map(program => program.exited))
    programs.clear()
    onDown()
    await this.#ground.reboot(plan)
    await this.#startAnew(host)
    programs.get('dataplane')?.send({ do: 'build' })
  }

  /** Brings a killed host back, its programs ready; fleets are to be told to build. */
  async revive(host: RunHost): Promise<void> {
    await this.#ground.revive(host.plan)
    await this.#startAnew(host)
  }

  async #startAnew(host: RunHost): Promise<void> {
    const site = this.#ground.siteOf(host.plan)
    if (site !== null && !this.#ground.isHere) {
      // Another kernel than before: it numbers its namespaces from the first again.
      this.#cookies.delete(site.name)
      await this.#admit(site)
    }
    host.life += 1
    await this.startHost(host)
  }

  /** Every program at once; what they left is ended by their sites. */
  hurry(): void {
    for (const { programs } of this.all) for (const program of programs.values()) program.kill()
  }

  /** Ends what was started: fleets first, side by side, then the controller with its database, then the roots. */
  async end(deadlineS: number): Promise<EndedPrograms> {
    const facts: Record<string, number> = {}
    const remaining: string[] = []
    for (const name of ['dataplane', 'controller'] as const) {
      const ended = await Promise.all(this.all.map(({ programs }) => programs.get(name)?.stop(deadlineS)))
      for (const [at, stopped] of ended.entries()) {
        for (const [key, value] of Object.entries(stopped?.facts ?? {})) facts[key] = merge(key, facts[key], value)
        const host = this.all[at]?.plan.name
        remaining.push(...(stopped?.remaining ?? []).map(line => `fabric of ${host}: ${line}`))
      }
    }
    for (const { plan, programs } of this.all) {
      programs.clear()
      await this.#ground.siteOf(plan)?.closeRoot(plan.name)
    }
    return { facts, remaining }
  }

  #programs(name: ProgramName): Program[] {
    return this.all.flatMap(({ programs }) => programs.get(name) ?? [])
  }

  #remember(site: Site, inode: number, cookie: string): void {
    const known = this.#cookies.get(site.name) ?? new Map<number, string>()
    this.#cookies.set(site.name, known.set(inode, cookie))
  }
}

const titleOf = (plan: HostPlan, name: ProgramName, hostsCount: number): string =>
  hostsCount > 1 && name === 'dataplane' ? `dataplane of ${plan.name}` : name

/** Fleets end side by side: their counts add up, the longest of their times is the run's. */
const merge = (name: string, known: number | undefined, value: number): number =>
  known === undefined ? value : name.endsWith('_s') ? Math.max(known, value) : known + value
