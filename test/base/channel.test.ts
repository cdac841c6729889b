import { Duplex } from 'node:stream'
import t, { type Test } from 'tap'
import { Channel } from '../../src/base/channel.ts'

/** A channel over a stream in memory: what it sends is in `sent`, what is pushed to `stream` reaches it. */
const makeChannel = (t: Test) => {
  const sent: string[] = []
  const received: unknown[] = []
  const ends: (Error | undefined)[] = []
  const stream = new Duplex({
    read: () => {},
    write: (chunk, _encoding, done) => {
      sent.push(String(chunk))
      stream.emit('sent')
      done()
    },
  })
  const closed = new Promise(resolve => stream.once('close', resolve))
  const channel = new Channel<unknown, unknown>(
    stream,
    message => received.push(message),
    error => ends.push(error),
  )
  t.teardown(() => stream.destroy())
  return { channel, stream, sent, received, ends, closed }
}

t.test('messages of one turn leave in one write, each on its line', async t => {
  const { channel, sent } = makeChannel(t)
  channel.send({ a: 1 })
  channel.send(['b', 'with\nbreak'])
  await new Promise(resolve => setImmediate(resolve))
  t.same(sent, ['{"a":1}\n["b","with\\nbreak"]\n'])
})

t.test('posted messages wait for company, and leave with the next that is sent', async t => {
  const { channel, sent } = makeChannel(t)
  channel.post(1)
  channel.post(2)
  await new Promise(resolve => setImmediate(resolve))
  t.same(sent, [])
  channel.send(3)
  await new Promise(resolve => setImmediate(resolve))
  t.same(sent, ['1\n2\n3\n'])
})

t.test('a posted message without company leaves by itself', async t => {
  const { channel, stream, sent } = makeChannel(t)
  const written = new Promise(resolve => stream.once('sent', resolve))
  channel.post(1)
  await written
  t.same(sent, ['1\n'])
})

t.test('messages arrive whole, whatever the pieces they come in', async t => {
  const { stream, received, ends, closed } = makeChannel(t)
  for (const byte of Buffer.from('{"a":1}\n\n"äß"\n[3]\n')) stream.push(Buffer.of(byte))
  stream.push(null)
  stream.end()
  await closed
  t.same(received, [{ a: 1 }, 'äß', [3]])
  t.same(ends, [undefined])
})

t.test('close sends everything first', async t => {
  const { channel, sent } = makeChannel(t)
  channel.send(1)
  await channel.close()
  t.same(sent, ['1\n'])
})

t.test('a line that is no JSON ends the channel with an error, once', async t => {
  const { stream, ends, received, closed } = makeChannel(t)
  stream.push('1\n{"a":\n2\n')
  await closed
  t.same(received, [1])
  t.equal(ends.length, 1)
  t.type(ends[0], SyntaxError)
})

t.test('a line without end is refused before it fills the memory', async t => {
  const { stream, ends, closed } = makeChannel(t)
  for (let count = 0; count < 17; count++) stream.push('x'.repeat(1024 * 1024))
  await closed
  t.equal(ends.length, 1)
  t.type(ends[0], Error)
})

t.test('a broken stream ends it with the error of the stream', async t => {
  const { stream, ends, closed } = makeChannel(t)
  const error = new Error('broken')
  stream.destroy(error)
  await closed
  t.same(ends, [error])
})

t.test('the other side going away ends it without an error; sending then does nothing', async t => {
  const { channel, stream, sent, ends, closed } = makeChannel(t)
  stream.destroy()
  await closed
  t.same(ends, [undefined])
  channel.send('late')
  channel.flush()
  await channel.close()
  t.same(sent, [])
})

t.test('what is not JSON goes to whoever wants it, and the channel goes on', async t => {
  const { stream, received, ends } = makeChannel(t)
  const garbage: string[] = []
  const pair = new Duplex({ read: () => {}, write: (_chunk, _encoding, done) => done() })
  const channel = new Channel<unknown, unknown>(
    pair,
    message => received.push(message),
    error => ends.push(error),
    line => garbage.push(line),
  )
  pair.push('{"half":"of a li\n{"whole":1}\n')
  await new Promise(resolve => setImmediate(resolve))
  t.same([garbage, received, ends], [['{"half":"of a li'], [{ whole: 1 }], []])
  await channel.close()
  stream.destroy()
})
