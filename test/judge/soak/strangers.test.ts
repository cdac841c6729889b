// Namespaces that churn never made: those that were there before it, and those that never were.

import t from 'tap'
import { judgeSoak } from '../../fixtures/soak-judge.ts'
import { type SoakData, soakRun } from '../../fixtures/soak-run.ts'

const PRECISION = 'netns_precision_ratio'

/** What the list of a run has beside the machine's own namespace. */
const listing = (data: SoakData, cookies: readonly string[], unseen: number | null = null): SoakData => ({
  ...data,
  churn: data.churn.map(line =>
    line.is === 'there' ? { ...line, cookies: [...line.cookies, ...cookies], unseen_count: unseen } : line,
  ),
})

t.test('what was there before churn made any may be found, whenever that is', async t => {
  const data = soakRun({ defects: { inventedEarly: ['77'], invented: ['78'], unfound: ['79'] } })
  const sound = judgeSoak(t, listing(data, ['77', '78', '79', '80']))
  t.equal(sound.value(PRECISION), 1)
  t.match(sound.why(PRECISION), /^\d+ of \d+ namespaces found truly were, 3 of them there before churning, 0 on/)
  const ghosts = judgeSoak(t, data)
  t.equal(ghosts.report.verdict, 'pass', 'no gate of this run is about it')
  t.equal(ghosts.value(PRECISION), 171 / 174)
  t.match(
    ghosts.why(PRECISION),
    /the first of 3: at 0\.800 s (namespace 77 .* was found, and churn never made it|sock)/,
  )
})

t.test('a ghost of the first seconds turns the gate on precision', async t => {
  const gates = [{ name: 'precision', metric: PRECISION, operator: '==', limit: 1 }] as const
  const verdictOf = (data: SoakData) => judgeSoak(t, data).report.gates[0]?.verdict
  t.equal(verdictOf(soakRun({ gates })), 'pass')
  t.equal(verdictOf(soakRun({ gates, defects: { inventedEarly: ['77'] } })), 'fail')
  t.equal(verdictOf(soakRun({ gates, defects: { unfound: ['77'] } })), 'fail')
})

t.test('two looks count together', async t => {
  const data = soakRun({ defects: { inventedEarly: ['77'] } })
  const again = { is: 'there' as const, t_s: 1, cookies: ['77'], unseen_count: null }
  t.equal(judgeSoak(t, { ...data, churn: [again, ...data.churn] }).value(PRECISION), 1)
})

t.test('as many as the kernel counts beside the list may be found before churning, and no more', async t => {
  const early = soakRun({ defects: { inventedEarly: ['77', '78'] } })
  t.equal(judgeSoak(t, listing(early, [], 2)).value(PRECISION), 1)
  t.equal(judgeSoak(t, listing(early, [], 1)).value(PRECISION), 172 / 173)
  t.equal(judgeSoak(t, listing(early, [], 0)).value(PRECISION), 171 / 173)
  const later = soakRun({ defects: { invented: ['77'] } })
  t.equal(judgeSoak(t, listing(later, [], 2)).value(PRECISION), 171 / 172)
})

t.test('where nobody listed what was there, its time has to do, and the evidence says so', async t => {
  const defects = { unlisted: true, inventedEarly: ['77'], unfound: ['78'] }
  const old = judgeSoak(t, soakRun({ defects }))
  t.equal(old.value(PRECISION), 1)
  t.match(old.why(PRECISION), /2 of them there before churning \(by their times: nobody listed them\)/)
  const late = judgeSoak(t, soakRun({ defects: { ...defects, invented: ['79'] } }))
  t.equal(late.value(PRECISION), 172 / 173)
})

t.test('sockets that are told of a namespace once all of it was settled are no ghost of it', async t => {
  const data = soakRun({ holdS: 200 })
  const netns = '40075'
  const socket = ['999999', 4, 80, 0, 'LISTEN', 190, 200, 2] as const
  const again = { is: 'forgot' as const, t_s: 204, netns, gone: false, more: false, sockets: [socket] }
  const late = judgeSoak(t, { ...data, observed: [...data.observed, again] })
  t.equal(late.value(PRECISION), 1)
})

t.test('of a run that was killed nobody judges what came after its truth', async t => {
  const data = soakRun({ holdS: 200 })
  const socket = (t_s: number) => ['999999', 4, 80, 0, 'LISTEN', t_s, 204, 2] as const
  const told = (netns: string, firstS: number) =>
    ({ is: 'forgot', t_s: 204, netns, gone: false, more: false, sockets: [socket(firstS)] }) as const
  const observed = [...data.observed, told('77', 190), told('78', 20)]
  const timeOf = (line: SoakData['churn'][number]): number => ('asked_s' in line ? line.asked_s : line.t_s)
  const churn = data.churn.filter(line => timeOf(line) < 100 && !(line.is === 'dropped' && (line.gone_s ?? 0) > 100))
  const killed = judgeSoak(t, { ...data, churn, observed, outcome: null })
  t.match(killed.why(PRECISION), /at 20\.000 s sockets were told under namespace 78/)
  t.equal(killed.value(PRECISION), 495 / 496)
})
