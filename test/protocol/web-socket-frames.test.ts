// Frames against a slow and obvious second codec, and readers fed in pieces of every size.

import { createHash } from 'node:crypto'
import t from 'tap'
import { Random } from '../../src/base/random.ts'
import { acceptOf, encodeFrame, FrameReader, makeKey, Opcode } from '../../src/protocol/web-socket-frames.ts'

/** A frame as a server sends it, written byte by byte. */
function serverFrame(first: number, payload: Buffer, second = 0): Buffer {
  const n = payload.length
  const length =
    n < 126
      ? [second | n]
      : n < 65_536
        ? [second | 126, n >> 8, n & 255]
        : [second | 127, 0, 0, 0, 0, 0, n >> 16, (n >> 8) & 255, n & 255]
  return Buffer.concat([Buffer.from([first, ...length]), payload])
}

const text = (payload: string, first = 0x81): Buffer => serverFrame(first, Buffer.from(payload))

/** What a reader makes of chunks. */
function read(chunks: readonly Buffer[], bytesMax = 1_000_000): { seen: string[]; problem: string | null } {
  const seen: string[] = []
  const reader = new FrameReader(bytesMax)
  const sink = {
    text: (message: string) => seen.push(`text ${message}`) > 0,
    control: (opcode: number, payload: Buffer) => seen.push(`control ${opcode} ${payload}`) > 0,
  }
  for (const chunk of chunks) {
    const passing = Buffer.from(chunk)
    const problem = reader.read(passing, sink)
    passing.fill(0xff)
    if (problem !== null) return { seen, problem: problem.what }
  }
  return { seen, problem: null }
}

t.test('the key of the specification gives its accept', t => {
  t.equal(acceptOf('dGhlIHNhbXBsZSBub25jZQ=='), 's3pPLMBiTxaQ9kYGzzhZRbK+xOo=')
  t.end()
})

t.test('keys are sixteen fresh bytes', t => {
  const keys = new Set(Array.from({ length: 1000 }, makeKey))
  t.equal(keys.size, 1000)
  for (const key of keys) if (Buffer.from(key, 'base64').length !== 16) t.fail(key)
  t.end()
})

t.test('frames of every length are masked and come back', t => {
  for (const length of [0, 1, 2, 3, 4, 5, 125, 126, 127, 1000, 65_535, 65_536, 70_001]) {
    const payload = createHash('sha512').update(String(length)).digest('hex').repeat(600).slice(0, length)
    const frame = encodeFrame(Opcode.text, payload)
    const lengthBytes = length < 126 ? 0 : length < 65_536 ? 2 : 8
    t.equal(frame[0], 0x81)
    t.equal((frame[1] as number) & 0x80, 0x80, 'masked')
    t.equal(frame.length, 2 + lengthBytes + 4 + length)
    const said =
      lengthBytes === 0
        ? (frame[1] as number) & 0x7f
        : lengthBytes === 2
          ? frame.readUInt16BE(2)
          : Number(frame.readBigUInt64BE(2))
    t.equal(said, length)
    const mask = frame.subarray(2 + lengthBytes, 6 + lengthBytes)
    const plain = Buffer.from(frame.subarray(6 + lengthBytes).map((byte, at) => byte ^ (mask[at % 4] as number)))
    t.equal(plain.toString(), payload)
  }
  t.end()
})

t.test('text beyond ASCII and bytes are framed whole', t => {
  for (const payload of ['grüße ☃ 🂡', Buffer.from([0, 255, 128, 7, 9])]) {
    const frame = encodeFrame(Opcode.pong, payload)
    const mask = frame.subarray(2, 6)
    const plain = Buffer.from(frame.subarray(6).map((byte, at) => byte ^ (mask[at % 4] as number)))
    t.strictSame(plain, Buffer.from(payload as string))
  }
  t.end()
})

t.test('reads messages however they are cut', t => {
  const seed = Number(process.env.SEED ?? 7)
  t.comment(`SEED=${seed}`)
  const random = new Random(seed)
  const stream = Buffer.concat([
    text('{"a":1}'),
    serverFrame(0x89, Buffer.from('ping')),
    text('x'.repeat(300)),
    text('ab', 0x01),
    serverFrame(0x8a, Buffer.alloc(0)),
    text('cd☃', 0x00),
    text('ef', 0x80),
    text('y'.repeat(66_000)),
    text(''),
  ])
  const expected = [
    'text {"a":1}',
    'control 9 ping',
    `text ${'x'.repeat(300)}`,
    'control 10 ',
    'text abcd☃ef',
    `text ${'y'.repeat(66_000)}`,
    'text ',
  ]
  t.strictSame(read([stream]), { seen: expected, problem: null })
  t.strictSame(read(Array.from(stream.subarray(0, 700), (_, at) => stream.subarray(at, at + 1))).problem, null)
  for (let round = 0; round < 50; round++) {
    const chunks: Buffer[] = []
    for (let at = 0; at < stream.length; ) {
      const size = 1 + random.below(round < 25 ? 40 : 30_000)
      chunks.push(stream.subarray(at, at + size))
      at += size
    }
    const got = read(chunks)
    if (got.problem !== null || got.seen.join('|') !== expected.join('|')) t.fail(`round ${round}`)
  }
  t.end()
})

t.test('a sink that has enough gets no more', t => {
  const seen: string[] = []
  const sink = { text: (message: string) => seen.push(message) < 1, control: () => true }
  new FrameReader(100).read(Buffer.concat([text('a'), text('b')]), sink)
  t.strictSame(seen, ['a'])
  t.end()
})

t.test('names what is wrong with a frame', t => {
  const cases: [string, readonly Buffer[], string][] = [
    ['reserved bits', [text('a', 0xc1)], 'a frame with reserved bits'],
    ['masked', [serverFrame(0x81, Buffer.from('a'), 0x80)], 'a masked frame'],
    ['binary', [text('a', 0x82)], 'a binary message'],
    ['unknown data kind', [text('a', 0x83)], 'a frame of unknown kind 3'],
    ['unknown control kind', [text('a', 0x8b)], 'a frame of unknown kind 11'],
    ['control in parts', [text('a', 0x09)], 'a control frame that is long or in parts'],
    ['long control', [serverFrame(0x89, Buffer.alloc(126))], 'a control frame that is long or in parts'],
    ['continuation of nothing', [text('a', 0x80)], 'a continuation of nothing'],
    ['message inside another', [text('a', 0x01), text('b')], 'a message inside another'],
    ['too long', [serverFrame(0x81, Buffer.alloc(1001))], 'a message of more than 1000 bytes'],
    [
      'too long in parts',
      [serverFrame(0x01, Buffer.alloc(600)), serverFrame(0x80, Buffer.alloc(600))],
      'a message of more than 1000 bytes',
    ],
  ]
  for (const [name, chunks, problem] of cases) t.equal(read(chunks, 1000).problem, problem, name)
  t.end()
})
