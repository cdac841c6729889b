// What users write, and what is none of it.

import t from 'tap'
import { parseListen } from '../../../src/dataplane/collector/metrics-server.ts'
import { parseSink } from '../../../src/dataplane/collector/open-sink.ts'
import { parseChange, parseInterval, parsePorts, parseStates } from '../../../src/dataplane/collector/settings.ts'

const usage = { code: 'USAGE' }

t.test('intervals are durations from 10 ms to 20 days', async t => {
  t.equal(parseInterval('--interval', '250ms'), 0.25)
  t.equal(parseInterval('--interval', '1h30m'), 5400)
  for (const wrong of ['5', 'soon', '9ms', '0s', '21d', ''])
    t.throws(() => parseInterval('--interval', wrong), usage, wrong)
})

t.test('states have the names of ss or of the kernel', async t => {
  t.same(parseStates('--state', ['established,time-wait', 'FIN_WAIT1', 'fin-wait-2', 'listening']), [
    'ESTABLISHED',
    'TIME_WAIT',
    'FIN_WAIT1',
    'FIN_WAIT2',
    'LISTEN',
  ])
  t.same(parseStates('--state', ['established', 'all']), [])
  for (const wrong of ['open', '', ',', 'listen,']) t.throws(() => parseStates('--state', [wrong]), usage, wrong)
})

t.test('ports are numbers, 64 at most', async t => {
  t.same(parsePorts('--port', ['80,443', '1']), [80, 443, 1])
  t.same(parsePorts('--port', ['all']), [])
  const many = Array.from({ length: 65 }, (_, at) => String(at + 1))
  for (const wrong of [['0'], [''], ['80,'], ['65536'], ['http'], ['-1'], ['1.5'], many]) {
    t.throws(() => parsePorts('--port', wrong), usage, wrong.join(','))
  }
})

t.test('a change names what it changes', async t => {
  t.same(parseChange('interval=1s'), { interval_s: 1 })
  t.same(parseChange('states=listen'), { states: ['LISTEN'] })
  t.same(parseChange('ports=all'), { ports: [] })
  for (const wrong of ['interval', '=1s', 'sink=stdout', 'interval=', 'states=', 'ports=', 'interval=x']) {
    t.throws(() => parseChange(wrong), usage, wrong)
  }
})

t.test('a sink is one of three; a wrong one is not repeated with its password', async t => {
  t.same(parseSink('stdout'), { kind: 'stdout' })
  t.same(parseSink('-'), { kind: 'stdout' })
  t.same(parseSink('file:rows.ndjson'), { kind: 'file', path: 'rows.ndjson' })
  for (const url of ['postgres://u@h/d', 'postgresql:///d?host=/run']) {
    t.same(parseSink(url), { kind: 'postgres', url })
    t.same(parseSink(`postgres:${url}`), { kind: 'postgres', url })
  }
  for (const wrong of ['', 'file:', 'kafka://a', 'postgres:', 'rows.ndjson'])
    t.throws(() => parseSink(wrong), usage, wrong)
  t.throws(() => parseSink('mysql://me:secret@h'), { message: '--sink mysql://…: no such sink' })
})

t.test('metrics are on loopback unless told', async t => {
  t.same(parseListen('9464'), { host: '127.0.0.1', port: 9464 })
  t.same(parseListen('0.0.0.0:0'), { host: '0.0.0.0', port: 0 })
  t.same(parseListen('[::1]:9464'), { host: '::1', port: 9464 })
  for (const wrong of ['', 'x', ':1', '1:2:3', 'h:65536', '[::1]']) t.throws(() => parseListen(wrong), usage, wrong)
})
