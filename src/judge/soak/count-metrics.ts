// Metrics of a soak that are counted: operations, namespaces, sockets, rows, polls, and the observer's own life.

import { CACHED_NAMESPACES } from '../../base/soak-metrics.ts'
import type { NetnsKind } from '../../protocol/churn.ts'
import { known, type Metric, type Reading, unknown } from '../metric.ts'
import { readPhases } from '../phases.ts'
import type { History } from '../types.ts'
import { toNanosecond } from '../units.ts'
import type { Finding, Findings } from './findings.ts'
import { noiseOf } from './noise.ts'
import { namespacesOf, observedSamples, observerPids } from './processes.ts'
import type { SoakFacts } from './read.ts'
import { doneRatio, requestedOps } from './schedule.ts'
import type { KindFacts } from './tally.ts'
import { netnsKinds } from './truth.ts'

export type Derive = (facts: SoakFacts, history: History) => Metric

/** How often, and the first one as evidence. */
const counted = (findings: Findings, of: string, others: readonly Reading[] = []): Metric =>
  known(findings.count, howOften(findings, of), others)

const howOften = ({ count, earliest }: Findings, of: string): string =>
  count === 0 ? `none ${of}` : firstOf(count, earliest)

export function firstOf(count: number, findings: readonly Finding[]): string {
  const [first] = findings
  const at = first === undefined ? '' : `at ${first.t_s.toFixed(3)} s ${first.words}`
  return count === 1 ? at : `the first of ${count}: ${at}`
}

const ofSum = (kinds: readonly KindFacts[], key: keyof KindFacts): number =>
  kinds.reduce((sum, facts) => sum + facts[key], 0)

/** Facts of the kinds that the observer can find. */
function seeing({ tally, observer }: SoakFacts): KindFacts[] {
  return netnsKinds.filter(kind => !observer.blindKinds.has(kind)).map(kind => tally.kinds[kind])
}

const notObserving = (facts: SoakFacts): Metric | null =>
  facts.wasObserving ? null : unknown('the observer said nothing')

function ratio(part: number, whole: number, of: string, findings: readonly Finding[]): Metric {
  if (whole === 0) return unknown(`no ${of}, so nothing was judged`)
  const words = `${part} of ${whole} ${of}`
  return known(part / whole, part === whole ? words : `${words}; ${firstOf(whole - part, findings)}`)
}

function recallOf(facts: SoakFacts, kinds: readonly NetnsKind[]): Metric {
  const { tally, plan } = facts
  const judged = kinds.map(kind => tally.kinds[kind])
  const missed = kinds.flatMap(kind => tally.missed[kind].earliest).sort((one, other) => one.t_s - other.t_s)
  const of = `namespaces that lived ${plan.minLifeS} s or longer were found`
  return notObserving(facts) ?? ratio(ofSum(judged, 'seen'), ofSum(judged, 'judged'), of, missed)
}

function kindRecall(facts: SoakFacts, kind: NetnsKind): Metric {
  if (facts.observer.blindKinds.has(kind))
    return unknown(`a declared blind spot: ${facts.tally.kinds[kind].judged} namespaces of kind ${kind} are not judged`)
  return recallOf(facts, [kind])
}

/**
 * On a machine too noisy for times, sockets that were only missed since their namespaces were found too late for any
 * poll tell nothing: how late those were found is no verdict there, either.
 */
function socketRecall(facts: SoakFacts, { samples }: History): Metric {
  const kinds = netnsKinds.filter(kind => !facts.observer.blindKinds.has(kind))
  const judged = seeing(facts)
  const missed = kinds.flatMap(kind => facts.tally.missedSockets[kind].earliest)
  missed.sort((one, other) => one.t_s - other.t_s)
  const seen = ofSum(judged, 'socketsSeen')
  const of = 'sockets that were there throughout a whole poll were seen'
  const all = ofSum(judged, 'socketsJudged')
  const metric = notObserving(facts) ?? ratio(seen, all, of, missed)
  const { why } = noiseOf(samples, facts)
  if (!metric.known || why === null || all === seen || all - seen > ofSum(judged, 'socketsLate')) return metric
  return { ...metric, doubt: { of: 'both', why: `${why}; namespaces were found too late for any poll` } }
}

/** A socket that every poll but one leaves out has been seen. */
function socketSightings(facts: SoakFacts): Metric {
  const { missedSightings, sightingsDueCount: due } = facts.tally
  const of = 'sightings that were due: each socket in each poll that it was there throughout'
  return notObserving(facts) ?? ratio(due - missedSightings.count, due, of, missedSightings.earliest)
}

function precision(facts: SoakFacts): Metric {
  const { foundTrueCount, strangers } = facts.tally
  const { foundBefore, passedCount, false: never } = strangers
  const truly = foundTrueCount + foundBefore.count + passedCount
  const byTime = facts.truth.there === null ? ' (by their times: nobody listed them)' : ''
  const of =
    `namespaces found truly were, ${foundBefore.count} of them there before churning${byTime}, ` +
    `${passedCount} on the way to a fault or in vain`
  return notObserving(facts) ?? ratio(truly, truly + never.count, of, never.earliest)
}

function socketPrecision(facts: SoakFacts): Metric {
  const { socketsMatchedCount: matched, falseSockets } = facts.tally
  const of = "sockets seen under churn's namespaces truly were there"
  return notObserving(facts) ?? ratio(matched, matched + falseSockets.count, of, falseSockets.earliest)
}

/**
 * What the sockets' own counts of rows say, beside what the polls say; equal, or the doubled ones left out: no news.
 */
function rowsElsewhere({ polls, rowsSeenCount }: SoakFacts): Reading[] {
  const { rowsStoredCount, rowsSentCount, rowsDoubled, rowsDropped } = polls
  if (rowsSeenCount === rowsStoredCount || rowsSeenCount === rowsStoredCount - rowsDoubled.count) return []
  const lost = Math.max(0, rowsSentCount - rowsDropped.count - rowsSeenCount)
  return [{ value: lost, evidence: `the rows of all sockets together: ${rowsSeenCount}` }]
}

/** What the page of its own would tell nobody knows where it could not be read. */
function rowsLost(facts: SoakFacts): Metric {
  const metric = rowsTold(facts)
  const { unread } = facts.pages
  if (!metric.known || unread === null) return metric
  const why = `whether whole polls are missing is not known, for the observer's page was never read: ${unread}`
  return { ...metric, doubt: { of: 'pass', why } }
}

function rowsTold(facts: SoakFacts): Metric {
  const { rowsLost: lost, rowsSentCount: told } = facts.polls
  const { count, mayBe } = facts.pages.untold()
  const words = (untold: number): string =>
    `its polls tell of ${told} rows, its page of ${told + untold}: whole polls are missing`
  const others = count === mayBe ? [] : [{ value: lost.count + mayBe, evidence: `case that ${words(mayBe)}` }]
  if (count === 0) return counted(lost, 'was lost', [...rowsElsewhere(facts), ...others])
  const evidence = lost.count === 0 ? words(count) : `${words(count)}; ${howOften(lost, 'was lost')}`
  return known(lost.count + count, evidence, others)
}

const pollsOf = (facts: SoakFacts, metric: () => Metric): Metric =>
  notObserving(facts) ?? (facts.polls.wholeCount === 0 ? unknown('no poll of all namespaces ended') : metric())

/**
 * None of the sources can see a kill that was not there, so the one that saw most is right: how the observer ended,
 * with the kernel's word for it; the count of its own control group, which has those of its children, too; and the
 * kernel's own log, which of guests is in the events.
 */
function oomKills({ observer }: SoakFacts, { events }: History): Metric {
  const told = events.filter(
    event => event.kind === 'kernel_message' && /out of memory: killed process|oom-kill:/i.test(event.message),
  )
  const { groupKills, oomKills: ended } = observer
  const most = Math.max(ended.count, told.length, groupKills?.count ?? 0)
  const group = groupKills === null ? '' : `; ${groupKills.count} by the count of its control group`
  const log = told.length === 0 ? '' : `; the kernel's log has ${told.length}, first at ${told[0]?.t_s.toFixed(3)} s`
  return known(most, `${howOften(ended, 'ended by SIGKILL for want of memory')}${group}${log}`)
}

/**
 * Neither source can see a process that was not there, so the one that saw more is right: the soak program may miss a
 * restart within the observer's own command, and samples one that ended soon.
 */
function ownStarts({ observer }: SoakFacts, { samples }: History): Metric {
  const pids = observerPids(samples)
  const told = observer.starts
  if (told.count === 0 && pids.length === 0) return unknown('no process of the observer was seen')
  const later = told.count >= pids.length ? told.earliest.slice(1) : []
  const [next] = later.length > 0 ? later : pids.slice(1)
  const again = next === undefined ? '' : `; again at ${next.t_s.toFixed(3)} s`
  return known(
    Math.max(told.count, pids.length),
    `${told.count} told by the soak program, ${pids.length} seen in samples${again}`,
  )
}

/** Each process but a last one that still runs has ended: what nobody told of was not wanted. */
function ownExits(facts: SoakFacts, history: History): Metric {
  const started = ownStarts(facts, history)
  const { exits: told, unwantedExits, lastStartS, lastExitS } = facts.observer
  const lastSeenS = observerPids(history.samples).at(-1)?.t_s ?? Number.NEGATIVE_INFINITY
  const running = lastExitS > Math.max(lastStartS, lastSeenS) ? 0 : 1
  const untold = started.known ? Math.max(0, started.value - told.count - running) : 0
  if (untold === 0 || !started.known) return counted(unwantedExits, 'ended unasked')
  return known(unwantedExits.count + untold, `${started.evidence}; ${untold} ended untold`)
}

/** With those of processes that it had started and that stay: behind a shell it is one of them that observes. */
function withChildren(own: Derive, of: 'ends' | 'restarts'): Derive {
  return (facts, history) => {
    const metric = own(facts, history)
    const lost = facts.children.lost(facts.churned)[of]
    if (!metric.known || lost.length === 0) return metric
    const words = `${firstOf(lost.length, lost)}; what is to come and go is named in sut.helpers`
    return { ...metric, value: metric.value + lost.length, evidence: `${metric.evidence}; ${words}` }
  }
}

/**
 * By churn's witness, and by the kernel's own count before the first namespace and after the last: of a guest, which is
 * the run's alone. On a machine of others it is theirs as well, and only told.
 */
function left({ truth }: SoakFacts, { samples, events }: History): Metric {
  const value = truth.madeCount - truth.goneCount
  const evidence = `${truth.madeCount} made, ${truth.goneCount} gone from the kernel`
  const filledS = readPhases(events).phases.find(({ name }) => name === 'fill')?.start_s ?? 0
  const counts = namespacesOf(samples)
  const [before, after] = [counts.findLast(([t]) => t <= filledS), counts.at(-1)]
  if (!before || !after || after[0] < truth.lastS) return known(value, evidence)
  const words = `the kernel's own count: ${before[1]} at ${before[0].toFixed(1)} s, ${after[1]} at ${after[0].toFixed(1)} s`
  const isGuests = observedSamples(samples).some(({ site }) => site !== undefined)
  if (!isGuests) return known(value, `${evidence}; ${words}, those of others too`)
  const more = after[1] - before[1] - value
  return known(
    value,
    `${evidence}; ${words}`,
    more > CACHED_NAMESPACES ? [{ value: value + more, evidence: words }] : [],
  )
}

function opsDone(facts: SoakFacts): Metric {
  const { truth } = facts
  const { end, doneCount, fillCount, failed } = truth
  const told = end === null ? [] : [{ value: end.ops_count - fillCount - failed.count, evidence: "churn's last line" }]
  return known(
    doneCount,
    `${requestedOps(facts)} were due; ${(100 * doneRatio(facts)).toFixed(1)} % began in time`,
    told,
  )
}

const perS = (count: number, { churned }: SoakFacts, of: string): Metric => {
  if (churned === null || churned.toS <= churned.fromS) return unknown('churning took no time')
  const tookS = churned.toS - churned.fromS
  return known(count / tookS, `${count} ${of} in ${tookS.toFixed(3)} s`)
}

function misattributed({ tally: { suspects } }: SoakFacts): Metric {
  const metric = counted(suspects.misattributed, 'was seen under another namespace')
  const why = `whose ${suspects.unasked} more sockets are that were seen where they are not was not asked: too many`
  return metric.known && suspects.unasked > 0 ? { ...metric, doubt: { of: 'pass', why } } : metric
}

function judgedWords({ plan, tally, truth, observer }: SoakFacts): string {
  const judged = ofSum(
    netnsKinds.map(kind => tally.kinds[kind]),
    'judged',
  )
  const briefly = truth.madeCount - judged
  const blind = observer.blindKinds.size === 0 ? '' : '; those of blind spots are in netns_blind_count'
  return `lived ${plan.minLifeS} s or longer; ${briefly} more did not${blind}`
}

export const churnCounts: Readonly<Record<string, Derive>> = {
  churn_ops_count: opsDone,
  churn_ops_per_s: facts => perS(facts.truth.doneCount, facts, 'operations'),
  churn_ops_requested_per_s: facts => perS(requestedOps(facts), facts, 'operations due'),
  churn_failed_count: ({ truth }) => counted(truth.failed, 'was refused'),
  namespaces_made_count: ({ truth }) => known(truth.madeCount, `${truth.fillCount} of them by the first fill`),
  namespaces_live_max_count: ({ truth }) => known(truth.living().most, 'from their existence to their drop'),
  kernel_namespaces_left_count: left,
}

/** What both files are needed for. */
export const joinedCounts: Readonly<Record<string, Derive>> = {
  netns_judged_count: facts => notObserving(facts) ?? known(ofSum(seeing(facts), 'judged'), judgedWords(facts)),
  netns_recall_ratio: facts =>
    recallOf(
      facts,
      netnsKinds.filter(kind => !facts.observer.blindKinds.has(kind)),
    ),
  ...Object.fromEntries(
    netnsKinds.map(kind => [`netns_recall_${kind}_ratio`, (facts: SoakFacts) => kindRecall(facts, kind)]),
  ),
  netns_precision_ratio: precision,
  netns_forgotten_early_count: facts =>
    notObserving(facts) ?? counted(facts.tally.forgottenEarly, 'was called gone while it lived'),
  netns_forgotten_never_count: facts =>
    notObserving(facts) ?? counted(facts.tally.neverForgotten, 'that was found and is gone was not forgotten'),
  netns_blind_count: facts => {
    const blind = netnsKinds.filter(kind => facts.observer.blindKinds.has(kind))
    const count = ofSum(
      blind.map(kind => facts.tally.kinds[kind]),
      'judged',
    )
    return notObserving(facts) ?? known(count, blind.length === 0 ? 'no kind is declared' : `of ${blind.join(', ')}`)
  },
  sockets_judged_count: facts =>
    notObserving(facts) ??
    known(
      ofSum(seeing(facts), 'socketsJudged'),
      `${facts.tally.socketsUnjudgedCount} more were there throughout no whole poll`,
    ),
  socket_recall_ratio: socketRecall,
  socket_sightings_ratio: socketSightings,
  socket_precision_ratio: socketPrecision,
  sockets_misattributed_count: facts => notObserving(facts) ?? misattributed(facts),
}

const said = (value: number | null): Metric =>
  value === null ? unknown('the observer does not say') : known(value, 'blind lines')

export const observedCounts: Readonly<Record<string, Derive>> = {
  rows_sent_count: f => pollsOf(f, () => known(f.polls.rowsSentCount, 'polled lines')),
  rows_stored_count: f => pollsOf(f, () => known(f.polls.rowsStoredCount, 'polled lines')),
  rows_lost_count: f => pollsOf(f, () => rowsLost(f)),
  rows_doubled_count: f => pollsOf(f, () => counted(f.polls.rowsDoubled, 'was doubled')),
  rows_dropped_count: f => pollsOf(f, () => counted(f.polls.rowsDropped, 'was dropped')),
  polls_count: f => pollsOf(f, () => known(f.polls.wholeCount, 'polled lines')),
  poll_silence_max_s: f =>
    pollsOf(f, () => {
      if (f.churned === null) return unknown('churning never began')
      const { lengthS, sinceS } = f.polls.silence(f.churned.fromS, f.churned.toS)
      return known(toNanosecond(lengthS), `no poll ended from ${sinceS.toFixed(3)} s on`)
    }),
  dumps_incomplete_count: f => pollsOf(f, () => counted(f.polls.incomplete, 'was incomplete')),
  unreadable_processes_max_count: ({ observer }) => said(observer.unreadableProcessesMax),
  unopened_namespaces_max_count: ({ observer }) => said(observer.unopenedNamespacesMax),
  unresolved_sockets_max_count: ({ observer }) => said(observer.unresolvedSocketsMax),
  large_process_apart_max_s: ({ observer }) => said(observer.largeApartMaxS),
}

/** What the soak program saw of the observer's processes, whether it tells what it finds or not. */
export const lifeCounts: Readonly<Record<string, Derive>> = {
  observer_starts_count: withChildren(ownStarts, 'restarts'),
  observer_exits_count: withChildren(ownExits, 'ends'),
  oom_kills_count: oomKills,
  log_matches_count: ({ observer }) => counted(observer.logMatches, 'was seen'),
  lines_malformed_count: ({ observer }) => counted(observer.malformed, 'was of another form'),
}
