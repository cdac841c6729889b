// Both ways to speak WebSocket held to the same rules: with peers that ask as nodes do, and, by `ws`, with all others.

import { once } from 'node:events'
import { connect, type Socket } from 'node:net'

import t from 'tap'
import { NODE_MESSAGE_BYTES_MAX } from '../../src/protocol/validate.ts'
import { encodeFrame, FrameReader, Opcode } from '../../src/protocol/web-socket-frames.ts'
import { serve, until } from '../fixtures/control-client.ts'
import { startUp } from '../fixtures/controller.ts'

const requests = {
  'as nodes do': 'Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n',
  otherwise: 'Connection: keep-alive, Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n',
} as const

/** What a server sends, as it came; a client that does nothing by itself. */
class RawClient {
  readonly socket: Socket
  readonly heard: string[] = []
  isEnded = false
  #reader = new FrameReader(1_000_000)

  constructor(socket: Socket) {
    this.socket = socket
    socket.on('data', bytes => this.#reader.read(Buffer.from(bytes), this))
    socket.on('end', () => (this.isEnded = true))
    socket.on('error', () => {})
  }

  static async open(port: number, request: string): Promise<RawClient> {
    const socket = connect({ port, host: '127.0.0.1', allowHalfOpen: true })
    await once(socket, 'connect')
    const key = 'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ=='
    socket.write(`GET / HTTP/1.1\r\nHost: here:1\r\n${request}${key}\r\n\r\n`)
    let head = ''
    while (!head.includes('\r\n\r\n')) head += String((await once(socket, 'data'))[0])
    if (!/^HTTP\/1\.1 101 [\s\S]*Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK\+xOo=\r\n/.test(head))
      throw new Error(head)
    return new RawClient(socket)
  }

  text(text: string): true {
    const { type, code } = JSON.parse(text) as { type: string; code?: string }
    this.heard.push(code === undefined ? type : `${type} ${code}`)
    return true
  }

  control(opcode: number, payload: Buffer): true {
    const said = opcode === Opcode.close && payload.length > 1 ? payload.readUInt16BE() : String(payload)
    this.heard.push(`${{ 8: 'close', 9: 'ping', 10: 'pong' }[opcode]} ${said}`)
    return true
  }
}

/** One masked frame with a first byte of one's own. */
function frame(first: number, payload: string | Buffer): Buffer {
  const bytes = encodeFrame(Opcode.text, payload)
  bytes[0] = first
  return bytes
}

const greeting = JSON.stringify(startUp(1))
const closing = (code: number, reason: string | Buffer = ''): Buffer =>
  frame(0x88, Buffer.concat([Buffer.from([code >> 8, code & 255]), Buffer.from(reason as string)]))
const unmasked = Buffer.concat([Buffer.from([0x81, 2]), Buffer.from('{}')])

/** What is sent, and what comes back at least; then whether the server ends the connection by itself. */
const cases: Readonly<Record<string, readonly [send: readonly Buffer[], heard: readonly string[], ends: boolean]>> = {
  'a message': [[frame(0x81, greeting)], ['StartUp', 'InstallRoutes'], false],
  'a message in parts, with a ping between': [
    [
      frame(0x01, greeting.slice(0, 7)),
      frame(0x89, 'x'),
      frame(0x00, greeting.slice(7, 9)),
      frame(0x80, greeting.slice(9)),
    ],
    ['pong x', 'StartUp', 'InstallRoutes'],
    false,
  ],
  'a message, byte by byte': [
    [...frame(0x81, greeting)].map(byte => Buffer.from([byte])),
    ['StartUp', 'InstallRoutes'],
    false,
  ],
  'messages and a close in one segment': [
    [Buffer.concat([frame(0x81, greeting), frame(0x89, ''), closing(1000), frame(0x81, 'no more')])],
    ['StartUp', 'InstallRoutes', 'pong ', 'close 1000'],
    true,
  ],
  'an unasked pong': [[frame(0x8a, 'alive?'), frame(0x81, greeting)], ['StartUp', 'InstallRoutes'], false],
  'a close without a code': [[frame(0x88, '')], ['close '], true],
  'a close with a code of its own': [[closing(4321, 'because')], ['close 4321'], true],
  'a close with half a code': [[frame(0x88, 'x')], ['close 1002'], true],
  'a close with a code that nobody may send': [[closing(1006)], ['close 1002'], true],
  'a close whose reason is no text': [[closing(1000, Buffer.from([0xff]))], ['close 1007'], true],
  'a binary message': [[frame(0x82, greeting)], ['Refused malformed', 'close 1008'], false],
  'a text that is no UTF-8': [[frame(0x81, Buffer.from([0x22, 0xc3, 0x28, 0x22]))], ['close 1007'], true],
  'a text of replacement characters': [[frame(0x81, '"\ufffd"')], ['Refused malformed', 'close 1008'], false],
  'a frame without a mask': [[unmasked], ['close 1002'], true],
  'reserved bits': [[frame(0xc1, greeting)], ['close 1002'], true],
  'an unknown kind': [[frame(0x83, greeting)], ['close 1002'], true],
  'a continuation of nothing': [[frame(0x80, greeting)], ['close 1002'], true],
  'a message inside another': [[frame(0x01, 'a'), frame(0x81, 'b')], ['close 1002'], true],
  'a ping in parts': [[frame(0x09, 'a')], ['close 1002'], true],
  'a long message': [[frame(0x81, ' '.repeat(NODE_MESSAGE_BYTES_MAX + 1))], ['Refused oversized', 'close 1008'], false],
  'a long message in parts': [
    [frame(0x01, ' '.repeat(NODE_MESSAGE_BYTES_MAX)), frame(0x80, ' ')],
    ['Refused oversized', 'close 1008'],
    false,
  ],
  'a message beyond all measure': [[frame(0x81, ' '.repeat(5 * NODE_MESSAGE_BYTES_MAX))], ['close 1009'], true],
}

for (const [how, request] of Object.entries(requests))
  t.test(`a peer that asks ${how}`, async t => {
    for (const [what, [send, heard, ends]] of Object.entries(cases)) {
      const { bench, port, server } = await serve(t)
      const client = await RawClient.open(port, request)
      for (const bytes of send) {
        client.socket.write(bytes)
        if (bytes.length === 1) await new Promise(resolve => setImmediate(resolve))
      }
      await until(() => client.heard.length >= heard.length && (!ends || client.isEnded))
      t.strictSame(client.heard, heard, what)
      const joined = bench.events.some(event => event.kind === 'node_connected')
      t.equal(joined, heard.includes('StartUp'), `${what}: joined`)
      const refused = bench.events.some(event => event.kind === 'refused')
      t.equal(refused, /Refused|100[279]/.test(heard.join()), `${what}: refused`)
      client.socket.end()
      await until(() => server.connectionsCount === 0)
      t.equal(bench.core.connectedCount, 0, `${what}: left`)
    }
  })

for (const [how, request] of Object.entries(requests)) {
  t.test(`a peer that asks ${how} and never ends a closed connection is cut off`, async t => {
    const { port, server } = await serve(t)
    const client = await RawClient.open(port, request)
    client.socket.write(frame(0x81, '{'))
    await until(() => server.connectionsCount === 0)
    t.strictSame(client.heard, ['Refused malformed', 'close 1008'])
    client.socket.destroy()
  })

  t.test(`what a peer that asks ${how} says after our goodbye is not heard`, async t => {
    const { bench, port, server } = await serve(t)
    const client = await RawClient.open(port, request)
    client.socket.write(Buffer.concat([frame(0x81, '{'), frame(0x81, greeting), frame(0x89, 'x'), closing(1008)]))
    await until(() => client.isEnded)
    t.strictSame(client.heard, ['Refused malformed', 'close 1008'])
    t.strictSame(bench.takeEvents(), ['refused'])
    client.socket.end()
    await until(() => server.connectionsCount === 0)
  })
}
