// A run that a keeper does for `nslab run --keep`, on this machine: it is as any run, ends with nothing left where no VM
// stays, and is ended in order when nobody waits for it any more.

import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import type { Scenario } from '../../../src/config/types.ts'
import type { Outcome } from '../../../src/judge/types.ts'
import { mayKeepVms } from '../../../src/lab/keep/run.ts'
import { readProcess } from '../../../src/lab/proc/process-table.ts'
import type { Plan } from '../../../src/plan.ts'
import { type Child, startChild } from '../../fixtures/lab/child.ts'
import { childrenOf, commandLine, untilEmpty } from '../../fixtures/nslab-process.ts'

const DEADLINE_MS = 60_000

interface Caller {
  readonly child: Child
  readonly folder: string
  readonly state: string
  /** Resolves with its next line that has this key. */
  until(key: string, value?: string): Promise<Readonly<Record<string, unknown>>>
}

function startCaller(t: Test, hold: string, folder = join(t.testdir(), 'run'), again: readonly string[] = []): Caller {
  const state = join(folder, '..', 'state')
  const child = startChild(t, 'keep-caller', [folder, hold, ...again], { env: { NSLAB_STATE_DIR: state } })
  const until = async (key: string, value?: string): Promise<Readonly<Record<string, unknown>>> => {
    for (;;) {
      const line = (await child.next()) as Readonly<Record<string, unknown>>
      if (key in line && (value === undefined || line[key] === value)) return line
    }
  }
  return { child, folder, state, until }
}

/** The keeper's pid: a child of its caller, or of init when that has gone. */
function keeperOf({ child }: Caller): number {
  const keeper = childrenOf(child.pid).find(({ pid }) => commandLine(pid).includes('keep-run'))
  if (keeper === undefined) throw new Error('no keeper')
  return keeper.pid
}

const alive = (pid: number) => (): number[] => ((readProcess(pid)?.state ?? 'Z') === 'Z' ? [] : [pid])

const outcomeIn = (folder: string): Outcome => JSON.parse(readFileSync(join(folder, 'outcome.json'), 'utf8')) as Outcome

t.test('only a run that may have VMs, and is to keep them, needs a keeper', async t => {
  const scenario = (keep: boolean, on: string, deterministic = false): Scenario =>
    ({ hosts: { on }, run: { keep, deterministic } }) as unknown as Scenario
  t.ok(mayKeepVms(scenario(true, 'vm')))
  t.ok(mayKeepVms(scenario(true, 'auto')))
  t.notOk(mayKeepVms(scenario(true, 'host')))
  t.notOk(mayKeepVms(scenario(false, 'vm')))
  t.notOk(mayKeepVms(scenario(true, 'vm', true)))
})

t.test('a keeper repeats a plan as it is, in a folder of its own', async t => {
  const base = t.testdir()
  const again = join(base, 'again')
  const caller = startCaller(t, '0s', join(base, 'run'), [again])
  t.match(await caller.until('kept'), { folder: again, kept: [] })
  const { scenario } = JSON.parse(readFileSync(join(again, 'plan.json'), 'utf8')) as Plan
  t.equal(scenario.run.out, join(base, 'run'), 'what the plan says of its folder stays')
  t.notOk(existsSync(join(base, 'run')), 'and is not used')
})

t.test('a run by a keeper is as any other, and where nothing stays the keeper goes', async t => {
  const caller = startCaller(t, '0s')
  t.match(await caller.until('folder'), { folder: caller.folder })
  const keeper = keeperOf(caller)
  t.match(await caller.until('kept'), { folder: caller.folder, diskError: null, bug: null, kept: [] })
  t.same(alive(keeper)(), [], 'it is gone when its caller goes on')
  const { error, metrics } = outcomeIn(caller.folder)
  t.equal(error, null)
  t.equal(metrics.residue_count, 0)
  t.ok(existsSync(join(caller.folder, 'db')), 'its database stays, as on this machine --keep means')
  t.notOk(existsSync(join(caller.folder, 'live.json')))
})

t.test('an error before the run is its own, and a full run folder is not touched', async t => {
  const folder = join(t.testdir(), 'run')
  mkdirSync(folder)
  writeFileSync(join(folder, 'mine'), '')
  const caller = startCaller(t, '0s', folder)
  t.match(await caller.until('code'), { code: 'USAGE', facts: { path: folder } })
  t.equal(await caller.child.ended, 0)
})

t.test('an interrupt is passed on: the run ends in order', async t => {
  const caller = startCaller(t, '600s')
  await caller.until('phase', 'hold')
  const keeper = keeperOf(caller)
  caller.child.process.kill('SIGTERM')
  t.match(await caller.until('kept'), { kept: [] })
  t.same(alive(keeper)(), [])
  t.match(outcomeIn(caller.folder).error, { code: 'INTERRUPTED', message: /SIGTERM/ })
})

t.test('a signal to the keeper itself ends the run, too', async t => {
  const caller = startCaller(t, '600s')
  await caller.until('phase', 'hold')
  process.kill(keeperOf(caller), 'SIGTERM')
  t.match(await caller.until('kept'), { kept: [] })
  t.match(outcomeIn(caller.folder).error, { code: 'INTERRUPTED' })
})

for (const phase of ['prepare', 'hold']) {
  t.test(`when its command is killed in phase ${phase}, the run is ended in order and nothing is left`, async t => {
    const caller = startCaller(t, '600s')
    await caller.until('phase', phase)
    const keeper = keeperOf(caller)
    await caller.child.kill()
    t.same(await untilEmpty(alive(keeper), DEADLINE_MS), [])
    const { error, metrics } = outcomeIn(caller.folder)
    t.match(error, { code: 'INTERRUPTED', message: /nslab run/ })
    t.equal(metrics.residue_count, 0)
    t.notOk(existsSync(join(caller.folder, 'live.json')))
  })
}

t.test('a keeper that is killed is told', async t => {
  const caller = startCaller(t, '600s')
  await caller.until('phase', 'hold')
  process.kill(keeperOf(caller), 'SIGKILL')
  t.match(await caller.until('code'), { code: 'PROCESS_ENDED', facts: { status: 'killed by SIGKILL' } })
})
