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
  const key = 'dGhlIHNhbXBsZSBub25jZQ=='
  t.strictSame(read(node), { key, head: Buffer.alloc(0) })
  const behind = { key, head: Buffer.from('behind') }
  t.strictSame(read(node, 'behind'), behind)
  t.strictSame(read([...node.slice(0, 1), ...node.slice(1).reverse()], 'behind'), behind, 'in another order')
  t.strictSame(read([...node, 'x-empty:', 'X-Space: \t a b \t'], 'behind'), behind, 'with more')
  t.strictSame(
    read(
      node.map(line => line.replace('Connection: Upgrade', 'connection:upgrade').replace('websocket', 'WebSocket')),
      'behind',
    ),
    behind,
    'written otherwise',
  )
})

t.test('everything else is left to a real parser', async t => {
  const cases: Readonly<Record<string, readonly string[]>> = {
    'another method': ['POST / HTTP/1.1', ...node.slice(1)],
    'another version': ['GET / HTTP/1.0', ...node.slice(1)],
    'an absolute target': ['GET http://host/ HTTP/1.1', ...node.slice(1)],
    'no host': node.filter(line => !line.startsWith('Host')),
    'no upgrade': node.filter(line => !line.startsWith('Upgrade')),
    'another upgrade': node.map(line => line.replace('websocket', 'h2c')),
    'another version of the protocol': node.map(line => line.replace('13', '8')),
    'no key': node.filter(line => !line.includes('Key')),
    'a short key': node.map(line => line.replace('dGhlIHNh', '')),
    'a wish for a subprotocol': [...node, 'Sec-WebSocket-Protocol: chat'],
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
