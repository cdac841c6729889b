// A soak's files as they may come: in another order, damaged, cut short, missing, and very long.

import { appendFileSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { Random } from '../../../src/base/random.ts'
import { readHistory } from '../../../src/judge/history.ts'
import { type RunData, ringRun, writeRunFolder } from '../../fixtures/run-folder.ts'
import { judgeSoak, judgeSoakFolder } from '../../fixtures/soak-judge.ts'
import { type SoakData, soakRun } from '../../fixtures/soak-run.ts'

function folderOf(test: Test, data: RunData): string {
  const { path, remove } = writeRunFolder(data)
  test.teardown(remove)
  return path
}

const valuesOf = ({ metrics }: ReturnType<typeof judgeSoakFolder>): Record<string, number | null> =>
  Object.fromEntries(Object.entries(metrics).map(([name, metric]) => [name, metric.known ? metric.value : null]))

/** Lines moved by at most `toleranceS` from where they were, by their places in time. */
function shuffled<T>(lines: readonly T[], timeOf: (line: T) => number, toleranceS: number, random: Random): T[] {
  const placed = lines.map(line => ({ line, atS: timeOf(line) + toleranceS * random.float() }))
  return placed.sort((one, other) => one.atS - other.atS).map(({ line }) => line)
}

const churnTime = (line: SoakData['churn'][number]): number =>
  line.is === 'made' ? line.made_s : line.is === 'dropped' ? (line.gone_s ?? line.returned_s) : line.t_s

t.test('the order of lines within the tolerance changes nothing', async t => {
  const seed = Number(process.env.NSLAB_TEST_SEED ?? Date.now() % 1e6)
  t.comment(`NSLAB_TEST_SEED=${seed}`)
  const random = new Random(seed)
  const defects = { missed: [30, 90], misattributed: [40], kept: [50], invented: ['77'], foundLateS: 0.1 }
  const data = soakRun({ holdS: 200, defects, seed })
  const expected = valuesOf(judgeSoak(t, data))
  for (let round = 0; round < 5; round++) {
    const churn = shuffled(data.churn, churnTime, 20, random)
    const observed = shuffled(data.observed, line => line.t_s, 20, random)
    t.same(valuesOf(judgeSoak(t, { ...data, churn, observed })), expected)
  }
})

t.test('an observer that had to wait tells all of its polls before what it found meanwhile', async t => {
  const data = soakRun({ holdS: 300, defects: { missed: [30, 90], kept: [50] } })
  const expected = valuesOf(judgeSoak(t, data))
  const [fromS, toS] = [60, 180]
  const toldAtS = (line: SoakData['observed'][number]): number =>
    (line.is === 'found' || line.is === 'forgot') && line.t_s > fromS && line.t_s < toS ? toS : line.t_s
  const late = (line: SoakData['observed'][number]): SoakData['observed'][number] =>
    line.is === 'found' ? { ...line, got_s: Math.max(line.got_s, toldAtS(line)) } : line
  const observed = data.observed.map(late).sort((one, other) => toldAtS(one) - toldAtS(other))
  t.same(valuesOf(judgeSoak(t, { ...data, observed })), expected)
})

t.test('a plan without churn is none of a soak, whatever lies beside it', async t => {
  const folder = folderOf(t, ringRun())
  writeFileSync(join(folder, 'churn.ndjson'), 'nonsense\n')
  const history = readHistory(folder)
  t.notOk('soak' in history)
  t.same(history.damage, [])
})

t.test('a line that is damaged is named, and makes what was read from its file unknown', async t => {
  const cases: Readonly<Record<string, [file: string, line: string, problem: RegExp, metric: string]>> = {
    'no JSON': ['churn.ndjson', '{"is":"made",', /JSON/, 'churn_ops_count'],
    'no object': ['churn.ndjson', '7', /does not say what it is/, 'netns_recall_ratio'],
    'a time of text': [
      'churn.ndjson',
      '{"is":"begin","t_s":"now"}',
      /t_s of "begin" must be a time/,
      'churn_ops_count',
    ],
    'a socket without ports': [
      'churn.ndjson',
      JSON.stringify({
        ...soakRun().churn.find(line => line.is === 'made'),
        sockets: [{ population: 'pair', cookie: '1', family: 4 }],
      }),
      /sockets of "made" must be a list of sockets/,
      'socket_recall_ratio',
    ],
    'a negative count': [
      'observed.ndjson',
      '{"is":"observer_started","t_s":1,"pid":-1,"start_ticks":1}',
      /pid/,
      'observer_starts_count',
    ],
    'no list': [
      'observed.ndjson',
      '{"is":"forgot","t_s":1,"netns":"1","gone":true,"more":false}',
      /sockets/,
      'polls_count',
    ],
  }
  for (const [name, [file, line, problem, metric]] of Object.entries(cases)) {
    const folder = folderOf(t, soakRun())
    appendFileSync(join(folder, file), `${line}\n`)
    const judged = judgeSoakFolder(folder)
    t.match(judged.history.damage, [{ file, kind: 'corrupt', problem }], name)
    t.equal(judged.value(metric), null, name)
    t.match(judged.why(metric), new RegExp(`${file} line \\d+ is damaged`), name)
  }
})

t.test('lines and keys that are not known here pass', async t => {
  const data = soakRun()
  const later = [
    ...data.observed,
    { is: 'weather', t_s: 1 },
    { is: 'blind', t_s: 2, unreadable_processes_count: 1, kinds: [], new: 1 },
  ]
  const judged = judgeSoak(t, { ...data, observed: later as SoakData['observed'] })
  t.same(judged.history.damage, [])
  t.equal(judged.report.verdict, 'pass')
})

t.test('a file that was never written makes its metrics unknown', async t => {
  const folder = folderOf(t, soakRun())
  rmSync(join(folder, 'observed.ndjson'))
  const judged = judgeSoakFolder(folder)
  t.match(judged.history.damage, [{ file: 'observed.ndjson', kind: 'missing' }])
  t.equal(judged.value('netns_recall_ratio'), null)
  t.equal(judged.value('churn_ops_count'), 300)
  t.equal(judged.report.verdict, 'unknown')
  rmSync(join(folder, 'churn.ndjson'))
  t.equal(judgeSoakFolder(folder).value('churn_ops_count'), null)
})

t.test('a run that was killed is judged up to where it came, without a pass', async t => {
  const data = soakRun({ holdS: 60 })
  const folder = folderOf(t, { ...data, outcome: null, events: data.events.slice(0, -5) })
  for (const file of ['churn.ndjson', 'observed.ndjson']) {
    const path = join(folder, file)
    const text = readFileSync(path, 'utf8')
    // Amid a line.
    writeFileSync(path, text.slice(0, text.indexOf('\n', text.length / 2) + 10))
  }
  const judged = judgeSoakFolder(folder)
  t.match(
    judged.history.damage?.map(({ kind }) => kind),
    ['cut', 'cut'],
  )
  t.equal(judged.report.error?.code, 'RUN_UNFINISHED')
  t.ok((judged.value('churn_ops_count') ?? 0) > 100)
  t.equal(judged.value('netns_precision_ratio'), 1)
})

t.test('a namespace made on the way to a fault may be found, and need not', async t => {
  const data = soakRun({ defects: { invented: ['77', '78'] } })
  const passed = { is: 'passed' as const, op: 30, id: 30, t_s: 20.1, cookies: ['77', '79'] }
  const judged = judgeSoak(t, { ...data, churn: [...data.churn, passed] })
  t.equal(judged.value('netns_precision_ratio'), 172 / 173)
  t.match(judged.why('netns_precision_ratio'), /1 on the way to a fault or in vain; at 20\.000 s namespace 78/)
  t.equal(judged.value('netns_recall_ratio'), 1)
})

t.test('an observer that says nothing of what it sees is judged by its processes alone', async t => {
  const data = soakRun()
  const told = ['observer_started', 'observer_exited', 'log_match', 'scraped']
  const judged = judgeSoak(t, { ...data, observed: data.observed.filter(({ is }) => told.includes(is)) })
  t.equal(judged.value('observer_starts_count'), 1)
  for (const name of ['netns_recall_ratio', 'sockets_misattributed_count', 'polls_count', 'rows_lost_count'])
    t.equal(judged.value(name), null, name)
  t.match(judged.why('netns_recall_ratio'), /the observer said nothing/)
})

t.test('hundreds of thousands of lines are judged while only what lives is held', async t => {
  // 100,000 operations in 1,000 s: with both files 250,000 lines and more.
  const data = soakRun({
    holdS: 1000,
    ratePerS: 100,
    namespaces: 100,
    pollS: 2,
    sampleS: 5,
    pairs: 0,
    defects: { missed: [777] },
  })
  t.ok(data.churn.length + data.observed.length > 250_049)
  const judged = judgeSoak(t, data)
  t.same(judged.history.damage, [])
  t.equal(judged.value('netns_judged_count'), 50_049)
  t.match(judged.why('netns_recall_ratio'), /namespace 777/)
  // Those that live, and those of the last minute.
  t.ok((judged.history.soak?.livesMost ?? Number.POSITIVE_INFINITY) < 100 + 2 * 60 * 50)
})

t.test('operations that are told twice, or not at all, make what was read of them unknown', async t => {
  const data = soakRun()
  const [first] = data.churn.filter(line => line.is === 'dropped')
  const ofOne = (line: SoakData['churn'][number]): boolean => 'id' in line && line.id === 25
  const cases: Readonly<Record<string, [churn: SoakData['churn'], problem: RegExp]>> = {
    'a line twice': [
      data.churn.flatMap(line => (line === first ? [line, line] : [line])),
      /operation \d+ is told twice/,
    ],
    'all lines twice': [[...data.churn, ...data.churn], /operation 1 is told twice/],
    'a namespace is missing': [
      data.churn.filter(line => !ofOne(line)),
      /it tells of \d+ operations, and churn did 320/,
    ],
  }
  for (const [name, [churn, problem]] of Object.entries(cases)) {
    const { history, report, value } = judgeSoak(t, { ...data, churn })
    t.match(history.damage, [{ file: 'churn.ndjson', kind: 'corrupt', problem }], name)
    t.equal(value('netns_recall_ratio'), null, name)
    t.equal(report.verdict, 'unknown', name)
  }
  t.same(judgeSoak(t, data).history.damage, [])
  const cut = { ...data, churn: data.churn.filter(line => line.is !== 'end') }
  t.match(judgeSoak(t, cut).history.damage, [{ file: 'churn.ndjson', problem: 'its last line is missing' }])
  t.same(judgeSoak(t, { ...cut, outcome: null }).history.damage, [], 'who was killed told no number')
})

t.test('events that end before the run did prove nothing', async t => {
  const data = soakRun()
  const drained = data.events.findIndex(event => event.kind === 'phase_ended' && event.phase === 'drain')
  for (const [events, verdict] of [
    [data.events.slice(0, drained + 1), 'pass'],
    [data.events.slice(0, drained), 'unknown'],
    [data.events.slice(0, 2), 'unknown'],
  ] as const) {
    const { history, report } = judgeSoak(t, { ...data, events: [...events] })
    t.equal(report.verdict, verdict, `${events.length} events`)
    t.equal(history.damage?.length, verdict === 'pass' ? 0 : 1)
  }
})

t.test('without the events nobody knows when churning ended', async t => {
  const data = soakRun()
  const folder = folderOf(t, data)
  t.equal(judgeSoakFolder(folder).report.verdict, 'pass')
  appendFileSync(join(folder, 'events.ndjson'), 'nonsense\n')
  t.equal(judgeSoakFolder(folder).report.verdict, 'unknown')
  rmSync(join(folder, 'events.ndjson'))
  const { report, why } = judgeSoakFolder(folder)
  t.equal(report.verdict, 'unknown')
  t.match(why('netns_recall_ratio'), /events\.ndjson is missing/)
})

t.test('what is no file can not be read, and proves nothing', async t => {
  const folder = folderOf(t, soakRun())
  rmSync(join(folder, 'observed.ndjson'))
  mkdirSync(join(folder, 'observed.ndjson'))
  const { history, report } = judgeSoakFolder(folder)
  t.match(history.damage, [{ file: 'observed.ndjson', kind: 'corrupt', problem: /EISDIR/ }])
  t.equal(report.verdict, 'unknown')
})

t.test('times of a single socket are checked, too', async t => {
  const data = soakRun()
  for (const times of [{ from_s: 'now' }, { from_s: 6, until_s: 'then' }]) {
    const churn = data.churn.map(line =>
      line.is === 'made' && line.id === 25
        ? { ...line, sockets: line.sockets.map(socket => ({ ...socket, ...times })) }
        : line,
    )
    const { history } = judgeSoak(t, { ...data, churn: churn as SoakData['churn'] })
    t.match(history.damage, [{ file: 'churn.ndjson', kind: 'corrupt', problem: /sockets of "made"/ }])
  }
})
