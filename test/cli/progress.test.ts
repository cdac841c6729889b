import t from 'tap'
import { LineView } from '../../src/cli/progress/progress.ts'
import { clockTime, pulseLine } from '../../src/cli/progress/pulse-line.ts'
import { type Progress, type Pulse, progressOf } from '../../src/lab/run/progress.ts'

const figures = {
  namespaces_live_count: 200,
  churn_ops_count: 1800,
  churn_failed_count: 0,
  churn_late_s: 0.0021,
  observer_exits_count: 0,
  netns_known_count: 199,
  polls_count: 45,
  poll_last_s: 0.012,
  rows_stored_count: 123_456,
  rows_doubled_count: 0,
}

const at = (elapsedS: number, durationS: number | null, more: Readonly<Record<string, number>> = {}): Progress => {
  const pulse: Pulse = { figures: { ...figures, ...more }, elapsedS, durationS }
  return { ...progressOf('churn', 's', elapsedS, durationS ?? 0, elapsedS), pulse }
}

const lineOf = (progress: Progress): string => pulseLine(progress, progress.pulse as Pulse)

function viewed() {
  const state = { nowMs: 0, lines: [] as string[] }
  const view = new LineView({
    nowMs: () => state.nowMs,
    write: text => {
      state.lines.push(text.trimEnd())
    },
  })
  return { state, view }
}

t.test('a pulse is one line, what matters most first', async t => {
  t.equal(
    lineOf(at(90, 7200)),
    'churn 1:30 of 2:00:00, 1,800 ops (2.1 ms late), 200 live, 199 known, last poll 12 ms, 123,456 rows',
  )
})

t.test('what goes wrong shows, and figures of any name', async t => {
  const line = lineOf(
    at(5, null, {
      churn_failed_count: 3,
      observer_exits_count: 1,
      rows_doubled_count: 2,
      netns_recall_ratio: 0.995,
      observer_rss_bytes: 91e6,
      observer_threads_count: 15,
      queue_bytes: 2e3,
    }),
  )
  t.match(line, /^churn 0:05, 1,800 ops \(3 failed, 2.1 ms late\), 200 live, 199 known, recall 99.50 %/)
  t.match(line, /observer 91 MB, 15 threads, 1 EXITS, last poll 12 ms, 123,456 rows \(2 doubled\), queue_bytes 2 kB$/)
})

t.test('times are those of a clock', async t => {
  t.same([0, 5.9, 754, 3723, 43_200].map(clockTime), ['0:00', '0:05', '12:34', '1:02:03', '12:00:00'])
})

t.test('without a terminal a long soak says something each minute', async t => {
  const { state, view } = viewed()
  t.teardown(() => view.end())
  view.update(progressOf('churn', '', 0, 0, 0))
  for (let second = 1; second <= 150; second++) {
    state.nowMs = second * 1000
    view.update(at(second, 7200))
  }
  t.same(
    state.lines.map(line => line.slice(0, 30)),
    [
      'nslab: churn',
      'nslab: churn 0:01 of 2:00:00, ',
      'nslab: churn 1:01 of 2:00:00, ',
      'nslab: churn 2:01 of 2:00:00, ',
    ],
  )
})

t.test('a short soak, and phases without an end, say something every five seconds', async t => {
  for (const durationS of [60, null]) {
    const { state, view } = viewed()
    t.teardown(() => view.end())
    for (let second = 1; second <= 20; second++) {
      state.nowMs = second * 1000
      view.update(at(second, durationS))
    }
    t.equal(state.lines.length, 4)
  }
})

t.test('a soak of which nothing is heard says so', async t => {
  const { state, view } = viewed()
  t.teardown(() => view.end())
  state.nowMs = 1000
  view.update(at(1, 7200))
  state.nowMs = 62_000
  view.check()
  t.match(state.lines[1], /\(nothing heard for 61 s\)$/)
})

t.test('a run without pulses has a line a phase, and one every five seconds', async t => {
  const { state, view } = viewed()
  for (const [nowMs, phase, done] of [
    [0, 'wire', 0],
    [1000, 'wire', 10],
    [5000, 'wire', 50],
    [5100, 'hold', 0],
  ] as const) {
    state.nowMs = nowMs
    view.update(progressOf(phase, 'nodes', done, 100, nowMs / 1000))
  }
  t.same(state.lines, [
    'nslab: wire: 0 of 100 nodes',
    'nslab: wire: 50 of 100 nodes, 10/s, 5.0 s left',
    'nslab: hold: 0 of 100 nodes',
  ])
})
