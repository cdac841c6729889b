import t from 'tap'
import { readPhases } from '../../src/judge/phases.ts'
import type { PhaseName, RunEvent } from '../../src/protocol/events.ts'

const event = (t_s: number, kind: 'phase_started' | 'phase_ended', phase: PhaseName): RunEvent => ({
  t_s,
  from: 'run',
  kind,
  phase,
})

t.test('no events have no phases', async t => {
  t.same(readPhases([]), { phases: [], open: [] })
})

t.test('phases are paired by name, in order of their start', async t => {
  const { phases, open } = readPhases([
    event(0.3, 'phase_started', 'hold'),
    event(0.1, 'phase_started', 'wire'),
    event(0.3, 'phase_ended', 'wire'),
    event(0.9, 'phase_ended', 'hold'),
  ])
  t.same(phases, [
    { name: 'wire', start_s: 0.1, duration_s: 0.2 },
    { name: 'hold', start_s: 0.3, duration_s: 0.6 },
  ])
  t.same(open, [])
})

t.test('a phase that did not end counts up to the last event', async t => {
  const { phases, open } = readPhases([
    event(1, 'phase_started', 'wire'),
    { t_s: 4, from: 'controller', kind: 'stopped' },
  ])
  t.same(phases, [{ name: 'wire', start_s: 1, duration_s: 3 }])
  t.same(open, ['wire'])
})

t.test('an end without a start is ignored', async t => {
  t.same(readPhases([event(1, 'phase_ended', 'wire')]).phases, [])
})
