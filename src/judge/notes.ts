// Doubt and advice beside the verdict: what a reader should know before believing the figures.

import { hasTraffic } from '../config/has-traffic.ts'
import type { Plan } from '../plan.ts'
import { inOrder, type Timeline } from './timeline.ts'
import { readTraffic } from './traffic/account.ts'
import type { History } from './types.ts'

/** Share of time, in percent, that something waited for a processor before the run had begun to work. */
const BUSY_CPU_PERCENT = 20
const NAMES_MAX = 5

/** Notes of the run itself first, then those that follow from its data; each once. */
export function notesOf(history: History, time: Timeline, openPhases: readonly string[]): string[] {
  const plan = history.plan as Plan
  return [
    ...new Set([
      ...(history.outcome?.notes ?? []),
      ...plannedWarnings(plan),
      ...(history.damage ?? []).map(d => `${d.file}${d.line ? ` line ${d.line}` : ''} is ${d.kind}: ${d.problem}`),
      ...openPhases.map(phase => `phase ${phase} did not end; its time counts up to the last event`),
      ...storeNotes(history),
      ...errorNotes(history),
      // There others have no part in a guest's time; what it shows is its own boot.
      ...(plan.scenario.run?.deterministic ? [] : busyNotes(history, time)),
      ...trafficNotes(history),
      ...foreignNotes(history),
      ...canaryNotes(history),
    ]),
  ]
}

/** Which gates nobody has ever seen to fail on the machine of the soak. */
function canaryNotes({ plan, environment }: History): string[] {
  const { gates_seen_red: seen } = environment
  if (seen === undefined) return []
  const metrics = [...new Set((plan as Plan).scenario.gates.map(({ metric }) => metric))]
  const never = metrics.filter(metric => seen[metric] === undefined)
  if (never.length === metrics.length)
    return ['no gate was ever seen to fail on this machine: nslab selfcheck shows that they do']
  const last = Object.values(seen).reduce((one, other) => (one.at > other.at ? one : other))
  return [
    `seen to fail on its canary, the last on ${last.at.slice(0, 10)} with nslab ${last.version}: ${metrics.length - never.length} of ${metrics.length} metrics with a gate; never: ${never.join(', ') || 'none'}`,
  ]
}

function plannedWarnings({ scenario }: Plan): string[] {
  return [scenario.warnings, scenario.controller?.warnings, scenario.dataplane?.warnings].flatMap(list => list ?? [])
}

function storeNotes(history: History): string[] {
  const store = history.events.find(event => event.kind === 'database_ready')
  if (!store || store.persisted) return []
  return [`nothing was persisted: the store is in memory${store.reason ? ` (${store.reason})` : ''}`]
}

/** What programs told as an error and lived on with: no gate may be about it, and the reader is to know. */
function errorNotes({ events, outcome, soak }: History): string[] {
  // A soak opens with what broke.
  if (soak) return []
  const ended = outcome?.error?.message
  const errors = inOrder(events).flatMap(event => {
    if (event.kind === 'error' && event.message !== ended) return [`${event.from}: error: ${event.message}`]
    if (event.kind !== 'database_lost') return []
    const back = events.find(({ kind, t_s }) => kind === 'database_back' && t_s >= event.t_s)
    const until = back === undefined ? 'and did not get it back' : `until ${formatS(back.t_s)}`
    return [`${event.from}: lost its database at ${formatS(event.t_s)} (${event.reason ?? 'no reason'}) ${until}`]
  })
  const more = errors.length > NAMES_MAX ? [`${errors.length - NAMES_MAX} more errors are in events.ndjson`] : []
  return [...errors.slice(0, NAMES_MAX), ...more]
}

const formatS = (seconds: number): string => `${seconds.toFixed(1)} s`

/** The first sample is taken before anything is built: whatever it shows is others' work. */
function busyNotes(history: History, time: Timeline): string[] {
  const first = history.samples[0]
  const cpus = history.environment.cpus_count
  if (!first || (time.firstArrivalS !== null && first.t_s > time.firstArrivalS)) return []
  const notes: string[] = []
  if (cpus > 0 && first.load_1m > cpus) {
    notes.push(`the machine was busy before wiring: load ${first.load_1m} on ${cpus} processors; times may be too long`)
  }
  if (first.pressure && first.pressure.cpu_some > BUSY_CPU_PERCENT) {
    notes.push(
      `others waited for a processor ${first.pressure.cpu_some} % of the time before wiring; repeat when it is quiet`,
    )
  }
  return notes
}

/** Of links that broke while there was traffic: what was on them is lost, and held against nobody. */
function trafficNotes(history: History): string[] {
  if (history.soak || !hasTraffic((history.plan as Plan).scenario) || history.damage?.length) return []
  const facts = readTraffic(history)
  if (typeof facts === 'string' || facts.broken.length === 0) return []
  const { broken, lostWithLinks } = facts
  const more = broken.length > NAMES_MAX ? ` and ${broken.length - NAMES_MAX} more` : ''
  const names = broken.slice(0, NAMES_MAX).map(({ link }) => link)
  return [
    `links broke while there was traffic: ${names.join(', ')}${more}; ${lostWithLinks} packets were under way on them`,
  ]
}

function foreignNotes(history: History): string[] {
  const foreign = history.outcome?.foreign ?? []
  if (foreign.length === 0) return []
  const more = foreign.length > NAMES_MAX ? ` and ${foreign.length - NAMES_MAX} more` : ''
  return [
    `others changed this machine meanwhile, which is not held against the run: ${foreign.slice(0, NAMES_MAX).join(', ')}${more}`,
  ]
}
