// Faults in their order: what a run does to hosts that only remember it.

import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { systemClock } from '../../../src/base/clock.ts'
import type { FaultConfig } from '../../../src/config/types.ts'
import { RunContext } from '../../../src/lab/run/context.ts'
import { type HoldParts, holdWithFaults } from '../../../src/lab/run/faults.ts'
import type { RunHost } from '../../../src/lab/run/hosts.ts'
import { createRunFolder } from '../../../src/lab/run-folder/run-folder.ts'
import type { Plan } from '../../../src/plan.ts'
import { ringRun } from '../../fixtures/run-folder.ts'

const NAMES = ['host1', 'host2', 'controller'] as const

const fault = (op: FaultConfig['op'], hosts: readonly string[], atS: number, forS: number): FaultConfig => ({
  op,
  hosts,
  atS,
  forS,
  loss: 0,
  delayS: 0,
  jitterS: 0,
})

/** Two fleets of two nodes and a controller; a host that is revived has its nodes ready at once. */
function lab(t: Test, faults: readonly FaultConfig[], revive = async (_name: string): Promise<void> => {}) {
  const base = mkdtempSync(join(tmpdir(), 'nslab-faults-'))
  const folder = createRunFolder({ base, scenario: 'ring', seed: 1, clock: systemClock })
  t.teardown(() => {
    folder.close()
    rmSync(base, { recursive: true })
  })
  const { plan: alone } = ringRun({ nodes: 4 })
  const [fleet] = alone.fleets as [Plan['fleets'][number]]
  const fleets = [0, 2].map((nodeIdOffset, index) => ({ ...fleet, host: `host${index + 1}`, nodeIdOffset, nNodes: 2 }))
  const hosts = NAMES.map((name, index): RunHost => {
    const isFleet = index < fleets.length
    const programs = [isFleet ? 'dataplane' : 'controller'] as const
    const plan = { name, vm: name, programs, fleet: isFleet ? index : null, uplink: null }
    return { plan, programs: new Map(), life: 0 }
  })
  const scenario = { ...alone.scenario, faults, run: { ...alone.scenario.run, holdS: 0, deadlineS: 1 } }
  const context = new RunContext({
    plan: { ...alone, scenario, fleets },
    folder,
    clock: systemClock,
    runId: 'a'.repeat(32),
    level: 'host',
    onProgress: () => {},
    onWarning: () => {},
  })
  const said: string[] = []
  context.watch(event => {
    if (event.kind === 'recovered') said.push(`recovered ${event.fault}`)
  })
  const ready = ({ plan }: RunHost): void => {
    const ids = plan.fleet === null ? [1, 2, 3, 4] : [2 * plan.fleet + 1, 2 * plan.fleet + 2]
    for (const node_id of ids) context.tell({ kind: 'node_ready', node_id })
  }
  for (const host of hosts) ready(host)
  const fakes = {
    find: (name: string) => hosts.find(({ plan }) => plan.name === name),
    kill: async ({ plan }: RunHost) => void said.push(`kill ${plan.name}`),
    revive: async (host: RunHost) => {
      await revive(host.plan.name)
      said.push(`revive ${host.plan.name}`)
      ready(host)
    },
  }
  const prove = async (): Promise<void> => {
    said.push(`prove with ${context.wiring.ready.size}`)
  }
  const cutLink = async ([a, b]: readonly [number, number], cut: boolean): Promise<void> => {
    said.push(`${cut ? 'cut' : 'join'} ${a}-${b}`)
  }
  const getsRound = async (): Promise<boolean> => false
  const parts = { context, hosts: fakes, ground: {}, cutLink, prove, getsRound } as unknown as HoldParts
  return { parts, said, context }
}

t.test('of faults that meet on several hosts the last to end is recovered from for all', async t => {
  // However late this runs: the first takes so long to come back, and the second is only looked at then.
  const slowly = (name: string): Promise<void> => new Promise(resolve => setTimeout(resolve, name === 'host1' ? 60 : 0))
  const faults = [fault('kill', ['host1'], 0, 0.1), fault('kill', ['host2'], 0.05, 0.1)]
  const { parts, said, context } = lab(t, faults, slowly)
  await holdWithFaults(parts)
  t.same(said, [
    'kill host1',
    'kill host2',
    'revive host1',
    'revive host2',
    'prove with 4',
    'recovered 0',
    'recovered 1',
  ])
  t.ok((context.metrics.recovery_s ?? 0) >= 0.04, 'from the first that was undone')
})

t.test('links are cut and joined again, and then all is proven', async t => {
  const links = [[1, 2] as const, [3, 4] as const]
  const { parts, said, context } = lab(t, [{ ...fault('cut', [], 0, 0.6), links }])
  const told: unknown[] = []
  context.watch(event => event.kind.startsWith('fault_') && 'links' in event && told.push([event.kind, event.links]))
  await holdWithFaults(parts)
  t.same(said, ['cut 1-2', 'cut 3-4', 'join 1-2', 'join 3-4', 'prove with 4', 'recovered 0'])
  t.same(told, [
    ['fault_started', links],
    ['fault_ended', links],
  ])
  t.equal(context.metrics.faults_felt_count, 1)
})

/** A ground that has counted `frames` more each time that a token went round while they were impaired. */
function impaired(t: Test, asked: Partial<FaultConfig>, frames: { readonly lost: number; readonly delayed: number }) {
  const { parts, context, said } = lab(t, [{ ...fault('impair', ['host1'], 0, 2), ...asked }])
  let [isOn, rounds] = [false, 0]
  const ground = {
    setConditions: async (_host: unknown, conditions: object | null) => {
      isOn = conditions !== null
    },
    frames: async () => ({ lost: 7 + rounds * frames.lost, delayed: 9 + rounds * frames.delayed }),
  }
  const getsRound = async (): Promise<boolean> => {
    if (isOn) rounds++
    return true
  }
  const ends: unknown[] = []
  context.watch(event => event.kind === 'fault_ended' && ends.push(event.frames))
  return { parts: { ...parts, ground, getsRound } as unknown as HoldParts, context, said, ends, rounds: () => rounds }
}

t.test('frames are impaired until the segment has counted them, and that is told', async t => {
  const loss = impaired(t, { loss: 0.5 }, { lost: 2, delayed: 0 })
  await holdWithFaults(loss.parts)
  t.same(loss.ends, [[{ host: 'host1', lost_count: 2, delayed_count: 0 }]])
  t.equal(loss.rounds(), 1, 'no more tokens than it takes')
  t.equal(loss.context.metrics.faults_felt_count, 1)
  t.same(loss.said, ['prove with 4', 'recovered 0'])
})

t.test('an impairment that no frame met is not felt', async t => {
  const warnings: string[] = []
  const { parts, context, ends, rounds } = impaired(t, { loss: 0.5, delayS: 0.1 }, { lost: 1, delayed: 0 })
  context.watch(event => event.kind === 'warning' && warnings.push(event.message))
  await holdWithFaults(parts)
  t.ok(rounds() > 1)
  t.same(ends, [[{ host: 'host1', lost_count: rounds(), delayed_count: 0 }]])
  t.equal(context.metrics.faults_felt_count, 0)
  t.match(warnings, [/^fault 0 was not felt: host1 lost \d+ frames, 0 were late while it lasted$/])
})

t.test('when the controller is killed nobody counts as ready until it is back', async t => {
  const { parts, context } = lab(t, [fault('kill', ['controller'], 0, 0.1)])
  const readyThen: number[] = []
  context.watch(event => event.kind === 'fault_started' && readyThen.push(context.wiring.ready.size))
  await holdWithFaults(parts)
  t.same(readyThen, [0])
  t.equal(context.wiring.ready.size, 4)
})

t.test('a host that cannot be brought back is told when no other is still on its way', async t => {
  const done: string[] = []
  const { parts } = lab(t, [fault('kill', ['host1', 'host2'], 0, 0)], async name => {
    if (name === 'host1') throw new Error('no way back')
    await new Promise(resolve => setTimeout(resolve, 50))
    done.push(name)
  })
  await t.rejects(holdWithFaults(parts), /no way back/)
  t.same(done, ['host2'])
})
