// The life of a run: its plan saved before any change, its phases, its outcome saved. Judging comes after, from the
// folder. Whatever happens in between, what was started is ended in order and the machine is counted again.

import { randomBytes } from 'node:crypto'
import { closeSync } from 'node:fs'
import { type Clock, systemClock } from '../../base/clock.ts'
import { NslabError, refusalOf } from '../../base/errors.ts'
import { ExitCode } from '../../base/exit-codes.ts'
import { EMULATOR } from '../../base/soak-metrics.ts'
import type { Scenario } from '../../config/types.ts'
import type { Outcome, Report } from '../../judge/types.ts'
import { diskName, fleetSocketName, keepsDisk, type Plan } from '../../plan.ts'
import type { PhaseName } from '../../protocol/events.ts'
import { LAB_SOCKET } from '../../protocol/lab.ts'
import { installQemu } from '../../vm/install.ts'
import { connectionsCourse } from '../connections/course.ts'
import { readEnvironment } from '../fitness/environment.ts'
import { installParity, needsParity, parityGround } from '../fitness/install-parity.ts'
import { chooseLevel, type LevelChoice } from '../fitness/level.ts'
import type { KeptVms } from '../keep/vms.ts'
import { makePlan, planToJson } from '../plan/plan.ts'
import type { CensusDifference, KeptObjects } from '../site/census-diff.ts'
import type { Ground } from '../site/ground.ts'
import { type Here, LocalGround } from '../site/local-ground.ts'
import { LocalSite } from '../site/local-site.ts'
import type { SampledProcess } from '../site/sampler.ts'
import type { Site } from '../site/site.ts'
import { soakCourse } from '../soak/course.ts'
import { readCanaryBook } from '../state/canary-book.ts'
import type { LiveRegistration, LiveRunChange } from '../state/live-runs.ts'
import { LabSocket } from '../visit/socket.ts'
import { VmGround } from '../vm/ground.ts'
import { needsOfVms } from '../vm/load.ts'
import { type Admission, admitRun } from './admission.ts'
import { Attempts } from './attempts.ts'
import { RunContext } from './context.ts'
import type { Course } from './course.ts'
import { teardownLimitS } from './deadlines.ts'
import { requireFeasible } from './faults.ts'
import { fleetCourse } from './fleet-course.ts'
import { Hosts } from './hosts.ts'
import { takeBaselines, verifySites } from './phases.ts'
import type { Progress } from './progress.ts'
import { labOf } from './run-lab.ts'

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
  /** A plan that is there already, in place of the one that the scenario gives; it names no folder. */
  readonly repeated?: RepeatedPlan
  /** What this machine itself is, where that is known: a run inside a guest has the guest's level. */
  readonly here?: Here & { readonly notes: readonly string[] }
}

export interface RepeatedPlan {
  readonly plan: Plan
  /** Run folder in place of a new one. */
  readonly out: string | undefined
}

export interface RunResult {
  readonly folder: string
  /** VMs that stay after the run, which is over: they end with this process, or by its doing. */
  readonly kept?: KeptVms | null
  /** What went wrong with writing the run folder, if anything. */
  readonly diskError: NslabError | null
  /** A bug in nslab that ended the run. */
  readonly bug: unknown
}

/** What a run has at the moment, so that it can be given back whatever happens. */
interface Holdings {
  readonly local: LocalSite
  readonly ground: Ground
  readonly course: Course
  readonly remaining: string[]
  readonly found: CensusDifference[]
  /** People's way to the links and into the VMs, while they are there. */
  lab: LabSocket | null
  kept: KeptVms | null
  baselineTaken: boolean
  registration: LiveRegistration | null
}

/**
 * Runs a scenario to its outcome. Throws only before anything was made (NOT_FIT, USAGE, DISK_REFUSED); after that
 * every end, also an interrupted or failed one, is an outcome to be judged.
 */
export async function runScenario(options: RunOptions): Promise<RunResult> {
  const clock = options.clock ?? systemClock
  const originNs = clock.nowNs()
  const { scenario } = options
  const { plan, out } = options.repeated ?? { plan: makePlan(scenario), out: scenario.run.out }
  const { here } = options
  const choice: LevelChoice =
    here === undefined ? await chooseLevel(scenario, installQemu) : { level: here.level, vms: null, notes: here.notes }
  if (needsParity(scenario)) await installParity(parityGround(scenario, choice.vms !== null))
  requireFeasible(scenario.faults, choice.vms === null)
  const runId = randomBytes(16).toString('hex')
  const { name, seed } = scenario
  const inVms = choice.vms !== null
  const { folder, limits, register } = await admitRun({
    runId,
    needs: inVms ? needsOfVms(plan) : plan.needs,
    inVms,
    folder: { base: options.base, scenario: name, seed, out, clock, originNs },
  })
  options.onFolder(folder.path)
  const { onProgress, onWarning } = options
  const context = new RunContext({ plan, folder, clock, runId, level: choice.level, onProgress, onWarning })
  const emulators = (): SampledProcess[] =>
    holdings.ground.vms.map(({ name, pid }) => ({ name: `${EMULATOR}:${name}`, pid, waits: true }))
  const local = localSite(context, () => holdings.kept?.objects, emulators)
  const ground = choice.vms === null ? new LocalGround(local, here) : new VmGround(context, choice.vms)
  const holdings: Holdings = {
    local,
    ground,
    course: courseOf(context, ground),
    remaining: [],
    found: [],
    lab: null,
    kept: null,
    baselineTaken: false,
    registration: null,
  }
  const unhook = hook(context, holdings, options)
  const attempts = new Attempts()
  const notes = [...choice.notes, ...limits]
  await attempts.take(() => drive(context, holdings, options, { notes, register }), undefined)
  const failedPhase = context.phase
  folder.tolerateFailures()
  await finish(context, holdings, options, attempts)
  unhook()

  const error = errorOf(context, attempts.failure, options) ?? folder.failure
  const outcome: Outcome = {
    metrics: context.metrics,
    ...differenceOf(context, holdings),
    error: error === null ? null : describeError(error, failedPhase),
    notes: context.notes,
  }
  folder.flush()
  folder.writeJson('outcome.json', outcome)
  folder.close()
  const bug = error instanceof NslabError ? null : error
  return { folder: folder.path, diskError: folder.failure, bug, kept: holdings.kept }
}

/** What the scenario asks for: a fleet, a soak, or a load of connections. */
function courseOf(context: RunContext, ground: Ground): Course {
  const { connections, soak } = context.plan.scenario
  if (soak !== undefined) return soakCourse(context, ground)
  if (connections !== undefined) return connectionsCourse(context, ground)
  const admit = async (site: Site): Promise<void> => {
    await takeBaselines(context, [site])
    await sample(context, ground, site)
  }
  return fleetCourse(context, ground, new Hosts(context, ground, admit))
}

/** What ended the run. VMs that were switched off in a hurry ended because somebody wanted it. */
function errorOf(context: RunContext, failure: unknown, { hurried }: RunOptions): unknown {
  const isConsequence = hurried.aborted && failure instanceof NslabError && failure.code === 'VM_FAILED'
  return (isConsequence ? context.abortError : null) ?? failure ?? context.abortError
}

/** This machine as a site of the run. */
function localSite(
  context: RunContext,
  kept: () => KeptObjects | undefined,
  emulators: () => readonly SampledProcess[],
): LocalSite {
  const { folder, runId, clock, originNs } = context
  return new LocalSite({
    name: 'local',
    runId,
    clock,
    originNs,
    planPath: folder.file('plan.json'),
    folder: folder.path,
    console: name => {
      const file = `console/${name}.log`
      const fd = folder.openAppend(file)
      return { fd, lastWords: () => folder.lastLines(file), release: () => closeSync(fd) }
    },
    uplinkCard: null,
    alsoSampled: () => [{ name: 'run', pid: process.pid }, ...emulators()],
    kept,
    pause: durationS => context.hold(durationS),
    onDeed: (state, op, facts) => folder.ledger[state](op, facts),
  })
}

/** The first signal ends the run in order; the second ends programs and VMs at once, in whatever phase. */
function hook(context: RunContext, { ground, course }: Holdings, { interrupted, hurried }: RunOptions): () => void {
  const onInterrupt = (): void => context.abort(new NslabError('INTERRUPTED', { signal: interrupted.reason }))
  const onHurry = (): void => {
    course.crew.hurry()
    ground.hurry()
  }
  interrupted.addEventListener('abort', onInterrupt)
  hurried.addEventListener('abort', onHurry)
  if (interrupted.aborted) onInterrupt()
  return () => {
    interrupted.removeEventListener('abort', onInterrupt)
    hurried.removeEventListener('abort', onHurry)
  }
}

/** From nothing to the end of what the scenario asks for. */
async function drive(
  context: RunContext,
  holdings: Holdings,
  options: RunOptions,
  { notes, register }: Pick<Admission, 'register'> & { readonly notes: readonly string[] },
): Promise<void> {
  const { folder, plan } = context
  const { course, ground, local } = holdings
  // Both may hold a token or a password.
  folder.writeText('scenario.toml', options.scenarioText, 0o600)
  folder.writeText('plan.json', planToJson(plan), 0o600)
  const { runId, level, clock } = context
  const { accelerator } = ground
  const environment = {
    ...(await readEnvironment({ runId, level, accelerator, clock })),
    ...(plan.scenario.soak === undefined ? {} : { gates_seen_red: readCanaryBook() }),
  }
  folder.writeJson('environment.json', environment)
  for (const warning of [...notes, ...plan.scenario.warnings]) context.warn(warning)

  await context.inPhase('preflight', async () => {
    holdings.registration = register()
    holdings.registration.change(entryOf(context, holdings, options))
    if (ground.isHere) settleMemory(context, holdings.registration)
  })
  await context.inPhase('census', async () => {
    context.metrics.memory_before_bytes = await takeBaselines(context, [local], !ground.isHere)
    holdings.baselineTaken = true
  })
  context.requireGoingOn()
  if (!ground.isHere)
    await context.inPhase('boot', async () => {
      await ground.open()
      folder.writeJson('environment.json', { ...environment, guests: ground.guests })
      context.metrics.memory_before_bytes = await takeBaselines(context, ground.sites)
    })
  if (hasLab(holdings, options)) {
    const { links, whereIs } = course
    holdings.lab = await LabSocket.open(folder.file(LAB_SOCKET), labOf(context, ground, whereIs, links))
  }
  await course.drive(() => startSampling(context, holdings))
}

/** Samples of this machine, and of each guest under its name. */
async function startSampling(context: RunContext, { ground, local }: Holdings): Promise<void> {
  for (const site of new Set([local, ...ground.sites])) await sample(context, ground, site)
}

function sample({ plan, folder }: RunContext, { isHere }: Ground, site: Site): Promise<void> {
  return site.sampleEvery(plan.scenario.run.sampleIntervalS, taken =>
    folder.samples.append(isHere ? taken : { site: site.name, ...taken }),
  )
}

/** Whether people can reach its VMs or its links. Nobody is inside a guest that is a run of its own. */
const hasLab = ({ course, ground }: Holdings, { here }: RunOptions): boolean =>
  !ground.isHere || (course.links !== null && here === undefined)

/** What people may reach of the run, and what a crash of it leaves. */
function entryOf({ folder, plan }: RunContext, holdings: Holdings, options: RunOptions): LiveRunChange {
  const { course, ground } = holdings
  const lab = hasLab(holdings, options) ? [LAB_SOCKET] : []
  const disks = plan.hosts.filter(host => keepsDisk(plan, host)).map(diskName)
  return {
    sockets: plan.fleets.map(fleet => ({
      path: folder.file(fleetSocketName(plan, fleet)),
      node_ids: [fleet.nodeIdOffset + 1, fleet.nodeIdOffset + fleet.nNodes] as const,
    })),
    ...(ground.isHere ? {} : { lab_socket: folder.file(LAB_SOCKET) }),
    ...(lab.length === 0 || course.links === null ? {} : { links_socket: folder.file(LAB_SOCKET) }),
    temporary: [
      ...plan.fleets.map(fleet => fleetSocketName(plan, fleet)),
      ...lab,
      ...(plan.scenario.run.keep ? [] : ['db', ...disks]),
    ],
  }
}

/** Phases in which all is there. */
const SETTLED: ReadonlySet<PhaseName> = new Set(['measure', 'warm', 'hold'])

/** What the kernel has for namespaces is no process': from then on it is in the machine's own figures, and no claim. */
function settleMemory(context: RunContext, registration: LiveRegistration): void {
  const stop = context.watch(event => {
    if (event.kind !== 'phase_started' || !SETTLED.has(event.phase)) return
    stop()
    // On a full disk the claim stays for as long as the run does.
    refusalOf(() => registration.change({ memory_bytes: undefined }))
  })
}

/** Gives everything back and counts the machine again. Each step is taken whatever became of the one before. */
async function finish(context: RunContext, holdings: Holdings, options: RunOptions, attempts: Attempts): Promise<void> {
  const { ground, course, local, remaining, found } = holdings
  const { crew } = course
  const { hurried } = options
  const deadlineS = (): number => (hurried.aborted ? 0 : teardownLimitS(context))
  // Commands of people in the guests would count as the run's.
  await attempts.take(() => holdings.lab?.close('ends, or is kept, with its run: nslab vms'), undefined)
  const nothing = { facts: {}, remaining: [] }
  for (const site of ground.sites) await attempts.take(() => site.observe(), undefined)
  await attempts.take(
    () =>
      context.inPhase('teardown', async () => {
        const ended = await attempts.take(() => crew.end(deadlineS()), nothing)
        Object.assign(context.metrics, ended.facts)
        remaining.push(...ended.remaining)
        await attempts.take(() => local.end(), undefined)
      }),
    undefined,
  )
  await attempts.take(
    () =>
      context.inPhase('verify', async () => {
        const cookiesOf = (site: Site) => crew.cookiesOf(site)
        if (!ground.isHere && !hurried.aborted)
          await attempts.take(async () => found.push(await verifySites(context, ground.sites, cookiesOf)), 0)
        holdings.kept = await attempts.take(() => keepVms(context, holdings, options), null)
        if (holdings.kept === null) {
          remaining.push(...(await attempts.take(() => ground.close(deadlineS()), [])))
          await attempts.take(() => holdings.registration?.close(), undefined)
        }
        found.push(await verifySites(context, [local], cookiesOf))
      }),
    undefined,
  )
  holdings.kept = await attempts.take(() => serveKept(context, holdings), null)
}

/** The VMs that stay: where that is wanted, and the run has come to its end by itself, however it went. */
async function keepVms(
  { notes, plan }: RunContext,
  { ground }: Holdings,
  { interrupted, hurried }: RunOptions,
): Promise<KeptVms | null> {
  if (!plan.scenario.run.keep || interrupted.aborted || hurried.aborted) return null
  const kept = await ground.keep()
  if (kept !== null) {
    const { names, objects } = kept
    const what = `${names.join(', ')} (process${names.length === 1 ? '' : 'es'} ${objects.pids.join(', ')})`
    notes.push(`kept running, which is no residue: ${what}; the fleets have ended; nslab stop ends the rest`)
  }
  return kept
}

/** Opens the way into VMs that were kept. VMs that nobody could enter are not kept. */
async function serveKept({ folder }: RunContext, { kept, registration }: Holdings): Promise<KeptVms | null> {
  try {
    await kept?.serve(folder.file(LAB_SOCKET), () => registration?.close())
    if (kept !== null) registration?.keep()
    return kept
  } catch (error) {
    registration?.close()
    await kept?.stop(null, true)
    throw error
  }
}

/** Everything found, counted; where the machine was never counted before, there is nothing to compare. */
function differenceOf(context: RunContext, { found, remaining, baselineTaken }: Holdings): CensusDifference {
  const residue = [...remaining, ...found.flatMap(one => one.residue)]
  if (baselineTaken) context.metrics.residue_count = residue.length
  return { residue, foreign: found.flatMap(one => one.foreign) }
}

/** An error as outcome.json has it. */
export function describeError(error: unknown, phase: string): NonNullable<Report['error']> {
  if (error instanceof NslabError) {
    const { code, message, hint, exitCode } = error
    return { code, message, phase, exit_code: exitCode, ...(hint === undefined ? {} : { hint }) }
  }
  const message = error instanceof Error ? (error.stack ?? error.message) : String(error)
  return { code: 'BUG', message, phase, exit_code: ExitCode.bug }
}
