import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import t from 'tap'
import { parseMetrics, scrape } from '../../../src/lab/soak/scrape.ts'

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
  t.same(parseMetrics(TEXT, ['absent']), {})
})

t.test('a server that refuses, or is not there, has no values', async t => {
  let status = 200
  const server = createServer((_request, response) => response.writeHead(status).end(TEXT))
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/metrics`
  t.same(await scrape(url, ['up']), { up: 1 })
  status = 503
  t.equal(await scrape(url, ['up']), null)
  server.closeAllConnections()
  await new Promise(resolve => server.close(resolve))
  t.equal(await scrape(url, ['up']), null)
})
