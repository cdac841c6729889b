import { PassThrough } from 'node:stream'
import t from 'tap'
import { readLines } from '../../../src/lab/soak/log-lines.ts'

async function linesOf(pieces: readonly (string | Buffer)[]): Promise<string[]> {
  const stream = new PassThrough()
  const lines: string[] = []
  readLines(stream, line => lines.push(line))
  for (const piece of pieces) stream.write(piece)
  stream.end()
  await new Promise(resolve => stream.once('close', resolve))
  return lines
}

t.test('lines come whole, wherever the pieces end', async t => {
  t.same(await linesOf(['a\nb', 'c', 'd\n', '\n', 'e']), ['a', 'bcd', '', 'e'])
  const umlaut = Buffer.from('ä\n')
  t.same(await linesOf([umlaut.subarray(0, 1), umlaut.subarray(1)]), ['ä'])
  t.same(await linesOf([]), [])
})

t.test('one without a line feed is not whole', async t => {
  const stream = new PassThrough()
  const whole: boolean[] = []
  readLines(stream, (_, isWhole) => whole.push(isWhole))
  stream.end('a\nb\nc')
  await new Promise(resolve => stream.once('close', resolve))
  t.same(whole, [true, true, false])
})

t.test('a line without an end is cut', async t => {
  const mebibyte = 'x'.repeat(1024 * 1024)
  const lines = await linesOf([mebibyte, 'y', 'z\n'])
  t.same(
    lines.map(line => line.length),
    [1024 * 1024 + 1, 1],
  )
})
