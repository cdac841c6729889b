// The churn scenario as it ships, for its minute: 200 namespaces, twenty operations a second, every gate.

import { join } from 'node:path'
import t from 'tap'
import type { GateVerdict } from '../../../src/judge/types.ts'
import { NslabProcess } from '../../fixtures/nslab-process.ts'

/** No failure: where many share a processor, times prove nothing, and the run says so. */
const isDoubted = ({ name, verdict, evidence }: GateVerdict): boolean =>
  verdict === 'unknown' && name.endsWith('_s') && evidence.includes('the machine was too noisy')

t.test('a minute of churn passes all its gates', async t => {
  const folder = join(t.testdir(), 'run')
  const run = new NslabProcess(['run', 'churn', '--on', 'host', '--out', folder], { folder })
  const { code, stdout, stderr } = await run.ended
  const { verdict, metrics, gates } = run.report()
  const isNoisy = gates.some(isDoubted)
  t.same([code, verdict], isNoisy ? [5, 'unknown'] : [0, 'pass'], stdout + stderr)
  // Twenty a second, but for the last, which is due when it ends.
  t.ok((metrics.churn_ops_count ?? 0) >= 60 * 20 - 1, `${metrics.churn_ops_count} operations`)
  t.same(
    gates.filter(gate => ['fail', 'unknown'].includes(gate.verdict) && !isDoubted(gate)).map(({ name }) => name),
    [],
  )
})
