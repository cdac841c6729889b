// A soak whose schedule takes long to be planned.

import t from 'tap'
import { readStat } from '../../src/lab/proc/proc.ts'
import { until } from '../fixtures/control-client.ts'
import { NslabProcess } from '../fixtures/nslab-process.ts'

/** Of a processor's time: it has read its scenario by then, and plans. */
const PLANNING_S = 3

t.test('an interrupt ends a run that is still being planned', async t => {
  // 1.7 thousand million operations.
  const sets = ['churn.rate_per_s=1000', 'churn.min_life=100ms'].flatMap(each => ['--set', each])
  const run = new NslabProcess(['run', 'churn', '--on', 'host', '--duration', '20d', ...sets])
  t.teardown(() => run.kill('SIGKILL'))
  let isOver = false
  void run.ended.then(() => {
    isOver = true
  })
  await until(() => isOver || (readStat(run.pid)?.cpuS ?? 0) > PLANNING_S)
  run.kill('SIGINT')
  const { code, signal, stderr } = await run.ended
  t.same({ code, signal }, { code: null, signal: 'SIGINT' }, stderr)
})
