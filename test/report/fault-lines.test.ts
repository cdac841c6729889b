// What the report says of faults that were done to hosts.

import t from 'tap'
import type { FaultConfig } from '../../src/config/types.ts'
import { judge } from '../../src/judge/judge.ts'
import type { RunEvent } from '../../src/protocol/events.ts'
import { faultLines } from '../../src/report/fault-lines.ts'
import { renderHtml } from '../../src/report/html.ts'
import { renderTerminal } from '../../src/report/terminal.ts'
import { historyOf, type RunData, ringRun } from '../fixtures/run-folder.ts'

const kill: FaultConfig = { atS: 2, forS: 4, op: 'kill', hosts: ['host2'], loss: 0, delayS: 0, jitterS: 0 }

/** Seconds after the end of the run of twelve nodes, so that nothing else happens meanwhile. */
const at = (t_s: number): number => 1000 + t_s

const hop = (t_s: number, walk: number, node_id: number, hops: number): RunEvent => {
  return { t_s: at(t_s), from: 'dataplane', kind: 'token_passed', walk, node_id, from_id: node_id - 1, hops }
}

const started = (op: string): RunEvent[] => [
  { t_s: at(0), from: 'run', kind: 'fault_started', fault: 0, op, hosts: ['host2'] },
  { t_s: at(0.1), from: 'run', kind: 'proof_started', proof: 7 },
  hop(0.3, 7, 3, 2),
]

const ended = (op: string): RunEvent[] => [
  { t_s: at(4), from: 'run', kind: 'fault_ended', fault: 0, op, hosts: ['host2'] },
]

const rejoined: RunEvent[] = [5, 6].flatMap(node_id => [
  { t_s: at(4.1), from: 'controller', kind: 'node_left', node_id, reason: 'connection closed (1006)' },
  { t_s: at(4.2), from: 'controller', kind: 'node_connected', node_id, incarnation: 2 },
])

const recovered: RunEvent = { t_s: at(5.5), from: 'run', kind: 'recovered', fault: 0 }

/** `faults` were planned, and this happened. */
function data(fault: FaultConfig, events: readonly RunEvent[]): RunData {
  const run = ringRun()
  const { plan } = run
  return {
    ...run,
    plan: { ...plan, scenario: { ...plan.scenario, faults: [fault] } },
    events: [...run.events, ...events],
  }
}

const textOf = (fault: FaultConfig, events: readonly RunEvent[]) => faultLines(historyOf(data(fault, events)))

t.test('a host that was taken away and came back: who felt it, who rejoined, and when all was whole', async t => {
  const events = [...started('kill'), ...ended('kill'), ...rejoined, recovered]
  const text =
    'host2 switched off at 1,000 s for 4 s; felt: the token got to node 3 and no further; 2 nodes connected again; ' +
    'every link proven again 1.5 s after'
  t.same(textOf(kill, events), [{ isOvercome: true, text }])
  const history = historyOf(data(kill, events))
  t.match(renderTerminal(judge(history), history, { color: false, folder: 'x' }), `Faults\n  ✓  ${text}\n`)
  t.match(renderHtml(judge(history), history), `<h2>Faults</h2><ul class="notes"><li class="pass">${text}`)
})

t.test('what did not come to its end says how far it came', async t => {
  const none = textOf(kill, [])
  t.same(none, [{ isOvercome: false, text: 'host2 was to be switched off; the run did not come to it' }])
  t.match(textOf(kill, started('kill')), [{ isOvercome: false, text: /; the run ended before it was undone$/ }])
  const half = [...started('kill'), ...ended('kill'), ...rejoined.slice(0, 3)]
  t.match(textOf(kill, half), [
    { isOvercome: false, text: /; 1 of 2 nodes connected again; the run ended before all was whole again$/ },
  ])
})

t.test('a fault that nobody felt, and one that nobody could hand on in', async t => {
  const round = [...started('cut'), hop(1, 7, 1, 12), ...ended('cut'), recovered]
  const cut: FaultConfig = { ...kill, op: 'cut' }
  t.match(textOf(cut, round), [{ text: /cut off .*; not felt: the token got round; no node had to connect again;/ }])
  const stuck = [...started('cut').slice(0, 2), ...ended('cut'), recovered]
  t.match(textOf(cut, stuck), [{ text: /; felt: no node could hand the token on;/ }])
  const late = [...started('cut'), ...ended('cut'), hop(4.5, 7, 1, 12), recovered]
  t.match(textOf(cut, late), [{ text: /; felt: the token got to node 3/ }], 'one that comes home later')
})

t.test('frames are told as the segment counted them', async t => {
  const impair: FaultConfig = { ...kill, op: 'impair', loss: 0.2, delayS: 0.02 }
  const end = ended('impair')[0] as RunEvent & { kind: 'fault_ended' }
  const frames = [{ host: 'host2', lost_count: 1234, delayed_count: 5 }]
  const [line] = textOf(impair, [...started('impair'), { ...end, frames }, recovered])
  t.match(line, { text: /^host2 impaired .* for 4 s; host2 lost 1,234 frames and had 5 late; no node/ })
})

t.test('a run without faults has no such part', async t => {
  const history = historyOf(ringRun())
  t.same(faultLines(history), [])
  t.notMatch(renderTerminal(judge(history), history, { color: false, folder: 'x' }), 'Faults')
  t.notMatch(renderHtml(judge(history), history), '<h2>Faults')
})
