import t from 'tap'

import { textFrames } from '../../src/controller/text-frames.ts'
import { FrameReader } from '../../src/protocol/web-socket-frames.ts'

t.test('a client reads each text as it was, of every length and with any characters', async t => {
  const texts = [
    '',
    'x',
    'x'.repeat(125),
    'y'.repeat(126),
    'é'.repeat(63),
    'z'.repeat(65_535),
    '🙂'.repeat(16_384),
    'end',
  ]
  const read: string[] = []
  const sink = {
    text: (text: string) => read.push(text) > 0,
    control: () => true,
  }
  t.equal(new FrameReader(1 << 20).read(textFrames(texts), sink), null)
  t.strictSame(read, texts)
  t.equal(textFrames([]).length, 0)
})
