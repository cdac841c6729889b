import { createServer, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import t, { type Test } from 'tap'
import { PAGE_BYTES_MAX, parseMetrics, scrape } from '../../../src/lab/soak/scrape.ts'

const TEXT = `# HELP rows_total Rows.
# TYPE rows_total counter
rows_total{sink="a"} 3
rows_total{sink="b"} 4 1700000000000
up 1
ratio 2.5e-1
none NaN
most +Inf
`

t.test('values by name, those with labels added up', async t => {
  t.same(parseMetrics(TEXT, []), { rows_total: 7, up: 1, ratio: 0.25 }, 'what is no number is left out')
  t.same(parseMetrics(TEXT, ['up', 'rows_total{sink="b"}']), { 'rows_total{sink="b"}': 4, up: 1 })
  t.same(parseMetrics(TEXT, ['absent', 'none', 'most']), {})
})

t.test('labels may hold anything that is quoted, and lines an exemplar', async t => {
  const odd = String.raw`a{path="/x y} 9",say="\"\\\n"} 1`
  t.same(parseMetrics(odd, ['a']), { a: 1 })
  t.same(parseMetrics('b_bucket{le="1",} 2 # {trace_id="x y"} 0.5 1.7e9\r\n# EOF\r\n\r\n', []), { b_bucket: 2 })
  t.same(parseMetrics('c{} .5\nd 5.\ne -1E+3', []), { c: 0.5, d: 5, e: -1000 })
})

t.test('a sum with what is no number is none', async t => {
  t.same(parseMetrics('a{x="1"} 1\na{x="2"} NaN\nb inf', ['a', 'a{x="1"}', 'b']), { 'a{x="1"}': 1 })
})

t.test('a line that is none of the format makes the page none', async t => {
  for (const line of ['<html>', 'up', 'up one', 'up 0x10', 'up 1 2 3', 'a{x=1} 1', 'a{x="1" 1', '1a 1', 'a{x="1"}{} 1'])
    t.throws(() => parseMetrics(`ok 1\n${line}\n`, ['ok']), /line 2 is no sample/, line)
})

/** A page that `answer` gives. */
async function serve(t: Test, answer: (response: ServerResponse) => void): Promise<string> {
  const server = createServer((_request, response) => answer(response))
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  t.teardown(() => {
    server.closeAllConnections()
    return new Promise(resolve => server.close(resolve))
  })
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}/metrics`
}

t.test('each way not to answer has its reason, and no values', async t => {
  t.same(await scrape(await serve(t, to => to.end(TEXT)), ['up']), { values: { up: 1 } })
  const failing: readonly [RegExp, (response: ServerResponse) => void][] = [
    [/^it answered 500 Internal Server Error$/, to => to.writeHead(500).end(TEXT)],
    [/^line 1 is no sample: <html>/, to => to.end('<html>')],
    [/^no answer in 0\.3 s$/, () => {}],
    [/^no answer in 0\.3 s$/, to => to.write('up 1\n')],
    [/\S/, to => to.destroy()],
  ]
  for (const [problem, answer] of failing)
    t.match(await scrape(await serve(t, answer), ['up'], 300), { values: {}, problem }, String(problem))
  t.match(await scrape('http://127.0.0.1:1/metrics', []), { values: {}, problem: /ECONNREFUSED|bad port/ })
})

t.test('a page without an end is not taken whole', async t => {
  const line = 'up{a="1"} 1\n'.repeat(10_000)
  const url = await serve(t, to => {
    const more = (): void => {
      while (!to.destroyed && to.write(line)) {}
    }
    to.on('drain', more)
    more()
  })
  t.match(await scrape(url, ['up'], 60_000), { values: {}, problem: /larger than 16 MiB/ })
  const filler = `#${'x'.repeat(1000)}\n`.repeat(Math.floor(PAGE_BYTES_MAX / 1002) - 1)
  t.same(await scrape(await serve(t, to => to.end(`${filler}up 1\n`)), ['up'], 60_000), { values: { up: 1 } })
})
