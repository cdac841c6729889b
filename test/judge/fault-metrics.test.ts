import t from 'tap'
import type { FaultConfig } from '../../src/config/types.ts'
import { faultsFeltCount, rowsKeptCount } from '../../src/judge/fault-metrics.ts'
import type { RunEvent } from '../../src/protocol/events.ts'

const cut = { fault: 0, op: 'cut', hosts: ['host2'] }

/** A cut from 1 s to 3 s, in which a token is sent that comes home to a ring of three at `homeS`. */
const events = (homeS: number): RunEvent[] => [
  { t_s: 1, from: 'run', kind: 'fault_started', ...cut },
  { t_s: 1.1, from: 'run', kind: 'proof_started', proof: 2 },
  { t_s: 3, from: 'run', kind: 'fault_ended', ...cut },
  { t_s: homeS, from: 'dataplane', kind: 'token_passed', walk: 2, node_id: 1, from_id: 3, hops: 3 },
]

t.test('an impairment is felt when every host lost frames and had some late, as was asked', t => {
  const impair = { fault: 0, op: 'impair', hosts: ['host1', 'host2'] }
  const asked = { atS: 1, forS: 2, op: 'impair', hosts: impair.hosts, loss: 0.1, delayS: 0.01, jitterS: 0 } as const
  const felt = (counts: readonly (readonly [lost: number, late: number])[], changes: Partial<FaultConfig> = {}) => {
    const frames = counts.map(([lost_count, delayed_count], index) => {
      return { host: `host${index + 1}`, lost_count, delayed_count }
    })
    const said: RunEvent[] = [
      { t_s: 1, from: 'run', kind: 'fault_started', ...impair },
      { t_s: 3, from: 'run', kind: 'fault_ended', ...impair, frames },
    ]
    return faultsFeltCount(said, 3, [{ ...asked, ...changes }])
  }
  t.equal(
    felt([
      [1, 5],
      [2, 9],
    ]),
    1,
  )
  t.equal(
    felt([
      [1, 5],
      [0, 9],
    ]),
    0,
    'nothing of one host was lost',
  )
  t.equal(
    felt([
      [1, 5],
      [2, 0],
    ]),
    0,
    'nothing of one host was late',
  )
  t.equal(
    felt(
      [
        [0, 5],
        [0, 9],
      ],
      { loss: 0 },
    ),
    1,
  )
  t.equal(
    felt(
      [
        [1, 0],
        [1, 0],
      ],
      { delayS: 0 },
    ),
    1,
  )
  t.equal(
    felt(
      [
        [1, 0],
        [1, 0],
      ],
      { delayS: 0, jitterS: 0.1 },
    ),
    0,
  )
  t.equal(felt([[1, 5]]), 0, 'nobody counted for the other')
  t.equal(felt([]), 0)
  t.end()
})

t.test('a token that comes home while the fault lasts says that nobody felt it; one that is late does not', t => {
  t.equal(faultsFeltCount(events(1.2), 3, []), 0)
  t.equal(faultsFeltCount(events(3.1), 3, []), 1)
  t.end()
})

t.test('what did not end, or no token could show, was not felt', t => {
  const [started, ...rest] = events(4)
  t.equal(faultsFeltCount(events(4), 3, []), 1)
  t.equal(faultsFeltCount([started as RunEvent, rest[0] as RunEvent], 3, []), 0)
  const reboots = events(4).map(event => ('op' in event ? { ...event, op: 'reboot' } : event)) as RunEvent[]
  t.equal(faultsFeltCount(reboots, 3, []), 0)
  t.equal(rowsKeptCount([]), null)
  t.end()
})
