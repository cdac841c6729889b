// Soaks that are run again from their plan, and made shorter while they break.

import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import type { Plan } from '../../../src/plan.ts'
import type { ChurnLine } from '../../../src/protocol/churn.ts'
import { NslabProcess, processesOf, untilEmpty } from '../../fixtures/nslab-process.ts'
import { churned, startSoak } from '../../fixtures/soak-process.ts'

const GATE = '[[gate]]\nmetric = "netns_recall_ratio"\nrequire = "== 1"\n'
const SETS = ['run.hold=1s', 'churn.namespaces=2', 'churn.faults=[]'].flatMap(key => ['--set', key])
/** Misses whatever it could find. */
const BLIND = ['--set', 'collector.canary=["miss-namespace=1"]']

const textOf = (folder: string, file: string): string => readFileSync(join(folder, file), 'utf8')
const planOf = (folder: string): Plan => JSON.parse(textOf(folder, 'plan.json')) as Plan
const again = (run: NslabProcess, name: string, ...args: readonly string[]): NslabProcess => {
  const folder = join(run.folder, '..', name)
  return new NslabProcess(['run', join(run.folder, 'plan.json'), '--out', folder, ...args], { folder })
}

/** The last that is due well before churning ends. */
const LAST_OP = 5

/** What was asked of the kernel, in the order of the schedule. */
const asked = (lines: readonly ChurnLine[]): readonly unknown[] =>
  lines
    .flatMap(line =>
      line.is === 'made' && line.op <= LAST_OP
        ? [{ op: line.op, id: line.id, kind: line.kind, name: line.name }]
        : line.is === 'dropped' && line.op > 0 && line.op <= LAST_OP
          ? [{ op: line.op, id: line.id }]
          : [],
    )
    .sort((a, b) => a.op - b.op)

async function brokenSoak(t: Test): Promise<NslabProcess> {
  const run = startSoak(t, GATE, [...SETS, ...BLIND])
  const { code, stderr } = await run.ended
  t.equal(code, 1, stderr)
  return run
}

t.test('a run that broke is repeated from its folder, and shrunk to what still breaks', async t => {
  const run = await brokenSoak(t)
  const repeated = again(run, 'repeated')
  t.equal((await repeated.ended).code, 1, repeated.stderr)
  t.equal(textOf(repeated.folder, 'plan.json'), textOf(run.folder, 'plan.json'))
  t.equal(textOf(repeated.folder, 'scenario.toml'), textOf(run.folder, 'scenario.toml'))
  t.same(asked(churned(repeated)), asked(churned(run)), 'the same operations')

  const search = again(run, 'search', '--shrink', '--budget', '5m')
  const { code, stdout, stderr } = await search.ended
  t.equal(code, 0, stderr)
  const words =
    /SHORTER {2}from 6 operations in 1 s to [12] in 0\.5 s\n.*: 1 at .* 0 made .*all was tried\n.*_recall_ratio\n/
  t.match(stdout, words)
  const shrunk = join(search.folder, 'shrunk')
  t.match(stdout, `nslab run ${join(shrunk, 'plan.json')}`)
  const { churn, scenario } = planOf(shrunk)
  t.equal(churn?.ops_count, churn?.operations?.length)
  t.match(churn?.operations?.[0], { op: 1, do: 'make', fill: true })
  t.equal(scenario.run.out, undefined)
  t.match(stderr, /attempt-1 \(a shorter beginning\): \d operations in 0\.5 s: fails netns_recall_ratio \(0\)/)
  t.ok(existsSync(join(search.folder, 'attempt-1', 'churn.ndjson')), 'attempts are runs, kept')

  const folder = join(run.folder, '..', 'shortest')
  const shortest = new NslabProcess(['run', join(shrunk, 'plan.json'), '--out', folder], { folder })
  t.equal((await shortest.ended).code, 1, shortest.stderr)
  t.match(shortest.report().gates.find(({ name }) => name === 'netns_recall_ratio')?.verdict, 'fail')
  t.equal(textOf(folder, 'plan.json'), textOf(shrunk, 'plan.json'))
  t.equal(churned(shortest).filter(line => line.is === 'made').length, 1, 'the churn did the schedule of the plan')
})

t.test('a search that is interrupted ends its attempt in order', async t => {
  const run = await brokenSoak(t)
  const search = again(run, 'search', '--shrink')
  const attempt = new NslabProcess(['--version'], { folder: join(search.folder, 'attempt-1') })
  await attempt.ended
  await search.says(/looks for a shorter schedule that fails netns_recall_ratio, for 600 s/)
  let isOver = false
  void search.ended.then(() => {
    isOver = true
  })
  while (attempt.runId === null && !isOver) await new Promise(resolve => setTimeout(resolve, 20))
  search.kill('SIGINT')
  const { code, stdout, stderr } = await search.ended
  t.equal(code, 130, stderr)
  t.match(stdout, /NOT SHORTER/)
  t.same(attempt.outcome().error, { ...attempt.outcome().error, code: 'INTERRUPTED' })
  t.same(await untilEmpty(() => processesOf(attempt), 10_000), [])
})

t.test('there is nothing to look for in a soak that did not fail, nor behind a gate of work done', async t => {
  const run = startSoak(t, '[[gate]]\nmetric = "churn_ops_count"\nrequire = ">= 1000"\n', SETS)
  await run.ended
  const search = again(run, 'search', '--shrink')
  const { code, stderr } = await search.ended
  t.equal(code, 2)
  t.match(stderr, /asks for work done/)
  const other = again(run, 'search', '--shrink', '--gate', 'residue_count')
  t.equal((await other.ended).code, 2)
  t.match(other.stderr, /did not fail a gate residue_count/)

  const whole = startSoak(t, '', SETS)
  await whole.ended
  const none = again(whole, 'search', '--shrink')
  t.equal((await none.ended).code, 2)
  t.match(none.stderr, /did not fail a gate: its verdict is (pass|unknown)/)
  const scenario = new NslabProcess(['run', 'selfcheck', '--shrink'])
  t.equal((await scenario.ended).code, 2)
  t.match(scenario.stderr, /--shrink needs the plan of a run that failed/)
})
