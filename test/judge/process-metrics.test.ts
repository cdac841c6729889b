import t from 'tap'
import { rssAtWired, threadsMost } from '../../src/judge/process-metrics.ts'
import { readTimeline } from '../../src/judge/timeline.ts'
import type { Sample } from '../../src/protocol/sample.ts'

type Seen = readonly [name: string, rss: number, threads: number]

const sample = (t_s: number, ...seen: readonly Seen[]): Sample => ({
  t_s,
  memory_available_bytes: 1,
  memory_total_bytes: 2,
  load_1m: 0,
  pressure: null,
  processes: seen.map(([name, rss_bytes, threads_count], index) => ({
    name,
    pid: index + 1,
    rss_bytes,
    threads_count,
    descriptors_count: 1,
    cpu_s: 0,
  })),
})
const wiredAt = (t_s: number) => readTimeline([{ t_s, from: 'controller', kind: 'all_wired' }])

t.test('resident memory is that of the first sample after all wired, of all processes of the role', async t => {
  const samples = [
    sample(1, ['dataplane', 10, 1]),
    sample(2),
    sample(3, ['dataplane:a', 20, 1], ['dataplane:b', 30, 1], ['dataplanes', 500, 1]),
    sample(4, ['dataplane', 900, 1]),
  ]
  t.match(rssAtWired(samples, 'dataplane', wiredAt(1.5)), { known: true, value: 50 })
})

t.test('of several kernels the first sample of each counts', async t => {
  const samples = [
    { ...sample(2, ['dataplane', 20, 1]), site: 'vm1' },
    { ...sample(2.1, ['run', 7, 1]), site: 'local' },
    { ...sample(2.2, ['dataplane', 30, 1]), site: 'vm2' },
    { ...sample(3, ['dataplane', 900, 1]), site: 'vm1' },
  ]
  t.match(rssAtWired(samples, 'dataplane', wiredAt(1.5)), { known: true, value: 50 })
})

t.test('resident memory is unknown without all wired or without a later sample', async t => {
  const samples = [sample(1, ['dataplane', 10, 1])]
  t.match(rssAtWired(samples, 'dataplane', readTimeline([])), { known: false })
  t.match(rssAtWired(samples, 'dataplane', wiredAt(2)), { known: false })
})

t.test('threads are the most that one process ever had', async t => {
  const samples = [sample(1, ['dataplane', 1, 12]), sample(2, ['dataplane', 1, 17], ['controller', 1, 99]), sample(3)]
  t.match(threadsMost(samples, 'dataplane'), { known: true, value: 17 })
  t.match(threadsMost(samples, 'database'), { known: false })
})
