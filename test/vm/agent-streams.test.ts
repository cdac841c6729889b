import { once } from 'node:events'
import { text } from 'node:stream/consumers'
import t, { type Test } from 'tap'
import { type ByteStream, ByteStreams, type PieceOfStream } from '../../src/protocol/byte-streams.ts'

/** Two sides, and all that went from near to far; pieces arrive a turn later, as JSON would carry them. */
const sides = (t: Test) => {
  const sent: PieceOfStream[] = []
  const carry = (to: () => ByteStreams) => (piece: PieceOfStream) => {
    const copy = JSON.parse(JSON.stringify(piece)) as PieceOfStream
    setImmediate(() => to().receive(copy))
  }
  const near: ByteStreams = new ByteStreams(piece => {
    sent.push(piece)
    carry(() => far)(piece)
  })
  const far: ByteStreams = new ByteStreams(carry(() => near))
  t.teardown(() => {
    near.destroy()
    far.destroy()
  })
  return { near, far, sent }
}

const bytesOf = (pieces: readonly PieceOfStream[]): number =>
  pieces.reduce((sum, piece) => {
    if ('text' in piece) return sum + Buffer.byteLength(piece.text)
    return 'base64' in piece ? sum + Buffer.byteLength(piece.base64, 'base64') : sum
  }, 0)

/** As text() of node:stream/consumers, which also destroys what it has read. */
const allOf = async (stream: ByteStream): Promise<string> => {
  const chunks: Buffer[] = []
  stream.on('data', (chunk: Buffer) => chunks.push(chunk))
  await once(stream, 'end')
  return Buffer.concat(chunks).toString()
}

const settled = async (turns = 50): Promise<void> => {
  for (let turn = 0; turn < turns; turn++) await new Promise(resolve => setImmediate(resolve))
}

t.test('bytes arrive as they were sent, text or not, whatever the pieces', async t => {
  const { near, far, sent } = sides(t)
  const chunks = [Buffer.from('plain, ä and \u0000\n'), Buffer.from([0xff, 0xfe, 0]), Buffer.alloc(100_000, 'é')]
  const from = near.open(1, 'out')
  const to = far.open(1, 'in')
  const read: Buffer[] = []
  to.on('data', (chunk: Buffer) => read.push(chunk))
  for (const chunk of chunks) from.write(chunk)
  from.end()
  await once(to, 'end')
  t.ok(Buffer.concat(read).equals(Buffer.concat(chunks)))
  t.ok(sent.some(piece => 'base64' in piece))
  t.ok(
    sent.every(piece => bytesOf([piece]) <= 32 * 1024),
    'no piece keeps others waiting for long',
  )
})

t.test('a reader that stands still stops its own stream within a window, and no other', async t => {
  const { near, far, sent } = sides(t)
  const stuck = near.open(1, 'out')
  const unread = far.open(1, 'in')
  const total = 1024 * 1024
  stuck.end(Buffer.alloc(total, 'x'))
  await settled()
  t.equal(bytesOf(sent), 256 * 1024)
  const other = near.open(2, 'out')
  const said = text(far.open(2, 'in'))
  other.end('passes by')
  t.equal(await said, 'passes by')
  t.equal((await text(unread)).length, total, 'it goes on where it is read')
})

t.test('both directions end by themselves, and a stream that ended in order is forgotten', async t => {
  const { near, far } = sides(t)
  const one: ByteStream = near.open(7, 'both')
  const two: ByteStream = far.open(7, 'both')
  two.end('farewell')
  t.equal(await allOf(one), 'farewell')
  one.end('and you')
  t.equal(await allOf(two), 'and you')
  await settled()
  t.same([near.size, far.size], [0, 0])
})

t.test('one-way streams need no end from who does not write', async t => {
  const { near, far } = sides(t)
  const from = near.open(1, 'out')
  const to = far.open(1, 'in')
  const said = text(to)
  from.end('x')
  t.equal(await said, 'x')
  await settled()
  t.same([near.size, far.size], [0, 0])
})

t.test('a stream given up closes at the other side, also while that one writes', async t => {
  const { near, far } = sides(t)
  const from = near.open(1, 'both')
  const to = far.open(1, 'both')
  from.on('error', () => {})
  from.write(Buffer.alloc(1024 * 1024))
  const closed = once(from, 'close')
  await settled()
  to.destroy()
  await closed
  t.equal(from.readableEnded, false)
  await settled()
  t.same([near.size, far.size], [0, 0])
})

t.test('what is late is dropped, and a number is used once at a time', async t => {
  const { near, far } = sides(t)
  far.receive({ p: 99, text: 'to nobody' })
  near.open(3, 'both')
  t.throws(() => near.open(3, 'both'))
  const to = far.open(4, 'in')
  far.receive({ p: 4, fin: true })
  far.receive({ p: 4, fin: true })
  far.receive({ p: 4, text: 'after the end' })
  t.equal(await text(to), '')
})

t.test('when the channel is gone every stream closes, without an error', async t => {
  const { near } = sides(t)
  const streams = [near.open(1, 'in'), near.open(2, 'out'), near.open(3, 'both')]
  const closed = Promise.all(streams.map(stream => once(stream, 'close')))
  near.destroy()
  await closed
  t.equal(near.size, 0)
})
