import t from 'tap'
import { faultsFeltCount } from '../../src/judge/fault-metrics.ts'
import type { RunEvent } from '../../src/protocol/events.ts'

const cut = { fault: 0, op: 'cut', hosts: ['host2'] }

/** A cut from 1 s to 3 s, in which a token is sent that comes home to a ring of three at `homeS`. */
const events = (homeS: number): RunEvent[] => [
  { t_s: 1, from: 'run', kind: 'fault_started', ...cut },
  { t_s: 1.1, from: 'run', kind: 'proof_started', proof: 2 },
  { t_s: 3, from: 'run', kind: 'fault_ended', ...cut },
  { t_s: homeS, from: 'dataplane', kind: 'token_passed', walk: 2, node_id: 1, from_id: 3, hops: 3 },
]

t.test('a token that comes home while the fault lasts says that nobody felt it; one that is late does not', t => {
  t.equal(faultsFeltCount(events(1.2), 3), 0)
  t.equal(faultsFeltCount(events(3.1), 3), 1)
  t.end()
})
