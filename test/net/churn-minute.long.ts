// The churn scenario as it ships, for its minute: 200 namespaces, twenty operations a second, every gate.

import { join } from 'node:path'
import t from 'tap'
import { NslabProcess } from '../fixtures/nslab-process.ts'

t.test('a minute of churn passes all its gates', async t => {
  const folder = join(t.testdir(), 'run')
  const run = new NslabProcess(['run', 'churn', '--on', 'host', '--out', folder], { folder })
  const { code, stdout, stderr } = await run.ended
  t.equal(code, 0, stdout + stderr)
  const { verdict, metrics, gates } = run.report()
  t.equal(verdict, 'pass')
  // Twenty a second, but for the last, which is due when it ends.
  t.ok((metrics.churn_ops_count ?? 0) >= 60 * 20 - 1, `${metrics.churn_ops_count} operations`)
  t.same(
    gates.filter(({ verdict: each }) => each === 'fail' || each === 'unknown').map(({ name }) => name),
    [],
  )
})
