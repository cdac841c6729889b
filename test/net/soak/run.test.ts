// Soaks, whole: real namespaces with real sockets, a real observer and its faults.

import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t from 'tap'
import { NslabProcess, processesOf } from '../../fixtures/nslab-process.ts'
import { churned, linesOf, machine, observed, startSoak } from '../../fixtures/soak-process.ts'

t.test('a churn is filled, churned, drained and judged, and the machine is as it was throughout', async t => {
  const before = machine()
  const run = startSoak(t)
  await run.inPhase('churn')
  t.same(machine(), before, 'nothing is mounted where others could see it')
  const ended = await run.ended
  t.ok([0, 5].includes(ended.code ?? -1), `passes, or the machine was too noisy: ${ended.stderr}`)
  t.same(machine(), before)
  const report = run.report()
  t.match(
    report.phases.map(phase => phase.name),
    ['preflight', 'census', 'prepare', 'fill', 'warm', 'churn', 'drain', 'teardown', 'verify'],
  )
  t.match(report.metrics, {
    residue_count: 0,
    churn_failed_count: 0,
    netns_recall_ratio: 1,
    netns_precision_ratio: 1,
    socket_recall_ratio: 1,
    socket_sightings_ratio: 1,
    sockets_misattributed_count: 0,
    rows_lost_count: 0,
    rows_doubled_count: 0,
    observer_starts_count: 1,
    observer_exits_count: 0,
    kernel_namespaces_left_count: 0,
  })
  const truth = churned(run)
  t.equal(truth.filter(line => line.is === 'made' && line.fill).length, 8)
  t.equal(truth.filter(line => line.is === 'begin').length, 1)
  t.equal(truth.at(-1)?.is, 'end')
  const made = truth.filter(line => line.is === 'made').length
  t.equal(truth.filter(line => line.is === 'dropped').length, made, 'all that was made was dropped')
  const seen = observed(run)
  const there = truth.flatMap(line => (line.is === 'there' ? line.cookies : []))
  const own = truth.flatMap(line => (line.is === 'made' ? line.cookie : line.is === 'passed' ? line.cookies : []))
  const strangers = seen.flatMap(line => (line.is === 'found' && !own.includes(line.netns) ? line.netns : []))
  t.ok(strangers.length > 0 && strangers.every(netns => there.includes(netns)), 'what was there before was listed')
  t.equal(seen.filter(line => line.is === 'found').length, seen.filter(line => line.is === 'forgot').length)
  t.ok(seen.filter(line => line.is === 'scraped').length > 0, "the collector's metrics were read")
  t.match(seen.at(-1), { is: 'observer_exited', wanted: true })
  const samples = linesOf<{ readonly processes: readonly { readonly name: string }[] }>(run, 'samples.ndjson')
  const names = new Set(samples.flatMap(({ processes }) => processes.map(({ name }) => name)))
  t.same([...names].sort(), ['churn', 'observer', 'run', 'soak'])
  t.same(processesOf(run), [])
  t.same(
    readdirSync(run.folder).filter(name => ['db', 'churn.ndjson', 'observed.ndjson'].includes(name)),
    ['churn.ndjson', 'observed.ndjson'],
  )
})

t.test('faults of a scenario befall the observer, which comes back', async t => {
  const fault = (at: string, what: string, lasts: string): string =>
    `[[fault]]\nat = "${at}"\ndo = "${what}"\nfor = "${lasts}"\n`
  const run = startSoak(t, fault('1s', 'pause_observer', '1s') + fault('4s', 'kill_observer', '500ms'))
  const ended = await run.ended
  t.ok([0, 5].includes(ended.code ?? -1), ended.stderr)
  t.match(run.report().metrics, {
    faults_count: 2,
    faults_felt_count: 2,
    observer_starts_count: 2,
    observer_exits_count: 0,
  })
  const polls = observed(run).flatMap(line => (line.is === 'polled' && line.first_of === null ? line.t_s : []))
  const gaps = polls.slice(1).map((tS, index) => tS - (polls[index] as number))
  t.ok(Math.max(...gaps) >= 0.9, 'it stood still')
})

/** A program with a page: `answer` is a piece of JavaScript that ends the response `to`; `n` counts requests. */
const program = (answer: string, more = ''): string => {
  const script = `let n = 0; require('node:http').createServer((_, to) => { n++; ${answer} }).listen(9090, '127.0.0.1'); console.log('serving'); ${more}`
  return `
[sut]
command = ["node", "-e", ${JSON.stringify(script)}]
ready = "^serving"
forbid = ["^panic"]
metrics_url = "http://127.0.0.1:9090/metrics"
metrics = ["jobs_total"]
scrape_interval = "250ms"
[[gate]]
metric = "log_matches_count"
require = "== 0"
[[gate]]
metric = "sut_jobs_max_count"
require = "<= 500"
[[gate]]
metric = "sut_jobs_per_s"
require = ">= 1"
`
}

t.test("any program in the observer's place: its life, its log and its metrics are kept", async t => {
  const panic = "setTimeout(() => console.log('panic: out of cheese'), 1000)"
  const run = startSoak(
    t,
    program("to.end('jobs_total{of=\\'a\\'} '.replaceAll('\\'', '\"') + n + '\\nother 1\\n')", panic),
  )
  const ended = await run.ended
  t.equal(ended.code, 1, ended.stderr)
  const seen = observed(run)
  t.match(
    seen.filter(line => line.is === 'log_match'),
    [{ pattern: '^panic', line: 'panic: out of cheese' }],
  )
  const scraped = seen.filter(line => line.is === 'scraped')
  t.ok(scraped.length > 8)
  t.ok(scraped.every(line => line.is === 'scraped' && !('other' in line.values)))
  t.match(readFileSync(join(run.folder, 'console/soak.log'), 'utf8'), /^observer: serving$/m)
  t.match(run.report().metrics, {
    log_matches_count: 1,
    residue_count: 0,
    observer_starts_count: 1,
    sut_jobs_last_count: scraped.length,
    sut_jobs_min_count: 1,
  })
  const gates = run.report().gates.filter(({ name }) => name.startsWith('sut_jobs'))
  t.match(
    gates.map(({ verdict }) => verdict),
    ['pass', 'pass'],
  )
})

t.test('a page that is gone, slow or malformed for a while proves nothing', async t => {
  const answer = [
    'if (n === 12) return to.writeHead(500).end();',
    "if (n === 16) return to.end('jobs_total one');",
    "if (n === 20) return to.end('');",
    'if (n === 24) return;',
    "to.end('jobs_total ' + n);",
  ].join(' ')
  const run = startSoak(t, program(answer))
  const ended = await run.ended
  t.equal(ended.code, 5, ended.stderr)
  const gates = run.report().gates.filter(({ name }) => name.startsWith('sut_jobs'))
  for (const { verdict, evidence } of gates) {
    t.equal(verdict, 'unknown')
    t.match(evidence, /^\d scrapes without jobs_total, the first at [\d.]+ s: it answered 500/)
  }
  const problems = observed(run).flatMap(line => (line.is === 'scraped' ? (line.problem ?? []) : []))
  t.match(problems, [/500/, /line 1 is no sample/, /no answer in 2 s/])
})

t.test('the last value of a page is from after the drain, though one that was asked for before is late', async t => {
  const run = startSoak(t, program("setTimeout(() => to.end('jobs_total ' + n), 1000)"))
  await run.ended
  const drain = run.report().phases.find(({ name }) => name === 'drain')
  const drainedS = (drain?.start_s ?? 0) + (drain?.duration_s ?? 0)
  const goneS = Math.max(...churned(run).flatMap(line => (line.is === 'dropped' ? (line.gone_s ?? 0) : [])))
  const scrapedS = observed(run).flatMap(line => (line.is === 'scraped' && line.t_s < drainedS ? line.t_s : []))
  t.ok(Math.max(...scrapedS) - 1 >= goneS, 'it was asked for when all was gone')
})

t.test('a program that begins anew has its counter begin anew', async t => {
  const run = startSoak(
    t,
    `${program("to.end('jobs_total ' + 10 * n)")}[[fault]]\nat = "3s"\ndo = "kill_observer"\nfor = "500ms"\n`,
  )
  const ended = await run.ended
  t.equal(ended.code, 0, ended.stderr)
  const { metrics, gates } = run.report()
  t.match(gates.find(({ name }) => name === 'sut_jobs_per_s')?.evidence, /1 times anew from nothing/)
  const most = metrics.sut_jobs_max_count as number
  t.ok((metrics.sut_jobs_increase_count as number) > most / 2)
})

t.test('rows are read back from the database that the collector wrote to, though it restarts', async t => {
  const run = startSoak(t, '[[fault]]\nat = "2s"\ndo = "restart_database"\nfor = "1s"\n', [
    '--set',
    'collector.sink=postgres',
  ])
  const ended = await run.ended
  t.ok([0, 5].includes(ended.code ?? -1), ended.stderr)
  t.match(run.report().metrics, {
    faults_felt_count: 1,
    netns_recall_ratio: 1,
    socket_recall_ratio: 1,
    socket_sightings_ratio: 1,
    rows_lost_count: 0,
    rows_doubled_count: 0,
    residue_count: 0,
  })
  t.ok(observed(run).some(line => line.is === 'polled' && line.rows_stored_count > 0))
  const samples = linesOf<{ readonly processes: readonly { readonly name: string }[] }>(run, 'samples.ndjson')
  t.ok(samples.some(({ processes }) => processes.some(({ name }) => name === 'database')))
  t.notOk(readdirSync(run.folder).includes('db'))
  t.same(processesOf(run), [])
})

t.test('the stock scenario judges a program that tells no sockets by all the rest', async t => {
  const base = mkdtempSync(join(tmpdir(), 'nslab-soak-'))
  t.teardown(() => rmSync(base, { recursive: true, force: true }))
  const small = [
    'churn.namespaces=8',
    'churn.rate_per_s=4',
    'churn.faults=[]',
    'run.hold=5s',
    'run.sample_interval=250ms',
  ]
  const keys = [...small, 'sut.command=["sleep", "1000"]', 'gate[2].require="<= 1m"']
  const folder = join(base, 'run')
  const run = new NslabProcess(
    ['run', 'churn', '--on', 'host', '--out', folder, ...keys.flatMap(key => ['--set', key])],
    { folder },
  )
  const ended = await run.ended
  t.ok([0, 5].includes(ended.code ?? -1), `passes, or the machine was too noisy: ${ended.stderr}${ended.stdout}`)
  const { gates, not_applicable: reasons, notes } = run.report()
  const verdictOf = (name: string) => gates.find(gate => gate.name === name)?.verdict
  t.match(reasons?.[0], { why: 'the program tells no sockets ([sut] has no output)' })
  for (const name of ['netns_recall_ratio', 'sockets_misattributed_count', 'rows_lost_count', 'dumps_incomplete_count'])
    t.equal(verdictOf(name), 'not_applicable', name)
  for (const name of ['residue_count', 'churn_failed_count', 'observer_exits_count', 'observer_threads_max_count'])
    t.equal(verdictOf(name), 'pass', name)
  t.same(
    gates
      .filter(({ name, verdict }) => verdict === 'unknown' && !name.startsWith('churn_late'))
      .map(({ name }) => name),
    [],
  )
  t.notMatch(notes.join(), /nothing is proven/)
  t.match(ended.stdout, /\d+ of \d+ gates not applicable: \d+, the program tells no sockets/)
})
