// The hold of a run: nothing, or faults done to its hosts or links and undone again. After each the wiring must be
// proven anew.

import { allOf } from '../../base/all-of.ts'
import { NslabError } from '../../base/errors.ts'
import type { FaultConfig } from '../../config/types.ts'
import type { HostPlan } from '../../plan.ts'
import { type FramesHit, isImpairmentFelt } from '../../protocol/impairment.ts'
import type { Ground, HostFrames } from '../site/ground.ts'
import type { RunContext } from './context.ts'
import { DEADLINE_SCALE } from './deadlines.ts'
import type { Hosts } from './hosts.ts'
import { missingMembers } from './phases.ts'

export interface HoldParts {
  readonly context: RunContext
  readonly hosts: Hosts
  readonly ground: Ground
  /** Nothing gets from either node to the other any more, or all again. */
  readonly cutLink: (link: readonly [number, number], cut: boolean) => Promise<void>
  /** Shows that every link is as planned; rejects with DEADLINE where that takes too long. */
  readonly prove: () => Promise<void>
  /** Whether a token gets round within `limitS`; null where the topology has no round. */
  readonly getsRound: (limitS: number) => Promise<boolean | null>
}

/** A token that goes round does so in much less. */
const FEEL_LIMIT_S = 5
/** One that does not come round in less may just be slow. */
const FEEL_LEAST_S = 0.25

/** Tokens that go round while frames are impaired, so that there are frames: each crosses hosts a few times. */
const STIRRING_WALKS_MAX = 50

/** Why hosts on one machine can't have it. */
const ONLY_VMS: Readonly<Partial<Record<FaultConfig['op'], string>>> = {
  impair: 'frames between hosts on one machine are neither lost nor late',
  reboot: 'hosts on one machine have no kernel of their own to boot again',
}

/** What only VMs can suffer is refused where there are none. Throws NOT_FIT. */
export function requireFeasible(faults: readonly FaultConfig[], isHere: boolean): void {
  const problems = faults.flatMap(({ op }, index) => {
    const reason = isHere ? ONLY_VMS[op] : undefined
    return reason === undefined ? [] : `fault[${index}]: ${reason}: use --on vm`
  })
  if (problems.length > 0) throw new NslabError('NOT_FIT', { problems, limits: ['faults'] })
}

interface Undone {
  readonly index: number
  readonly atS: number
}

/** The segment's counts by host when a fault began. */
type FramesBefore = ReadonlyMap<string, HostFrames>

interface Step {
  readonly atS: number
  readonly act: () => Promise<void>
}

/** Holds for as long as the scenario says, and until its last fault is undone and recovered from. */
export async function holdWithFaults(parts: HoldParts): Promise<void> {
  const { context } = parts
  const { faults, run } = context.plan.scenario
  const startedS = context.nowS()
  const inForce = new Map<number, FramesBefore>()
  const undone: Undone[] = []
  const steps: Step[] = faults.flatMap((fault, index) => [
    {
      atS: fault.atS,
      act: async () => {
        inForce.set(index, await framesOf(parts, fault))
        await begin(parts, fault, index, inForce.get(index) as FramesBefore)
      },
    },
    {
      atS: fault.atS + fault.forS,
      act: async () => {
        undone.push({ index, atS: context.nowS() })
        await undo(parts, fault, index, inForce.get(index) ?? new Map())
        inForce.delete(index)
        // Nothing is whole while another fault lasts: the last of them to end is recovered from for all.
        if (inForce.size === 0) await recover(parts, undone.splice(0))
      },
    },
  ])
  // A fault that ends as another begins ends first.
  steps.sort((a, b) => a.atS - b.atS)
  for (const { atS, act } of [...steps, { atS: run.holdS, act: async () => {} }]) {
    await context.hold(Math.max(0, startedS + atS - context.nowS()))
    await act()
  }
  if (faults.length > 0) context.metrics.faults_count = faults.length
}

/** Counted for faults of frames alone. */
async function framesOf({ hosts, ground }: HoldParts, { op, hosts: names }: FaultConfig): Promise<FramesBefore> {
  const counts = new Map<string, HostFrames>()
  if (op !== 'impair') return counts
  for (const name of names) {
    const frames = await ground.frames(hosts.find(name).plan)
    if (frames !== null) counts.set(name, frames)
  }
  return counts
}

/** What befell frames since `before`. */
async function framesHit(parts: HoldParts, fault: FaultConfig, before: FramesBefore): Promise<FramesHit[]> {
  return [...(await framesOf(parts, fault))].map(([host, { lost, delayed }]) => {
    const earlier = before.get(host) ?? { lost: 0, delayed: 0 }
    return { host, lost_count: lost - earlier.lost, delayed_count: delayed - earlier.delayed }
  })
}

async function begin(parts: HoldParts, fault: FaultConfig, index: number, before: FramesBefore): Promise<void> {
  const { context, hosts, ground } = parts
  const { op, links = [] } = fault
  context.folder.ledger.intent('fault', { fault: index, ...fault })
  await allOf(links.map(link => parts.cutLink(link, true)))
  for (const name of fault.hosts) {
    const host = hosts.find(name)
    if (op === 'kill') {
      await hosts.kill(host)
      context.wiring.forget(idsWith(context, host.plan))
    } else if (op === 'reboot') {
      await hosts.reboot(host, () => context.wiring.forget(idsWith(context, host.plan)))
    } else {
      const conditions = op === 'cut' ? { cut: true } : impairmentOf(fault)
      await ground.setConditions(host.plan, conditions)
    }
  }
  context.folder.ledger.done('fault', { fault: index })
  context.tell({ kind: 'fault_started', fault: index, op, ...placeOf(fault) })
  if (op === 'kill' || op === 'cut') await feel(parts, fault, index)
  if (op === 'impair') await stir(parts, fault, before)
}

const placeOf = ({ hosts, links }: FaultConfig) => ({ hosts, ...(links === undefined ? {} : { links }) })

/** Where nobody sends, nothing is lost: tokens go round until every host has felt it, or half of its time is over. */
async function stir(parts: HoldParts, fault: FaultConfig, before: FramesBefore): Promise<void> {
  const { context, getsRound } = parts
  const endS = context.nowS() + Math.min(FEEL_LIMIT_S, fault.forS / 2)
  for (let walks = 0; walks < STIRRING_WALKS_MAX && context.nowS() < endS; walks++) {
    if (isImpairmentFelt(fault, await framesHit(parts, fault, before))) return
    if ((await getsRound(endS - context.nowS())) === null) return
  }
}

/** A fault that nobody feels proves nothing of those who outlived it: no token may get round while it lasts. */
async function feel({ context, getsRound }: HoldParts, { forS }: FaultConfig, index: number): Promise<void> {
  const limitS = Math.min(FEEL_LIMIT_S, forS / 2)
  if (limitS < FEEL_LEAST_S * DEADLINE_SCALE[context.level]) {
    context.warn(`fault ${index} is too short to tell whether it was felt: ${forS} s at level ${context.level}`)
    return
  }
  const isRound = await getsRound(limitS)
  if (isRound === null) return
  count(context, !isRound)
  if (isRound) context.warn(`fault ${index} was not felt: a token got round while it lasted`)
}

function count({ metrics }: RunContext, isFelt: boolean): void {
  metrics.faults_felt_count = (metrics.faults_felt_count ?? 0) + (isFelt ? 1 : 0)
}

const impairmentOf = ({ loss, delayS, jitterS }: FaultConfig): { loss: number; delayS: number; jitterS: number } => ({
  loss,
  delayS,
  jitterS,
})

async function undo(parts: HoldParts, fault: FaultConfig, index: number, before: FramesBefore): Promise<void> {
  const { context, ground, hosts } = parts
  const hit = fault.op === 'impair' ? { frames: await framesHit(parts, fault, before) } : {}
  context.folder.ledger.intent('fault_end', { fault: index })
  await allOf([
    ...(fault.links ?? []).map(link => parts.cutLink(link, false)),
    ...fault.hosts.map(async name => {
      const host = hosts.find(name)
      if (fault.op === 'kill') {
        await hosts.revive(host)
        host.programs.get('dataplane')?.send({ do: 'build' })
      } else if (fault.op !== 'reboot') await ground.setConditions(host.plan, null)
    }),
  ])
  context.folder.ledger.done('fault_end', { fault: index })
  context.tell({ kind: 'fault_ended', fault: index, op: fault.op, ...placeOf(fault), ...hit })
  if (fault.op !== 'impair') return
  const isFelt = isImpairmentFelt(fault, hit.frames)
  count(context, isFelt)
  if (!isFelt) context.warn(`fault ${index} was not felt: ${describeHits(hit.frames)} while it lasted`)
}

function describeHits(frames: readonly FramesHit[] = []): string {
  if (frames.length === 0) return 'nobody counted frames'
  return frames
    .map(({ host, lost_count, delayed_count }) => `${host} lost ${lost_count} frames, ${delayed_count} were late`)
    .join('; ')
}

/** Every node ready again, and every link proven, within the scenario's deadline. */
async function recover({ context, prove }: HoldParts, undone: readonly Undone[]): Promise<void> {
  const limitS = context.plan.scenario.run.deadlineS * DEADLINE_SCALE[context.level]
  const isWhole = (): boolean => context.wiring.ready.size === context.nodesCount
  const late = (): NslabError => missingMembers(context, limitS)
  if (!isWhole()) await context.waitFor(isWhole, limitS, late)
  await prove()
  const recoveredS = context.nowS()
  const { metrics } = context
  for (const { index, atS } of undone) {
    context.tell({ kind: 'recovered', fault: index })
    metrics.recovery_s = Math.max(metrics.recovery_s ?? 0, recoveredS - atS)
  }
}

/** Whose connections end with a host: of a controller everybody's. */
function idsWith({ plan, nodesCount }: RunContext, { programs, fleet }: HostPlan): number[] {
  const own = fleet === null ? undefined : plan.fleets[fleet]
  const isEverybody = programs.includes('controller') || own === undefined
  const [first, count] = isEverybody ? [1, nodesCount] : [own.nodeIdOffset + 1, own.nNodes]
  return Array.from({ length: count }, (_, index) => first + index)
}
