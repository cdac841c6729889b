// What the report says of traffic.

import t from 'tap'
import { judge } from '../../src/judge/judge.ts'
import { renderHtml } from '../../src/report/html.ts'
import { rateSeries } from '../../src/report/html-traffic.ts'
import { renderTerminal } from '../../src/report/terminal.ts'
import { trafficLines } from '../../src/report/traffic.ts'
import { historyOf, type RunData, ringRun } from '../fixtures/run-folder.ts'
import { linkOf, nodeOf, sinkOf, sourceOf, type Traffic, trafficRun } from '../fixtures/traffic.ts'

const linesOf = (data: RunData) => trafficLines(judge(historyOf(data)), historyOf(data))

const texts = (change?: (traffic: Traffic) => void): Record<string, string> =>
  Object.fromEntries(linesOf(trafficRun(change)).map(({ what, text }) => [what, text]))

t.test('good traffic, line by line', t => {
  t.same(texts(), {
    Flows: '2 flows, finished',
    Packets: '2,000 sent (2.8 MB), 3,000 due at all destinations, none lost, 4.195 Mbit/s in all',
    Latency: '2 ms (p99 6 ms) of the median flow, 4 ms (p99 12 ms) of the slowest',
    Rate: 'every paced flow had 100.0 % of its rate or more',
    'Worst flow': '2: 2 to all, lost nothing, p99 12 ms',
    Hops: '4,000 packets over links, 499 a second',
    Dropped: 'none',
    Account: 'every packet is accounted for, at every node and link',
  })
  t.same(
    linesOf(trafficRun()).filter(({ isBad }) => isBad),
    [],
  )
  t.end()
})

t.test('what went wrong is said, and stands out', t => {
  const spoil = (traffic: Traffic): void => {
    sinkOf(traffic, 1, 3).received_packets -= 30
    sinkOf(traffic, 2, 1).duplicate_packets = 2
    sinkOf(traffic, 2, 1).reordered_packets = 5
    sourceOf(traffic, 2).finished = false
    nodeOf(traffic, 2).in_packets += 9
    nodeOf(traffic, 2).dropped = { no_route: 2, queue_full: 3 }
    linkOf(traffic, 3, 2).received_packets -= 8
    linkOf(traffic, 2, 3).breaks = 1
    linkOf(traffic, 1, 2).sent.held_packets = 1
    linkOf(traffic, 1, 2).sent.in_packets += 1
  }
  t.match(texts(spoil), {
    Flows: '2 flows, 1 unfinished',
    Packets: /30 lost \(1 %\), 2 came twice, 5 overtaken/,
    'Worst flow': '1: 1 to 3, lost 30 of 1,000, p99 6 ms',
    Dropped: '5: 3 queue_full, 2 no_route, 1 still waited',
    Account: /^4 packets are unaccounted for: node 2: 2009 in \+ 1000 made, 3000 out \+ 5 dropped/,
    'Broken links': /2-3.*; 8 packets were under way on them/,
  })
  const data = trafficRun(spoil)
  t.same(
    linesOf(data).flatMap(({ what, isBad }) => (isBad ? [what] : [])),
    ['Flows', 'Packets', 'Account', 'Broken links'],
  )
  const { notes } = judge(historyOf(data))
  t.ok(notes.includes('links broke while there was traffic: 2-3, 3-2; 8 packets were under way on them'))
  t.end()
})

t.test('a run that did not account for its packets says so; one without traffic has no such part', t => {
  const data = trafficRun()
  t.match(linesOf({ ...data, traffic: [] }), [{ text: 'the run did not account for its packets', isBad: true }])
  const ring = historyOf(ringRun())
  t.same(linesOf(ringRun()), [])
  t.notMatch(renderTerminal(judge(ring), ring, { color: false, folder: '/x' }), /Traffic/)
  t.notMatch(renderHtml(judge(ring), ring), /<h2>Traffic/)
  t.end()
})

t.test('the terminal has it between summary and gates', t => {
  const history = historyOf(trafficRun())
  const text = renderTerminal(judge(history), history, { color: false, folder: '/x' })
  t.match(text, /Traffic\n {2}Flows {7}2 flows, finished\n {2}Packets {5}2,000 sent/)
  t.ok(text.indexOf('Traffic') < text.indexOf('Gates'))
  const red = historyOf(trafficRun(traffic => void sinkOf(traffic, 1, 3).received_packets--))
  t.match(renderTerminal(judge(red), red, { color: true, folder: '/x' }), /.\[31m2,000 sent/)
  t.end()
})

t.test('the page has lines, curves and the worst flows; text stays text', t => {
  const data = trafficRun()
  const { controller } = data.plan.scenario
  const [one, two] = controller.flows
  if (one === undefined || two === undefined) throw new Error('two flows')
  const label = '<img src=x>'
  const named = {
    ...controller,
    flows: [one, { ...two, dstGroup: label }],
    groups: [{ ...controller.groups[0], label }],
  }
  data.plan = { ...data.plan, scenario: { ...data.plan.scenario, controller: named as typeof controller } }
  const looks = (data.traffic ?? []).flatMap(line => ('totals' in line ? [line] : []))
  const last = looks.at(-1)
  if (last === undefined) throw new Error('no totals')
  const { totals } = last
  data.traffic?.push({
    ...last,
    ask: 9,
    t_s: 8,
    totals: { ...totals, sent_bytes: 2_100_000, received_bytes: 3_000_000 },
  })
  const html = renderHtml(judge(historyOf(data)), historyOf(data))
  t.match(html, /<h2>Traffic<\/h2><dl class="facts"><dt>Flows<\/dt><dd>2 flows, finished<\/dd>/)
  t.match(html, /Latencies of flows, one way/)
  t.match(html, /Rates of all flows over time/)
  t.match(html, /<th scope="row">2: 2 to &lt;img src=x&gt;<\/th><td class="num">1,000<\/td>/)
  t.notMatch(html, /<img/)
  t.end()
})

t.test('rates lie between two looks of all fleets; one that a fleet missed is left out', t => {
  const totals = (bytes: number) => ({
    hops_packets: 0,
    dropped_packets: 0,
    sent_packets: 0,
    sent_bytes: bytes,
    received_packets: 0,
    received_bytes: bytes / 2,
  })
  const look = (ask: number, t_s: number, ...bytes: number[]) =>
    bytes.map((each, host) => ({ t_s, ask, host: `host${host}`, totals: totals(each) }))
  const series = rateSeries([
    ...look(1, 1, 0, 100),
    ...look(2, 2, 300, 200),
    ...look(3, 3, 400),
    ...look(4, 4, 800, 500),
  ])
  t.same(series, [
    {
      name: 'sent',
      points: [
        [2, 400],
        [4, 400],
      ],
    },
    {
      name: 'received',
      points: [
        [2, 200],
        [4, 200],
      ],
    },
  ])
  t.same(
    rateSeries([]).map(({ points }) => points),
    [[], []],
  )
  t.end()
})
