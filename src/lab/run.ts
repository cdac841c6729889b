// The life of a run: its plan saved before any change, its phases, its outcome saved. Judging comes after, from the
// folder. Whatever happens in between, what was started is ended in order and the machine is counted again.

import { randomBytes } from 'node:crypto'
import { type Clock, systemClock } from '../base/clock.ts'
import { NslabError } from '../base/errors.ts'
import { ExitCode } from '../base/exit-codes.ts'
import type { Level, Scenario } from '../config/types.ts'
import type { Outcome, Report } from '../judge/types.ts'
import { Attempts } from './attempts.ts'
import type { RunObjects } from './census.ts'
import type { CensusDifference } from './census-diff.ts'
import { RunContext } from './context.ts'
import { readEnvironment } from './environment.ts'
import { requireFitness } from './fitness.ts'
import type { Lease } from './leases.ts'
import { type LiveRegistration, registerLiveRun } from './live-runs.ts'
import { leaseNeighbours } from './neighbour-lease.ts'
import { type Baseline, measure, mergeObjects, observe, takeBaseline, verify, wire } from './phases.ts'
import { makePlan, planToJson } from './plan.ts'
import type { Program } from './program.ts'
import { endPrograms, identityFacts, type MutablePrograms, type Programs, startPrograms } from './programs.ts'
import type { Progress } from './progress.ts'
import { createRunFolder } from './run-folder.ts'
import { type Sampler, startSampler } from './sampler.ts'

export interface RunOptions {
  readonly scenario: Scenario
  /** The scenario file's text, kept in the run folder. */
  readonly scenarioText: string
  /** Where run folders are collected. */
  readonly base: string
  /** Ends the run in order; the reason is the signal's name. */
  readonly interrupted: AbortSignal
  /** Ends it at once: programs are killed, the machine is still counted and the report written. */
  readonly hurried: AbortSignal
  readonly onProgress: (progress: Progress) => void
  readonly onFolder: (path: string) => void
  readonly onWarning: (message: string) => void
  readonly clock?: Clock
}

export interface RunResult {
  readonly folder: string
  /** What went wrong with writing the run folder, if anything. */
  readonly diskError: NslabError | null
  /** A bug in nslab that ended the run. */
  readonly bug: unknown
}

/** What a run has at the moment, so that it can be given back whatever happens. */
interface Holdings {
  readonly started: Partial<MutablePrograms>
  readonly objects: RunObjects[]
  readonly cookies: Map<number, string>
  baseline: Baseline | null
  lease: Lease | null
  registration: LiveRegistration | null
  sampler: Sampler | null
}

/**
 * Runs a scenario to its outcome. Throws only before anything was made (NOT_FIT, USAGE, DISK_REFUSED); after that
 * every end, also an interrupted or failed one, is an outcome to be judged.
 */
export async function runScenario(options: RunOptions): Promise<RunResult> {
  const clock = options.clock ?? systemClock
  const originNs = clock.nowNs()
  const { scenario } = options
  const plan = makePlan(scenario)
  const { level, note } = chooseLevel(scenario)
  const limits = await requireFitness(plan.needs, scenario.run.out ?? options.base)
  const folder = createRunFolder({
    base: options.base,
    scenario: scenario.name,
    seed: scenario.seed,
    out: scenario.run.out,
    clock,
    originNs,
  })
  options.onFolder(folder.path)
  const runId = randomBytes(16).toString('hex')
  const { onProgress, onWarning } = options
  const context = new RunContext({ plan, folder, clock, runId, level, onProgress, onWarning })
  const holdings: Holdings = {
    started: {},
    objects: [],
    cookies: new Map(),
    baseline: null,
    lease: null,
    registration: null,
    sampler: null,
  }
  const unhook = hook(context, holdings, options)
  const attempts = new Attempts()
  await attempts.take(() => drive(context, holdings, options, [...(note === null ? [] : [note]), ...limits]), undefined)
  const failedPhase = context.phase
  folder.tolerateFailures()
  const difference = await finish(context, holdings, options, attempts)
  unhook()

  const error = attempts.failure ?? context.abortError ?? folder.failure
  const outcome: Outcome = {
    metrics: context.metrics,
    ...difference,
    error: error === null ? null : describeError(error, failedPhase),
    notes: context.notes,
  }
  folder.flush()
  folder.writeJson('outcome.json', outcome)
  folder.close()
  const bug = error instanceof NslabError ? null : error
  return { folder: folder.path, diskError: folder.failure, bug }
}

/** The first signal ends the run in order; the second ends its programs at once, in whatever phase. */
function hook(context: RunContext, holdings: Holdings, { interrupted, hurried }: RunOptions): () => void {
  const onInterrupt = (): void => context.abort(new NslabError('INTERRUPTED', { signal: interrupted.reason }))
  const onHurry = (): void => {
    for (const program of programsOf(holdings)) program.kill()
  }
  interrupted.addEventListener('abort', onInterrupt)
  hurried.addEventListener('abort', onHurry)
  if (interrupted.aborted) onInterrupt()
  return () => {
    interrupted.removeEventListener('abort', onInterrupt)
    hurried.removeEventListener('abort', onHurry)
  }
}

function programsOf({ started }: Holdings): Program[] {
  return [started.controller ?? [], started.dataplanes ?? []].flat()
}

/** From nothing to a wired fleet, held for as long as the scenario says. */
async function drive(
  context: RunContext,
  holdings: Holdings,
  options: RunOptions,
  notes: readonly string[],
): Promise<void> {
  const { folder, plan } = context
  // Both may hold a token or a password.
  folder.writeText('scenario.toml', options.scenarioText, 0o600)
  folder.writeText('plan.json', planToJson(plan), 0o600)
  const { runId, level, clock } = context
  const environment = await readEnvironment({ runId, level, accelerator: 'none', clock })
  folder.writeJson('environment.json', environment)
  for (const warning of [...notes, ...plan.scenario.warnings]) context.warn(warning)

  await context.inPhase('preflight', async () => {
    const sockets = plan.fleets.map(fleet => ({
      path: folder.file('fleet.sock'),
      node_ids: [fleet.nodeIdOffset + 1, fleet.nodeIdOffset + fleet.nNodes] as const,
    }))
    const facts = {
      run_id: runId,
      folder: folder.path,
      scenario: plan.scenario.name,
      started_at: environment.started_at,
    }
    holdings.registration = registerLiveRun({
      ...facts,
      sockets,
      temporary: ['fleet.sock', ...(plan.scenario.run.keep ? [] : ['db'])],
    })
  })
  await context.inPhase('census', async () => {
    holdings.baseline = await takeBaseline(context)
    holdings.lease = await leaseNeighbours(context, plan.needs.neighbours_count)
  })
  context.requireGoingOn()
  const programs = await context.inPhase('prepare', () => prepare(context, holdings))
  await context.inPhase('wire', () => wire(context, programs))
  await context.inPhase('measure', async () => {
    holdings.sampler?.sampleNow()
    holdings.objects.push(await measure(context, programs))
  })
  await context.inPhase('hold', () => context.hold(plan.scenario.run.holdS))
}

async function prepare(context: RunContext, holdings: Holdings): Promise<Programs> {
  context.watch(event => {
    if (event.kind === 'node_up') {
      const { node_id, netns_inode, netns_cookie } = event
      holdings.cookies.set(netns_inode, netns_cookie)
      context.folder.ledger.done('netns_create', { node_id, inode: String(netns_inode), cookie: netns_cookie })
    }
  })
  const programs = await startPrograms(context, { keep: context.plan.scenario.run.keep }, holdings.started)
  const { inode, cookie } = identityFacts(programs.root)
  holdings.cookies.set(Number(inode), String(cookie))
  holdings.sampler = startSampler({
    intervalMs: context.plan.scenario.run.sampleIntervalS * 1000,
    processes: () => [{ name: 'run', pid: process.pid }, ...programsOf(holdings)],
    onSample: sample => context.folder.samples.append(sample),
    clock: context.clock,
    originNs: context.originNs,
  })
  return programs
}

/** Gives everything back and counts the machine again. Each step is taken whatever became of the one before. */
async function finish(
  context: RunContext,
  holdings: Holdings,
  options: RunOptions,
  attempts: Attempts,
): Promise<CensusDifference> {
  const { baseline, lease } = holdings
  const deadlineS = options.hurried.aborted ? 0 : context.plan.scenario.run.teardownDeadlineS
  // A program that could not be started has no pid.
  const pids = programsOf(holdings).flatMap(program => (program.pid > 0 ? program.pid : []))
  const seen = await attempts.take(() => (pids.length > 0 ? [observe(pids)] : []), [])
  holdings.objects.push(...seen)
  const ended = await attempts.take(() => context.inPhase('teardown', () => endPrograms(holdings.started, deadlineS)), {
    facts: {},
    remaining: [],
  })
  Object.assign(context.metrics, ended.facts)
  holdings.sampler?.stop()
  const nothing: CensusDifference = { residue: [], foreign: [] }
  return attempts.take(
    () =>
      context.inPhase('verify', async () => {
        const raised = lease?.values ?? {}
        const released = await attempts.take(async () => lease?.release(), undefined)
        for (const name of released?.changedByOthers ?? [])
          context.warn(`${name} was changed by another program: left as it is`)
        await attempts.take(() => holdings.registration?.close(), undefined)
        if (baseline === null) return nothing
        const objects = mergeObjects(holdings.objects)
        const { cookies } = holdings
        return verify(context, { before: baseline.census, objects, cookies, raised, remaining: ended.remaining })
      }),
    nothing,
  )
}

/** Where the fleets run. MicroVMs are not part of this version, which "auto" says loudly and "vm" refuses. */
function chooseLevel(scenario: Scenario): { readonly level: Level; readonly note: string | null } {
  const { on, count } = scenario.hosts
  if (on === 'vm' || count > 1) {
    const asked = on === 'vm' ? 'hosts.on = "vm"' : `hosts.count = ${count}`
    throw new NslabError('USAGE', {
      problem: `${asked}: this version of nslab runs fleets on this machine only`,
      hint: 'Use --on host and one host.',
    })
  }
  return {
    level: 'host',
    note: on === 'auto' ? 'runs on this machine itself, not in a microVM (hosts.on = "auto")' : null,
  }
}

function describeError(error: unknown, phase: string): NonNullable<Report['error']> {
  if (error instanceof NslabError) {
    const { code, message, hint, exitCode } = error
    return { code, message, phase, exit_code: exitCode, ...(hint === undefined ? {} : { hint }) }
  }
  const message = error instanceof Error ? (error.stack ?? error.message) : String(error)
  return { code: 'BUG', message, phase, exit_code: ExitCode.bug }
}
