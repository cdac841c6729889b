// The WebSocket client against the controller's own kind of server, and against servers that misbehave.

import { readlinkSync } from 'node:fs'
import type { AddressInfo } from 'node:net'
import { createServer, type Server, type Socket } from 'node:net'
import t from 'tap'
import { type WebSocket, WebSocketServer } from 'ws'
import { ControlConnection } from '../../src/dataplane/control-connection.ts'
import { native } from '../../src/native/addon.ts'
import type { ControllerMessage } from '../../src/protocol/messages.ts'

interface Teardown {
  teardown(fn: () => unknown): unknown
}

/** A connection to `port` and what its owner was told. */
async function open(t: Teardown, port: number) {
  const told: string[] = []
  const messages: ControllerMessage[] = []
  let wake: (() => void)[] = []
  const tell = (line: string): void => {
    told.push(line)
    for (const call of wake.splice(0)) call()
  }
  const here = native.Netns.current()
  t.teardown(() => here.close())
  const fd = await here.openSocket({ connect: { address: '127.0.0.1', port, timeoutMs: 5000 } })
  const connection = new ControlConnection(fd, `127.0.0.1:${port}`, 'me', {
    opened: owner => tell(`opened ${owner}`),
    message: (_, message) => {
      messages.push(message)
      tell(`message ${message.type}`)
    },
    closed: (_, reason) => tell(`closed ${reason}`),
  })
  t.teardown(() => connection.close())
  const until = async (line: RegExp): Promise<string> => {
    for (;;) {
      const found = told.find(seen => line.test(seen))
      if (found !== undefined) return found
      await new Promise<void>(resolve => {
        wake = [...wake, resolve]
      })
    }
  }
  return { connection, told, messages, until, fd }
}

/** "socket:[inode]" behind a descriptor; null where it is closed. */
function socketOf(fd: number): string | null {
  try {
    return readlinkSync(`/proc/self/fd/${fd}`)
  } catch {
    return null
  }
}

/** A WebSocket server, and the next peer that comes. */
async function serve(t: Teardown): Promise<{ port: number; peer: Promise<WebSocket> }> {
  const server = new WebSocketServer({ host: '127.0.0.1', port: 0, perMessageDeflate: false })
  await new Promise(resolve => server.once('listening', resolve))
  t.teardown(() => {
    for (const client of server.clients) client.terminate()
    server.close()
  })
  return {
    port: (server.address() as AddressInfo).port,
    peer: new Promise(resolve => server.once('connection', resolve)),
  }
}

/** A server of bytes: answers whatever comes with `answer`. */
async function answerWith(t: Teardown, answer: (socket: Socket) => void): Promise<number> {
  const sockets: Socket[] = []
  const server: Server = createServer(socket => {
    sockets.push(socket)
    socket.on('error', () => {})
    socket.once('data', () => answer(socket))
  })
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  t.teardown(() => {
    for (const socket of sockets) socket.destroy()
    server.close()
  })
  return (server.address() as AddressInfo).port
}

t.test('opens, sends and receives', async t => {
  const { port, peer } = await serve(t)
  const { connection, messages, until } = await open(t, port)
  await until(/opened me/)
  const server = await peer
  const heard = new Promise<string>(resolve => server.once('message', data => resolve(String(data))))
  connection.send({ type: 'NodeTopologyReady', node_id: 7 })
  t.equal(await heard, '{"type":"NodeTopologyReady","node_id":7}')
  const long = { type: 'Refused', code: 'ending', reason: 'ü'.repeat(100_000) } as const
  server.send('{"type":"TopologyReady"}')
  server.send(JSON.stringify(long))
  await until(/message Refused/)
  t.strictSame(messages, [{ type: 'TopologyReady' }, long])
})

t.test('reads messages that come in parts', async t => {
  const { port, peer } = await serve(t)
  const { until } = await open(t, port)
  const server = await peer
  server.send('{"type":"Topo', { fin: false })
  server.send('logyRe', { fin: false })
  server.ping()
  server.send('ady"}', { fin: true })
  await until(/message TopologyReady/)
})

t.test('answers pings', async t => {
  const { port, peer } = await serve(t)
  const { until } = await open(t, port)
  await until(/opened/)
  const server = await peer
  const pong = new Promise<Buffer>(resolve => server.once('pong', resolve))
  server.ping('abc')
  t.equal(String(await pong), 'abc')
})

t.test('a probe is answered by a server that lives, and fails with one that is silent', async t => {
  const { port, peer } = await serve(t)
  const { connection, until } = await open(t, port)
  await until(/opened/)
  const server = await peer
  const pinged = new Promise(resolve => server.once('ping', resolve))
  t.equal(connection.probe(), true)
  await pinged
  server.send('{"type":"TopologyReady"}')
  await until(/message/)
  t.equal(connection.probe(), true)
  server.pause()
  t.equal(connection.probe(), false)
})

t.test('a server that closes says why', async t => {
  const { port, peer } = await serve(t)
  const { until } = await open(t, port)
  ;(await peer).close(1001, 'the controller is ending')
  t.equal(await until(/closed/), 'closed the controller is ending')
})

t.test('one that ends at the same time as its server leaves no descriptor open', async t => {
  const { port, peer } = await serve(t)
  const { connection, until, fd } = await open(t, port)
  const socket = socketOf(fd)
  await until(/opened/)
  const server = await peer
  const gone = new Promise(resolve => server.once('close', resolve))
  // In the very turn in which the server's word is read.
  const control = connection.control.bind(connection)
  connection.control = (opcode, payload) => {
    const goOn = control(opcode, payload)
    connection.close()
    return goOn
  }
  server.close(1001, 'the controller is ending')
  await gone
  await new Promise(resolve => setImmediate(resolve))
  t.not(socketOf(fd), socket)
})

t.test('a server that closes without a word is noticed', async t => {
  const { port, peer } = await serve(t)
  const { until } = await open(t, port)
  ;(await peer).close()
  await until(/closed/)
  const second = await serve(t)
  const gone = await open(t, second.port)
  ;(await second.peer).terminate()
  await gone.until(/closed/)
})

t.test('closing by oneself tells the owner only where there is a reason', async t => {
  const { port, peer } = await serve(t)
  const { connection, told, until } = await open(t, port)
  const server = await peer
  await until(/opened/)
  const left = new Promise(resolve => server.once('close', resolve))
  server.on('error', () => {})
  const said = new Promise<string>(resolve => server.once('message', data => resolve(String(data))))
  connection.send({ type: 'Leave', node_id: 1, reason: 'bye' })
  connection.close()
  t.match(await said, /Leave/, 'what was sent before still arrives')
  await left
  t.strictSame(told, ['opened me'])
  const other = await serve(t)
  const second = await open(t, other.port)
  await second.until(/opened/)
  second.connection.close('because')
  t.equal(await second.until(/closed/), 'closed because')
})

t.test('what is not a message ends the connection', async t => {
  for (const [payload, reason] of [
    ['{"type":', /malformed/],
    ['{"type":"AddNode"}', /malformed/],
    [Buffer.from([1, 2]), /binary/],
  ] as const) {
    const { port, peer } = await serve(t)
    const { until } = await open(t, port)
    const server = await peer
    server.on('error', () => {})
    server.send(payload)
    t.match(await until(/closed/), reason)
  }
})

t.test('a server that speaks no WebSocket is named', async t => {
  const answers: [string, RegExp][] = [
    ['HTTP/1.1 426 Upgrade Required\r\n\r\n', /426/],
    ['HTTP/1.1 101 Switching Protocols\r\nSec-WebSocket-Accept: wrong\r\n\r\n', /101/],
    ['SSH-2.0-x\r\n\r\n', /SSH/],
    ['x'.repeat(10_000), /no WebSocket/],
  ]
  for (const [answer, reason] of answers) {
    const port = await answerWith(t, socket => socket.write(answer))
    const { until } = await open(t, port)
    t.match(await until(/closed/), reason)
  }
})

t.test('an answer in pieces, with a first message behind it, is understood', async t => {
  const { acceptOf } = await import('../../src/protocol/web-socket-frames.ts')
  const server = createServer(socket => {
    socket.on('error', () => {})
    socket.once('data', request => {
      const key = /Sec-WebSocket-Key: (\S+)/.exec(String(request))?.[1] ?? ''
      const head = `HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nsec-websocket-accept: ${acceptOf(key)}\r\n\r\n`
      const text = '{"type":"TopologyReady"}'
      const bytes = Buffer.concat([Buffer.from(head), Buffer.from([0x81, text.length]), Buffer.from(text)])
      const pieces = [bytes.subarray(0, 20), bytes.subarray(20, head.length + 3), bytes.subarray(head.length + 3)]
      const next = (): void => {
        const piece = pieces.shift()
        if (piece !== undefined) socket.write(piece, () => setImmediate(next))
      }
      socket.setNoDelay(true)
      next()
    })
  })
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  t.teardown(() => server.close())
  const { told, until } = await open(t, (server.address() as AddressInfo).port)
  await until(/message TopologyReady/)
  t.strictSame(told, ['opened me', 'message TopologyReady'])
})
