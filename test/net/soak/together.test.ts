// Two soaks on one machine: neither sees the other's namespaces, nor leaves anything of its own.

import t from 'tap'
import { machine, startSoak } from '../../fixtures/soak-process.ts'

t.test('two soaks at once are judged as if each were alone', async t => {
  const before = machine()
  const runs = [startSoak(t), startSoak(t)]
  for (const run of runs) {
    const { code, stderr } = await run.ended
    t.ok([0, 5].includes(code ?? -1), `passes, or the machine was too noisy: ${stderr}`)
    t.match(run.report().metrics, {
      residue_count: 0,
      churn_failed_count: 0,
      netns_recall_ratio: 1,
      netns_precision_ratio: 1,
      sockets_misattributed_count: 0,
      rows_lost_count: 0,
      rows_doubled_count: 0,
      kernel_namespaces_left_count: 0,
    })
  }
  t.same(machine(), before)
})
