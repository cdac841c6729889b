import t from 'tap'
import { isLoopback, parseControllerAddr } from '../../src/config/host.ts'

t.test('loopback is localhost, ::1 and all of 127.0.0.0/8', t => {
  for (const host of ['localhost', '127.0.0.1', '127.9.9.9', '::1', '[::1]']) t.ok(isLoopback(host), host)
  for (const host of ['', '128.0.0.1', 'localhost.example', 'postgres', '0.0.0.0']) t.notOk(isLoopback(host), host)
  t.end()
})

t.test('a controller address is host:port, with ws:// or without', t => {
  t.same(parseControllerAddr('10.0.0.1:3000'), { host: '10.0.0.1', port: 3000 })
  t.same(parseControllerAddr('ws://localhost:1/'), { host: 'localhost', port: 1 })
  t.same(parseControllerAddr('[::1]:65535'), { host: '[::1]', port: 65_535 })
  for (const text of ['', 'host', 'host:0', 'host:65536', 'wss://host:1', 'http://host:1', 'host:1/path', 'ho st:1'])
    t.equal(parseControllerAddr(text), null, text)
  t.end()
})
