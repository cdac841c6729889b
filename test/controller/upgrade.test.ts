import t from 'tap'

import { readUpgrade } from '../../src/controller/upgrade.ts'

const node = [
  'GET / HTTP/1.1',
  'Host: 172.16.8.1:3000',
  'Connection: Upgrade',
  'Upgrade: websocket',
  'Sec-WebSocket-Version: 13',
  'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==',
]
const read = (lines: readonly string[], behind = '') =>
  readUpgrade(Buffer.from(`${lines.join('\r\n')}\r\n\r\n${behind}`))

t.test('a request as nodes send it is read, with what came behind it', async t => {
  const asked = read(node, 'behind')
  t.match(asked?.request, {
    method: 'GET',
    url: '/',
    headers: {
      host: '172.16.8.1:3000',
      connection: 'Upgrade',
      upgrade: 'websocket',
      'sec-websocket-version': '13',
      'sec-websocket-key': 'dGhlIHNhbXBsZSBub25jZQ==',
    },
  })
  t.equal(String(asked?.head), 'behind')
  t.equal(read([...node, 'x-empty:', 'X-Space: \t a b \t'])?.request.headers['x-space'], 'a b')
  t.equal(read([...node, 'x-empty:'])?.request.headers['x-empty'], '')
})

t.test('everything else is left to a real parser', async t => {
  const cases: Readonly<Record<string, readonly string[]>> = {
    'another method': ['POST / HTTP/1.1', ...node.slice(1)],
    'another version': ['GET / HTTP/1.0', ...node.slice(1)],
    'an absolute target': ['GET http://host/ HTTP/1.1', ...node.slice(1)],
    'no host': node.filter(line => !line.startsWith('Host')),
    'no upgrade': node.filter(line => !line.startsWith('Upgrade')),
    'no connection field': node.filter(line => !line.startsWith('Connection')),
    'another connection': node.map(line => line.replace('Connection: Upgrade', 'Connection: keep-alive')),
    'a field twice': [...node, 'host: other'],
    'a body': [...node, 'Content-Length: 1'],
    'a chunked body': [...node, 'Transfer-Encoding: chunked'],
    'a folded line': [...node, 'X-A: b', ' c'],
    'no colon': [...node, 'nonsense'],
    'a space before the colon': [...node, 'x-a : b'],
    'a bare line feed': [...node, 'x-a: b\nx-b: c'],
    'a control character': [...node, 'x-a: \x01'],
    'a long request': [...node, `x-a: ${'b'.repeat(2000)}`],
    'the name of what all objects have': [...node, 'constructor: x', 'constructor: y'],
  }
  for (const [name, lines] of Object.entries(cases)) t.equal(read(lines), null, name)
  t.equal(readUpgrade(Buffer.from('GET / HTTP/1.1\r\nHost: ')), null, 'a part')
})
