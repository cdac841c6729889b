import { once } from 'node:events'
import { request } from 'node:http'
import { connect, createServer } from 'node:net'

import t from 'tap'

import { NslabError } from '../../src/base/errors.ts'
import { ControlServer } from '../../src/controller/server.ts'
import { NODE_MESSAGE_BYTES_MAX } from '../../src/protocol/validate.ts'
import { encodeFrame, Opcode } from '../../src/protocol/web-socket-frames.ts'
import { ControlClient, serve, until } from '../fixtures/control-client.ts'
import { CoreBench, startUp } from '../fixtures/controller.ts'

t.test('three nodes join over real sockets, are wired, one leaves and comes back', async t => {
  const { bench, port } = await serve(t)
  const join = async (id: number, incarnation = 1) => {
    const client = await ControlClient.open(port)
    client.send(startUp(id, { incarnation }))
    t.equal((await client.next()).type, 'StartUp')
    await client.nextOf('InstallRoutes')
    client.send({ type: 'NodeTopologyReady', node_id: id })
    return client
  }
  const clients = [await join(1), await join(2), await join(3)]
  for (const client of clients) t.equal((await client.next()).type, 'TopologyReady')
  t.same(bench.takeEvents().slice(-1), ['all_wired'])
  clients[1]?.socket.terminate()
  t.match(await clients[0]?.next(), { type: 'RemoveNode', remote_node_id: 2 })
  const back = await join(2, 2)
  t.equal((await back.next()).type, 'TopologyReady')
})

t.test(
  'a node whose id another fleet wants is asked: one that lives keeps it, one that is silent loses it',
  async t => {
    const { bench, port } = await serve(t, { answerDeadlineMs: 2000, sweepIntervalMs: 20 })
    const join = async (id: number, fleet: string, incarnation: number, autoPong = true) => {
      const client = await ControlClient.open(port, autoPong)
      client.send(startUp(id, { fleet, incarnation }))
      return client
    }
    const living = await join(1, 'a', 1)
    const silent = await join(2, 'a', 1, false)
    for (const client of [living, silent]) await client.nextOf('InstallRoutes')
    const [first, second] = [await join(1, 'b', 9), await join(2, 'b', 9)]
    t.match(await first.next(), { type: 'Refused', code: 'id_taken', reason: /fleet a .*fleet b / })
    t.match(await second.next(), { type: 'StartUp', node_id: 2 })
    t.equal((await silent.closed()).code, 1006)
    t.match(await living.nextOf('RemoveNode'), { remote_node_id: 2, reason: 'does not answer' })
    const events = bench.takeEvents()
    t.same(events.slice(-3), ['refused 1', 'node_left 2', 'node_connected 2'])
  },
)

t.test('what is malformed, out of order or too big is refused with its code before the connection closes', async t => {
  const { port } = await serve(t)
  const cases: readonly (readonly [string, string | Buffer])[] = [
    ['malformed', '{'],
    ['malformed', '{"type":"Nonsense"}'],
    ['malformed', JSON.stringify({ ...startUp(1), node_id: 'one' })],
    ['malformed', Buffer.from(JSON.stringify(startUp(1)))],
    ['out_of_order', '{"type":"NodeTopologyReady","node_id":1}'],
    ['oversized', ' '.repeat(NODE_MESSAGE_BYTES_MAX + 1)],
    ['unknown_id', JSON.stringify(startUp(4))],
  ]
  for (const [code, frame] of cases) {
    const client = await ControlClient.open(port)
    client.socket.send(frame)
    t.match(await client.next(), { type: 'Refused', code })
    t.equal((await client.closed()).code, 1008)
  }
})

t.test('a frame beyond all measure ends its connection, and the node has left', async t => {
  const { bench, port } = await serve(t)
  const client = await ControlClient.open(port)
  client.send(startUp(1))
  await client.nextOf('InstallRoutes')
  client.send(' '.repeat(5 * NODE_MESSAGE_BYTES_MAX))
  t.equal((await client.closed()).code, 1009)
  t.same(bench.takeEvents(), ['node_connected 1', 'refused 1', 'node_left 1'])
})

t.test('a client that never says StartUp is told so and closed', async t => {
  // It has to be a WebSocket by then.
  const { bench, port } = await serve(t, { handshakeDeadlineMs: 3000, sweepIntervalMs: 10 })
  const client = await ControlClient.open(port)
  t.match(await client.next(), { type: 'Refused', code: 'silent' })
  await client.closed()
  t.same(bench.takeEvents(), ['refused'])
})

t.test('a connection that asks for nothing is closed', async t => {
  const { bench, port } = await serve(t, { handshakeDeadlineMs: 30, sweepIntervalMs: 10 })
  const socket = connect(port, '127.0.0.1')
  socket.on('error', () => {})
  socket.write('GET / HT')
  await once(socket, 'close')
  t.match(bench.events, [{ kind: 'refused', code: 'silent' }])
})

t.test('a connection that says nothing at all is closed, by the sweep or by the end', async t => {
  const { bench, port } = await serve(t, { handshakeDeadlineMs: 30, sweepIntervalMs: 10 })
  await once(
    connect(port, '127.0.0.1').on('error', () => {}),
    'close',
  )
  t.match(bench.events, [{ kind: 'refused', code: 'silent', reason: 'connected and asked for nothing' }])
  const other = await serve(t)
  const silent = connect(other.port, '127.0.0.1').on('error', () => {})
  await once(silent, 'connect')
  const gone = connect(other.port, '127.0.0.1').on('error', () => {})
  await once(gone, 'connect')
  gone.end()
  await once(gone, 'close')
  await other.server.close()
  await once(silent, 'close')
  t.same(other.bench.events, [], 'who goes by itself was not refused')
})

t.test('a request in parts, an unusual one, and one with a message behind it are all welcome', async t => {
  const { port } = await serve(t)
  const key = 'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ=='
  const start = 'GET / HTTP/1.1\r\nHost: here\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n'
  const message = encodeFrame(Opcode.text, JSON.stringify(startUp(3)))
  const cases: readonly (readonly (string | Buffer)[])[] = [
    [`${start}Conn`, `ection: Upgrade\r\n${key}\r\n\r\n`, message],
    [`${start}Connection: keep-alive, Upgrade\r\n${key}\r\n\r\n`, message],
    [Buffer.concat([Buffer.from(`${start}Connection: Upgrade\r\n${key}\r\n\r\n`), message])],
  ]
  for (const parts of cases) {
    const socket = connect(port, '127.0.0.1')
    let heard = ''
    socket
      .on('error', () => {})
      .on('data', bytes => {
        heard += bytes.toString('latin1')
      })
    await once(socket, 'connect')
    for (const part of parts) {
      socket.write(part)
      await new Promise(resolve => setTimeout(resolve, 20))
    }
    await until(() => heard.includes('"type":"InstallRoutes"'))
    t.match(heard, 'Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=')
    socket.destroy()
    await once(socket, 'close')
  }
})

t.test('a peer that stops answering has left, those that answer stay', async t => {
  const { bench, port } = await serve(t, { pingIntervalMs: 1500, sweepIntervalMs: 10 })
  const [deaf, alive] = [await ControlClient.open(port, false), await ControlClient.open(port)]
  deaf.send(startUp(1))
  alive.send(startUp(2))
  t.match(await alive.nextOf('RemoveNode'), { remote_node_id: 1, reason: 'does not answer' })
  t.ok(bench.events.some(event => event.kind === 'node_left' && event.node_id === 1))
  t.notOk(bench.events.some(event => event.kind === 'node_left' && event.node_id === 2))
})

t.test('who has answered while the controller stood still has not left', async t => {
  const intervalMs = 300
  const { port } = await serve(t, { pingIntervalMs: intervalMs, sweepIntervalMs: 10 })
  const [other, client] = [await ControlClient.open(port), await ControlClient.open(port, false)]
  for (const [at, one] of [other, client].entries()) one.send(startUp(at + 1))
  for (let asked = 0; asked < 3; asked++) {
    await Promise.race([once(client.socket, 'ping'), client.closed()])
    client.socket.pong()
    // Nobody here reads the answer before the next question is due.
    const endMs = performance.now() + 2 * intervalMs
    while (performance.now() < endMs);
  }
  t.equal(client.socket.readyState, client.socket.OPEN)
})

t.test('what is no WebSocket is answered, or refused, and never joins', async t => {
  const { bench, port } = await serve(t)
  const plain = request({ port, host: '127.0.0.1' }).end()
  const [response] = await once(plain, 'response')
  t.equal(response.statusCode, 426)
  response.resume()
  const socket = connect(port, '127.0.0.1')
  socket.on('error', () => {})
  socket.write('\x16\x03\x01 this is TLS\r\n\r\n')
  await once(socket, 'close')
  t.match(bench.events, [{ kind: 'refused', code: 'malformed' }])
})

t.test('a port in use is an error that names it', async t => {
  const other = createServer()
  t.teardown(() => other.close())
  await new Promise<void>(resolve => other.listen(0, '127.0.0.1', resolve))
  const { port } = other.address() as { port: number }
  const server = new ControlServer({ core: new CoreBench().core, onEvent: () => {} })
  const error = await server.listen({ host: '127.0.0.1', port }).catch((error: unknown) => error)
  t.ok(error instanceof NslabError)
  t.match(error, {
    code: 'KERNEL_REFUSED',
    facts: { operation: 'listen', where: `127.0.0.1:${port}`, errno: 'EADDRINUSE' },
  })
})

t.test('closing ends every session with "going away", joined or not', async t => {
  const bench = new CoreBench()
  const { server, port } = await serve(t, {}, bench)
  const [joined, fresh] = [await ControlClient.open(port), await ControlClient.open(port)]
  joined.send(startUp(1))
  await joined.nextOf('InstallRoutes')
  await until(() => server.connectionsCount === 2)
  bench.core.end()
  await server.close()
  t.equal((await joined.closed()).code, 1001)
  t.match(await fresh.next(), { type: 'Refused', code: 'ending' })
  t.equal(server.connectionsCount, 0)
})

t.test('everything a node gets when it joins leaves in one segment, flows included', async t => {
  const { bench, port } = await serve(t)
  bench.core.traffic.setFlow(7, { id: 7, srcNodeId: 2, dstNodeId: 3, spec: { flow_len: { Bytes: 1 } } })
  const join = async (id: number, incarnation = 1) => {
    const client = await ControlClient.open(port)
    const chunks: Buffer[] = []
    const { _socket: socket } = client.socket as unknown as { _socket: NodeJS.ReadableStream }
    socket.on('data', (chunk: Buffer) => chunks.push(chunk))
    client.send(startUp(id, { incarnation }))
    await client.nextOf('InstallRoutes')
    return { client, chunks }
  }
  await join(1)
  const second = await join(2)
  t.equal(second.chunks.length, 1)
  await join(3)
  await second.client.nextOf('AddFlows')
  second.client.socket.terminate()
  await until(() => bench.core.connectedCount === 2)
  const again = await join(2, 2)
  t.match(await again.client.next(), { type: 'AddFlows', flows: [{ controller_id: 7 }] })
  t.equal(again.chunks.length, 1)
})
