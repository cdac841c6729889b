import t from 'tap'
import { judge } from '../../src/judge/judge.ts'
import type { Point } from '../../src/report/chart.ts'
import { memoryCurves, processorCurves, processRows, thinned, wiringCurve } from '../../src/report/curves.ts'
import { historyOf, interruptedRun, ringRun } from '../fixtures/run-folder.ts'

t.test('the wiring curve rises to all nodes, each kind after the one before', async t => {
  const { series, marks, fromS, toS } = wiringCurve(historyOf(ringRun({ nodes: 50 })))
  t.same(
    series.map(one => one.points.at(-1)),
    [
      [toS, 50],
      [toS, 50],
      [toS, 50],
    ],
  )
  t.ok(series.every(one => one.points[0]?.[0] === fromS && one.points[0][1] === 0))
  const half = series.map(one => one.points.find(point => point[1] >= 25)?.[0] ?? 0)
  t.same(
    half,
    [...half].sort((a, b) => a - b),
  )
  t.match(
    marks.map(mark => mark.label),
    [/^all connected/, /^all wired/],
  )
})

t.test('nodes that go are taken off again', async t => {
  const data = ringRun({ nodes: 5 })
  const lostS = data.events.find(event => event.kind === 'all_connected')?.t_s ?? 0
  data.events.push({ t_s: lostS, from: 'controller', kind: 'node_lost', node_id: 3, reason: 'x' })
  t.equal(wiringCurve(historyOf(data)).series[1]?.points.at(-1)?.[1], 4)
})

t.test('a run that never wired shows all it has', async t => {
  const { series, marks } = wiringCurve(historyOf(interruptedRun({ nodes: 100 })))
  t.same(marks, [])
  t.ok((series[0]?.points.at(-1)?.[1] ?? 0) > (series[2]?.points.at(-1)?.[1] ?? 0))
  const nothing = wiringCurve({ ...historyOf(ringRun()), events: [] })
  t.ok(nothing.series.every(one => one.points.length === 0))
  t.ok(nothing.toS > nothing.fromS)
})

t.test('memory is drawn from its value before the run, or from the first sample', async t => {
  const history = historyOf(ringRun({ nodes: 100 }))
  const [system, ...processes] = memoryCurves(judge(history), history)
  t.ok(Math.abs(system?.points[0]?.[1] ?? 1e9) < 3e6)
  t.ok((system?.points.at(-1)?.[1] ?? 0) > 40e6)
  t.same(
    processes.map(one => [one.name, one.colour]),
    [
      ['controller (resident)', 1],
      ['database (resident)', 2],
      ['dataplane (resident)', 3],
      ['run (resident)', 4],
    ],
  )
  const ofGuests = history.samples.flatMap(one => [one, { ...one, site: 'vm1' }])
  t.same(
    memoryCurves(judge(history), { ...history, samples: ofGuests })
      .map(one => one.name)
      .filter(name => /above|dataplane/.test(name)),
    ['local, above its start', 'vm1, above its start', 'dataplane (resident)', 'vm1 dataplane (resident)'],
  )
  const killed = { ...history, outcome: null }
  t.equal(memoryCurves(judge(killed), killed)[0]?.points[0]?.[1], 0)
  const unsampled = { ...history, samples: [] }
  t.same(memoryCurves(judge(unsampled), unsampled), [])
})

t.test('processors are what a process used from one sample to the next', async t => {
  const curves = processorCurves(historyOf(ringRun()))
  const dataplane = curves.find(one => one.name === 'dataplane')
  t.ok(dataplane?.points.every(([, busy]) => Math.abs(busy - 0.9) < 1e-6))
})

t.test('a counter that falls, or a clock that stands, gives no point', async t => {
  const history = historyOf(ringRun())
  const [one, two] = history.samples.slice(5, 7)
  if (!one || !two) throw new Error('too few samples')
  t.ok(processorCurves({ ...history, samples: [two, { ...one, t_s: two.t_s + 1 }] }).every(c => c.points.length === 0))
  t.ok(processorCurves({ ...history, samples: [one, { ...two, t_s: one.t_s }] }).every(c => c.points.length === 0))
})

t.test('the table of processes has the most of each, processes of one name together', async t => {
  const history = historyOf(ringRun())
  const rows = processRows(history)
  t.match(
    rows.find(row => row.name === 'dataplane'),
    { threads: 15, descriptors: 78 },
  )
  const doubled = history.samples.map(sample => ({ ...sample, processes: [...sample.processes, ...sample.processes] }))
  t.match(
    processRows({ ...history, samples: doubled }).find(row => row.name === 'dataplane'),
    { threads: 30 },
  )
})

t.test('long curves are thinned to a screen, ends kept', async t => {
  const points: Point[] = Array.from({ length: 10_001 }, (_, index) => [index, index])
  const kept = thinned(points)
  t.equal(kept.length, 400)
  t.same(
    [kept[0], kept.at(-1)],
    [
      [0, 0],
      [10_000, 10_000],
    ],
  )
  t.same(thinned(points.slice(0, 400)).length, 400)
})
