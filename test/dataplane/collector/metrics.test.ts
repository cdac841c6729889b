// What Prometheus scrapes.

import { request } from 'node:http'
import { type AddressInfo, createServer } from 'node:net'
import t from 'tap'
import { Figures, type PollLine } from '../../../src/dataplane/collector/figures.ts'
import { MetricsServer } from '../../../src/dataplane/collector/metrics-server.ts'
import { Histogram } from '../../../src/dataplane/collector/prometheus.ts'
import { parseMetrics } from '../../../src/lab/soak/scrape.ts'
import { POLLS_METRIC, ROWS_SENT_METRIC } from '../../../src/protocol/collected.ts'

const counts = { sent: 12, stored: 6, dropped: 1, refused: 2, pending: 3 }
const sink = { counts, linesDropped: 0, linesRefused: 4, pendingBytes: 99 }

const line: PollLine = {
  is: 'poll',
  poll: 1,
  at_s: 1_800_000_000,
  mono_s: 1,
  took_s: 0.02,
  first_of: null,
  namespaces_count: 3,
  sockets_count: 112,
  dropped_count: 0,
  repeated_count: 2,
  incomplete_count: 1,
}

/** Each sample of a text in Prometheus' format, which is checked line by line. */
function samples(text: string): Map<string, number> {
  const found = new Map<string, number>()
  let described = ''
  for (const row of text.trimEnd().split('\n')) {
    const type = /^# TYPE (\w+) (counter|gauge|histogram)$/.exec(row)
    if (type !== null) described = type[1] as string
    if (row.startsWith('#')) continue
    const parts = /^(\w+)(\{\w+="[^"]*"(?:,\w+="[^"]*")*\})? (\S+)$/.exec(row)
    if (parts === null) throw new Error(`not a sample: ${row}`)
    const [, name = '', labels = '', value] = parts
    if (name.replace(/_(bucket|sum|count)$/, '') !== described && name !== described) throw new Error(`no TYPE: ${row}`)
    if (found.has(name + labels)) throw new Error(`twice: ${row}`)
    found.set(name + labels, Number(value))
  }
  return found
}

t.test('buckets of a histogram count what is at most their bound', async t => {
  const histogram = new Histogram([1, 5])
  for (const value of [0, 1, 2, 9]) histogram.observe(value)
  t.same(histogram.lines('x', 'a="b"'), [
    'x_bucket{a="b",le="1"} 2',
    'x_bucket{a="b",le="5"} 3',
    'x_bucket{a="b",le="+Inf"} 4',
    'x_sum{a="b"} 12',
    'x_count{a="b"} 4',
  ])
})

t.test('everything that happened has its number', async t => {
  const figures = new Figures(1_799_999_000)
  t.equal(samples(figures.render(sink)).get('nslab_collect_sockets'), 0, 'before the first poll')
  for (const _ of [1, 2, 3]) figures.found()
  figures.gone()
  figures.began(0.003)
  figures.polled(line, [0, 12, 100])
  figures.polled({ ...line, poll: 2, first_of: '5', sockets_count: 1 }, [1])
  figures.skipped(4)
  figures.blind({ is: 'blind', at_s: 1, mono_s: 1, unreadable_processes_count: 2, kinds: ['socket'] })
  const found = samples(figures.render(sink))
  for (const [name, value] of Object.entries({
    process_start_time_seconds: 1_799_999_000,
    nslab_collect_namespaces: 2,
    nslab_collect_namespaces_found_total: 3,
    nslab_collect_namespaces_gone_total: 1,
    nslab_collect_sockets: 112,
    'nslab_collect_namespace_sockets_bucket{le="10"}': 1,
    'nslab_collect_namespace_sockets_bucket{le="100"}': 3,
    nslab_collect_namespace_sockets_sum: 112,
    'nslab_collect_poll_duration_seconds_count{of="all"}': 1,
    'nslab_collect_poll_duration_seconds_count{of="one"}': 1,
    'nslab_collect_poll_duration_seconds_bucket{of="all",le="0.01"}': 0,
    'nslab_collect_poll_duration_seconds_bucket{of="all",le="0.025"}': 1,
    nslab_collect_poll_lateness_seconds_count: 1,
    nslab_collect_polls_skipped_total: 4,
    nslab_collect_last_poll_time_seconds: 1_800_000_000,
    nslab_collect_dumps_repeated_total: 4,
    nslab_collect_dumps_incomplete_total: 2,
    [ROWS_SENT_METRIC]: 12,
    nslab_collect_rows_stored_total: 6,
    nslab_collect_rows_dropped_total: 1,
    nslab_collect_rows_refused_total: 2,
    nslab_collect_lines_refused_total: 4,
    nslab_collect_rows_pending: 3,
    nslab_collect_pending_bytes: 99,
    nslab_collect_unreadable_processes: 2,
    'nslab_collect_blind_kinds{kind="socket"}': 1,
  })) {
    t.equal(found.get(name), value, name)
  }
  const read = parseMetrics(figures.render(sink), [ROWS_SENT_METRIC, POLLS_METRIC])
  t.same(read, { [ROWS_SENT_METRIC]: 12, [POLLS_METRIC]: 2 }, 'as a soak reads them')
})

t.test('/metrics is answered, and nothing else is', async t => {
  const server = await MetricsServer.listen({ host: '127.0.0.1', port: 0 }, () => 'up 1\n')
  t.teardown(() => server.close())
  const at = (path: string, method = 'GET') => fetch(`http://127.0.0.1:${server.port}${path}`, { method })
  const answer = await at('/metrics?x=1')
  t.equal(answer.status, 200)
  t.match(answer.headers.get('content-type'), 'text/plain; version=0.0.4')
  t.equal(await answer.text(), 'up 1\n')
  for (const path of ['/', '/metrics/', '//x', '/healthz']) t.equal((await at(path)).status, 404, path)
  t.equal((await at('/metrics', 'POST')).status, 405)
})

t.test('who asks for what is no URL is told so, and the next one is answered', async t => {
  const server = await MetricsServer.listen({ host: '127.0.0.1', port: 0 }, () => 'up 1\n')
  t.teardown(() => server.close())
  const statusOf = (path: string): Promise<number | undefined> =>
    new Promise((resolve, reject) => {
      request({ host: '127.0.0.1', port: server.port, path }, response => {
        response.resume()
        resolve(response.statusCode)
      })
        .on('error', reject)
        .end()
    })
  for (const path of ['//', '//[', 'http://[']) t.equal(await statusOf(path), 404, path)
  for (const path of ['/metrics', 'http://any:1/metrics']) t.equal(await statusOf(path), 200, path)
})

t.test('an address that is taken is named', async t => {
  const taken = createServer()
  await new Promise<void>(resolve => taken.listen(0, '127.0.0.1', resolve))
  t.teardown(() => new Promise(resolve => taken.close(resolve)))
  const { port } = taken.address() as AddressInfo
  await t.rejects(
    MetricsServer.listen({ host: '127.0.0.1', port }, () => ''),
    {
      code: 'KERNEL_REFUSED',
      facts: { errno: 'EADDRINUSE', where: `--metrics-listen 127.0.0.1:${port}` },
    },
  )
})
