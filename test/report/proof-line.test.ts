import t from 'tap'
import { judge } from '../../src/judge/judge.ts'
import type { Plan } from '../../src/plan.ts'
import { renderHtml } from '../../src/report/html.ts'
import { proofLine } from '../../src/report/proof-line.ts'
import { renderTerminal } from '../../src/report/terminal.ts'
import { proofOf, withEnds, withoutProof, withPlan } from '../fixtures/proof.ts'
import { historyOf, type RunData, ringRun } from '../fixtures/run-folder.ts'

function lineOf(data: RunData): string | undefined {
  const history = historyOf(data)
  return proofLine(judge(history), history)?.text
}

const withTopology = (data: RunData, topology: Partial<Plan['topology']>): RunData =>
  withPlan(data, { ...data.plan, topology: { ...data.plan.topology, ...topology } })

/** Two hosts of six nodes each. */
function overHosts(data: RunData): RunData {
  const [fleet] = data.plan.fleets as [Plan['fleets'][number]]
  const fleets = [0, 6].map(from => ({
    ...fleet,
    host: `host${from}`,
    nodeIdOffset: from,
    nNodes: 6,
    fabric: { ...fleet.fabric, nodes: fleet.fabric.nodes.slice(from, from + 6) },
  }))
  return withPlan(data, { ...data.plan, fleets })
}

t.test('a ring that is proven says what the token walked and which links agree', async t => {
  t.equal(lineOf(ringRun({ nodes: 800 })), 'ring proven: 800 hops in 80 ms, 800 links agree')
  t.equal(
    lineOf(overHosts(ringRun())),
    'ring proven: 12 hops in 1.2 ms, 12 links agree, 2 cross hosts',
    'with hosts to cross',
  )
})

t.test('a ring that is not says how far it is one', async t => {
  const short = ringRun()
  short.events = short.events.filter(event => event.kind !== 'token_passed' || event.hops < 5)
  t.equal(lineOf(short), 'ring not proven: the token made 4 of 12 hops, 12 links agree')
  const wrong = withEnds(ringRun(), end => (end[0] === 2 && end[1] === 1 ? null : end))
  t.match(lineOf(wrong), /^ring not proven: 12 hops in .* ms, 11 links agree, 1 disagrees$/)
  const gone = withEnds(ringRun(), end => (end[0] + end[1] === 3 ? null : end))
  t.match(lineOf(gone), /^ring not proven: .* 11 links agree, 1 missing$/)
  t.match(lineOf({ ...ringRun(), links: [] }), /^ring not proven: 12 hops in .*, its links are not known$/)
})

t.test('other topologies have links to prove, or nothing', async t => {
  t.equal(lineOf(withTopology(ringRun(), { edges: [[1, 2]], name: 'custom' })), 'links proven: 1 link agrees')
  t.equal(lineOf(withTopology(ringRun(), { edges: [], name: 'none' })), undefined)
})

t.test('a ring of one has no link to prove', async t => {
  t.equal(lineOf(ringRun({ nodes: 1 })), undefined)
})

t.test('a run that made no proof says nothing of it', async t => {
  const data = withoutProof(ringRun())
  t.equal(lineOf(data), undefined)
  t.notMatch(renderTerminal(judge(historyOf(data)), historyOf(data), { color: false, folder: 'x' }), /proven/)
})

t.test('the line is in the terminal and on the page, red where nothing is proven', async t => {
  const data = ringRun()
  const good = historyOf(data)
  t.match(renderHtml(judge(good), good), /<p class="pass">ring proven: 12 hops/)
  const again = proofOf(data.plan, 3, 2).events.slice(0, 3)
  const bad = historyOf({ ...data, events: [...data.events, ...again] })
  t.match(renderHtml(judge(bad), bad), /<p class="fail">ring not proven: the token made 1 of 12 hops, its links/)
  t.match(
    renderTerminal(judge(bad), bad, { color: true, folder: 'x' }),
    '\u001b[31mring not proven: the token made 1 of 12 hops',
  )
})
