// Processes that a program in the observer's place had started: whose end is one of the observer's, and whose is not.

import t from 'tap'
import { Children } from '../../../src/judge/soak/children.ts'
import type { ObservedLine } from '../../../src/protocol/observed.ts'
import { judgeSoak } from '../../fixtures/soak-judge.ts'
import { soakRun } from '../../fixtures/soak-run.ts'

interface Life {
  readonly pid: number
  readonly name?: string
  readonly firstS: number
  readonly endS?: number
  readonly parentLives?: boolean
  readonly parentPid?: number
}

const SHELL = 100
/** In steps, as looks are. */
const STEP_S = 0.25

function linesOf(lives: readonly Life[]): (ObservedLine & { readonly t_s: number })[] {
  const lines = lives.flatMap(
    ({ pid, name = 'prog', firstS: first_s, endS, parentLives = true, parentPid = SHELL }) => {
      const who = { pid, start_ticks: 100 * first_s }
      const stays = { is: 'child_stays', t_s: first_s, first_s, ...who, parent_pid: parentPid, name } as const
      if (endS === undefined) return [stays]
      return [
        stays,
        { is: 'child_ended', t_s: endS, last_s: endS - STEP_S, ...who, parent_lives: parentLives } as const,
      ]
    },
  )
  return lines.sort((one, other) => one.t_s - other.t_s)
}

/** Churning is from 5 s to 35 s; the observer was started at 0.5 s. */
function lost(lives: readonly Life[], startedS: readonly number[] = [0.5]): [ends: number[], restarts: number[]] {
  const children = new Children()
  const starts = startedS.map(t_s => ({ is: 'observer_started', t_s, pid: SHELL, start_ticks: 1 }) as const)
  for (const line of [...starts, ...linesOf(lives)].sort((one, other) => one.t_s - other.t_s)) children.add(line)
  const { ends, restarts } = children.lost({ fromS: 5, toS: 35 })
  return [ends.map(({ t_s }) => t_s), restarts.map(({ t_s }) => t_s)]
}

t.test('one that lives on is none', async t => {
  t.same(lost([{ pid: 7, firstS: 1 }]), [[], []])
  t.same(lost([{ pid: 7, firstS: 1, endS: 36 }]), [[], []], 'or ends when the churning has')
  t.same(
    lost([
      { pid: 7, firstS: 1, endS: 4 },
      { pid: 8, firstS: 4 },
    ]),
    [[], []],
    'or before it began',
  )
})

t.test('one that ended and came again, each time', async t => {
  const lives = [
    { pid: 7, firstS: 1, endS: 12 },
    { pid: 8, firstS: 12, endS: 20 },
    { pid: 9, firstS: 20.25 },
  ]
  t.same(lost(lives), [
    [12, 20],
    [12, 20.25],
  ])
})

t.test('one that came within the look that saw the other last', async t => {
  t.same(
    lost([
      { pid: 7, firstS: 1, endS: 12 },
      { pid: 8, firstS: 11.75 },
    ]),
    [[12], [11.75]],
  )
})

t.test('one that ended for good', async t => {
  t.same(lost([{ pid: 7, firstS: 1, endS: 12 }]), [[12], []])
  t.same(
    lost([
      { pid: 7, firstS: 1, endS: 12 },
      { pid: 8, firstS: 13, name: 'other' },
    ]),
    [[12], []],
  )
  t.same(
    lost([
      { pid: 7, firstS: 1, endS: 12 },
      { pid: 8, firstS: 13, parentPid: 9 },
    ]),
    [[12], []],
  )
})

t.test('one that ended with what had started it is no loss of its own', async t => {
  t.same(lost([{ pid: 7, firstS: 1, endS: 12, parentLives: false }]), [[], []])
})

t.test('a helper that came later may go, however often', async t => {
  const helper = (pid: number, firstS: number): Life => ({ pid, firstS, endS: firstS + 6, name: 'report' })
  t.same(lost([{ pid: 7, firstS: 1 }, helper(8, 10), helper(9, 20)]), [[], []])
})

t.test('of several alike those beside one that ended have not come in its place', async t => {
  t.same(
    lost([
      { pid: 7, firstS: 1, endS: 12 },
      { pid: 8, firstS: 1 },
      { pid: 9, firstS: 6 },
    ]),
    [[12], []],
  )
})

t.test('an observer that was started again while it churned has its own beginning', async t => {
  const [killed, again] = [
    { pid: 7, firstS: 1, endS: 12, parentLives: false },
    { pid: 8, firstS: 13.5, endS: 25, parentPid: 101 },
  ]
  t.same(lost([killed, again, { pid: 9, firstS: 25, parentPid: 101 }], [0.5, 13]), [[25], [25]])
  t.same(lost([killed, { ...again, firstS: 19 }], [0.5, 13]), [[], []])
})

t.test('a file without end does not fill memory', async t => {
  const lives = Array.from(
    { length: 30_000 },
    (_, index): Life => ({ pid: index, firstS: 6 + index / 10_000, endS: 12 }),
  )
  t.same(lost([{ pid: 40_000, firstS: 1, endS: 20 }, ...lives])[0], [20])
})

t.test('they are starts and ends of the observer, and what broke the gates is shown', async t => {
  const gate = (metric: string, limit: number) => ({ name: metric, metric, operator: '==', limit }) as const
  const data = soakRun({ gates: [gate('observer_starts_count', 1), gate('observer_exits_count', 0)] })
  const children = linesOf([
    { pid: 107, firstS: 1, endS: 12 },
    { pid: 108, firstS: 12.25 },
  ])
  const timeOf = (line: ObservedLine): number => ('got_s' in line ? line.got_s : line.t_s)
  const observed = [...data.observed, ...children].sort((one, other) => timeOf(one) - timeOf(other))
  const { value, why, report } = judgeSoak(t, { ...data, observed })
  t.equal(value('observer_starts_count'), 2)
  t.equal(value('observer_exits_count'), 1)
  t.match(
    why('observer_starts_count'),
    /at 12\.250 s process 108 \(prog\) .* came where another had ended.*sut\.helpers/,
  )
  t.match(why('observer_exits_count'), /at 12\.000 s process 107 \(prog\) of the observer's ended/)
  t.equal(report.verdict, 'fail')
  const without = judgeSoak(t, data)
  t.equal(without.value('observer_starts_count'), 1)
  t.equal(without.value('observer_exits_count'), 0)
  t.equal(judgeSoak(t, { ...data, observed, churn: [] }).value('observer_exits_count'), 0, 'without churning')
})
