import { createHash } from 'node:crypto'
import t from 'tap'
import { judge } from '../../src/judge/judge.ts'
import { renderHtml } from '../../src/report/html.ts'
import { published } from '../../src/report/published.ts'
import { hostileName } from '../fixtures/hostile.ts'
import { historyOf, interruptedRun, type RunData, ringRun, withUplink } from '../fixtures/run-folder.ts'

function render(data: RunData): string {
  const history = historyOf(data)
  return renderHtml(judge(history), history)
}

t.test('the page carries one style sheet, which its policy names, and nothing that runs or loads', async t => {
  const page = render(ringRun())
  const [, css = ''] = /<style>([\s\S]*?)<\/style>/.exec(page) ?? []
  const digest = createHash('sha256').update(css).digest('base64')
  t.match(page, `style-src &#39;sha256-${digest}&#39;`)
  t.match(page, /default-src &#39;none&#39;/)
  t.equal(page.match(/<style/g)?.length, 1)
  t.notMatch(page, /<script|<img|<iframe| style="|\son\w+=|url\(|@import/)
  t.same(page.match(/\b(?:src|href|srcset|action)="(?!data:)[^"]*"/g), null)
})

t.test('the MTU between hosts is among the facts where there are several', async t => {
  t.match(render(withUplink(ringRun(), 9000)), '<dt>MTU between hosts</dt><dd>9,000 bytes</dd>')
  t.notMatch(render(ringRun()), 'MTU between hosts')
})

t.test('the same run gives the same page', async t => {
  t.equal(render(ringRun()), render(ringRun()))
})

t.test('a hostile name stays text wherever it is shown', async t => {
  const data = ringRun({
    name: hostileName,
    gates: [{ name: hostileName, metric: hostileName, operator: '<', limit: 1 }],
  })
  const error = { code: hostileName, message: hostileName, phase: hostileName, hint: hostileName, exit_code: 6 }
  data.outcome = data.outcome && {
    ...data.outcome,
    error,
    notes: [hostileName],
    residue: [hostileName],
    foreign: [hostileName],
  }
  data.environment = {
    ...data.environment,
    kernel: hostileName,
    commit: hostileName,
    versions: { [hostileName]: hostileName },
  }
  data.events.push({ t_s: 1, from: hostileName, kind: 'warning', message: hostileName })
  for (const sample of data.samples)
    for (const process of sample.processes) Object.assign(process, { name: hostileName })
  const page = render({ ...data, plan: { ...data.plan, topology: { ...data.plan.topology, name: hostileName } } })
  for (const text of ['<script', '<img', '\u001b', '\0']) t.notOk(page.includes(text), text)
})

t.test('the published figures stand beside the run’s', async t => {
  const page = render(ringRun({ nodes: 800 }))
  for (const row of published) t.ok(page.includes(`${row.wiringS.toFixed(2)} s`), String(row.nodes))
  t.match(page, /<tr class="mine"><th scope="row">Ring<small>this run/)
})

t.test('what is not known is left out or a dash', async t => {
  const data = ringRun({ gates: [] })
  const bare: RunData = {
    ...data,
    plan: { ...data.plan, scenario: { ...data.plan.scenario, summary: '' } },
    environment: {
      ...data.environment,
      started_at: '',
      commit: null,
      versions: {},
      rootless: true,
      accelerator: 'kvm',
    },
    events: [],
    samples: [],
    outcome: null,
  }
  const page = render(bare)
  t.match(page, /no gates, so nothing was proven/)
  t.match(page, /nothing was recorded/)
  t.match(page, /without root/)
  t.notMatch(page, /NaN|undefined|null/)
  t.notMatch(page, /<h2>Phases/)
})

t.test('a run without links is titled as such', async t => {
  const data = ringRun()
  const page = render({ ...data, plan: { ...data.plan, topology: { name: 'none', nodes_count: 12, edges: [] } } })
  t.match(page, /<h1>ring · Connection only of 12 nodes/)
})

t.test('an error is shown with what was last heard', async t => {
  const data = interruptedRun()
  data.outcome = data.outcome && { ...data.outcome, residue: ['veth7a'] }
  const page = render(data)
  t.match(page, /INTERRUPTED<\/span> in phase wire/)
  t.match(page, /Errors and warnings<\/p><pre>\S+ s {2}run {2}error {2}/)
  t.match(page, /Left behind: veth7a/)
  t.match(page, /<summary>Last events/)
})
