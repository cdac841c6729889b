import t from 'tap'
import { judge } from '../../src/judge/judge.ts'
import type { History } from '../../src/judge/types.ts'
import { type ComparedMetric, type Comparison, compareRuns, type Run } from '../../src/report/compare.ts'
import { renderComparison, warnings } from '../../src/report/compare-terminal.ts'
import { hostileName } from '../fixtures/hostile.ts'
import {
  historyOf,
  interruptedRun,
  type RunData,
  type RunOptions,
  ringRun,
  withUplink,
} from '../fixtures/run-folder.ts'

function run(options: RunOptions = {}, change: (data: RunData) => unknown = () => undefined): Run {
  const data = ringRun(options)
  const history = { ...historyOf(data), ...(change(data) as Partial<History> | undefined) }
  return { report: judge(history), history }
}

/** A run whose teardown and residue are as given. */
const timed = (teardown_s: number, residue_count = 0): Run =>
  run({}, data => {
    const residue = Array.from({ length: residue_count }, (_, index) => `veth${index}a`)
    return {
      outcome: data.outcome && {
        ...data.outcome,
        residue,
        metrics: { ...data.outcome.metrics, teardown_s, residue_count },
      },
    }
  })

function metric(comparison: Comparison, name: string): ComparedMetric {
  const found = comparison.metrics.find(one => one.name === name)
  if (!found) throw new Error(`no ${name}`)
  return found
}

t.test('a run compared with itself differs in nothing', async t => {
  const comparison = compareRuns([run()], [run()])
  t.same([comparison.setup, comparison.environment], [[], []])
  t.ok(comparison.metrics.every(one => one.difference === 'equal'))
  t.same(warnings(comparison), [])
})

t.test('one run a side says nothing about the noise of a time', async t => {
  t.match(metric(compareRuns([timed(1)], [timed(2)]), 'teardown_s'), { ratio: 2, difference: 'unknown' })
})

t.test('a count has no noise', async t => {
  t.match(metric(compareRuns([timed(1, 1)], [timed(1, 3)]), 'residue_count'), { ratio: 3, difference: 'differs' })
  t.match(metric(compareRuns([timed(1, 0)], [timed(1, 3)]), 'residue_count'), { ratio: null })
})

t.test('repeated runs are compared by median, and differ when their ranges don’t meet', async t => {
  const a = [timed(1), timed(3), timed(2)]
  t.match(metric(compareRuns(a, [timed(2.5), timed(4)]), 'teardown_s'), {
    a: { median: 2, least: 1, most: 3, runs: 3 },
    b: { median: 3.25, least: 2.5, most: 4, runs: 2 },
    difference: 'within_noise',
  })
  t.equal(metric(compareRuns(a, [timed(4), timed(5)]), 'teardown_s').difference, 'differs')
  t.equal(metric(compareRuns([timed(4), timed(5)], a), 'teardown_s').difference, 'differs')
  t.equal(metric(compareRuns(a, [timed(9)]), 'teardown_s').difference, 'unknown', 'one run on one side')
})

t.test('memory’s noise is what it moved by while the run only held', async t => {
  const [low, high] = [run({ seed: 1 }), run({ seed: 2 })]
  const found = metric(compareRuns([low], [high]), 'memory_after_bytes')
  t.ok((found.a?.noise ?? 0) > 100_000 && (found.a?.noise ?? 0) < 1_000_001, String(found.a?.noise))
  const perNode = metric(compareRuns([low], [high]), 'memory_per_node_bytes')
  t.ok(Math.abs((perNode.a?.noise ?? 0) * 12 - (found.a?.noise ?? 0)) < 1e-6)
  const more = run({}, data => ({
    outcome: data.outcome && { ...data.outcome, metrics: { ...data.outcome.metrics, memory_after_bytes: 3e9 } },
  }))
  t.equal(metric(compareRuns([low], [more]), 'memory_after_bytes').difference, 'differs')
})

t.test('memory’s noise is unknown without a hold or with too few samples in it', async t => {
  const noise = (one: Run) => metric(compareRuns([one], [one]), 'memory_before_bytes').a?.noise
  t.equal(noise(run({}, () => ({ samples: [] }))), null)
  t.equal(
    noise(run({}, data => ({ events: data.events.filter(event => !('phase' in event && event.phase === 'hold')) }))),
    null,
  )
})

t.test('a metric of one side only is shown with a gap', async t => {
  const history = historyOf(interruptedRun())
  const comparison = compareRuns([run()], [{ report: judge(history), history }])
  t.match(metric(comparison, 'all_wired_s'), { b: null, ratio: null, difference: 'unknown' })
  t.match(renderComparison(comparison, { a: 'A', b: 'B' }), /all_wired_s +[\d.]+ ms +– +–/)
})

t.test('differences of the environment are named', async t => {
  const other = run({}, data => ({
    environment: { ...data.environment, kernel: '6.1.0', versions: { node: '22.0.0' }, commit: null },
  }))
  const { environment } = compareRuns([run(), run()], [other])
  t.match(
    environment.map(({ what, a, b }) => [what, a, b]),
    [
      ['kernel', '6.18.5', '6.1.0'],
      ['commit', /^0123/, 'not known'],
      ['version of nslab', '0.1.0', 'none'],
      ['version of node', '20.19.2', '22.0.0'],
      ['version of postgres', '15.14', 'none'],
    ],
  )
})

t.test('different scenarios are said to be different, first and loudly', async t => {
  const comparison = compareRuns([run()], [run({ name: 'torus', nodes: 20, seed: 3 })])
  t.match(
    comparison.setup.map(({ what }) => what),
    ['scenario', 'seed', 'nodes', 'edges'],
  )
  t.match(renderComparison(comparison, { a: 'A', b: 'B' }), /^WARNING: .*DIFFERENT.*scenario ring against torus/)
})

t.test('another MTU between hosts is another set-up', async t => {
  const of = (mtu: number): Run => run({}, data => ({ plan: withUplink(data, mtu).plan }))
  t.same(compareRuns([of(1500)], [of(9000)]).setup, [{ what: 'MTU between hosts', a: '1500', b: '9000' }])
  t.same(compareRuns([of(1500)], [run()]).setup, [{ what: 'MTU between hosts', a: '1500', b: 'none' }])
})

t.test('another seed alone is no warning', async t => {
  const comparison = compareRuns([run()], [run({ seed: 2 })])
  t.same(
    comparison.setup.map(({ what }) => what),
    ['seed'],
  )
  t.same(warnings(comparison), [])
})

t.test('the text shows medians with their range, noise, words and advice', async t => {
  const repeated = renderComparison(compareRuns([timed(1), timed(3)], [timed(8), timed(9)]), { a: 'x,y', b: 'z' })
  t.match(repeated, /A {2}x,y {2}\(2 runs: median, range; pass\)/)
  t.match(repeated, /teardown_s +2 s \(1 s to 3 s\) +8.5 s \(8 s to 9 s\) +4.25× +differs/)
  t.match(repeated, /Environment: no difference/)
  t.notMatch(repeated, /says nothing about noise/)
  const single = renderComparison(compareRuns([timed(1)], [timed(8)]), { a: hostileName, b: 'b' })
  t.match(single, /memory_after_bytes +1.6\d GB ± [\d.]+ kB/)
  t.match(single, /teardown_s +1 s +8 s +8.00× +\?/)
  t.match(single, /says nothing about noise/)
  t.notMatch(single, '\u001b')
})
