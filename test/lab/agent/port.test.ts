import { execFileSync } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { appendFileSync, mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { findPort, PortStream } from '../../../src/lab/agent/port.ts'

/** A named pipe gives back what is written to it, in order: as a port whose other end echoes. */
const pipe = (folder: string): string => {
  const path = join(folder, 'pipe')
  execFileSync('mkfifo', [path])
  return path
}

t.test('what is written in many pieces leaves in order and whole', async t => {
  const stream = new PortStream(pipe(t.testdir({})))
  // As much as a pipe holds: writes are made at once.
  const bytes = randomBytes(60_000)
  const read: Buffer[] = []
  let size = 0
  const done = new Promise<void>(resolve => {
    stream.on('data', (chunk: Buffer) => {
      read.push(chunk)
      size += chunk.length
      if (size === bytes.length) resolve()
    })
  })
  for (let from = 0; from < bytes.length; from += 9973) stream.write(bytes.subarray(from, from + 9973))
  await done
  t.ok(Buffer.concat(read).equals(bytes))
  // Its reader waits in the kernel; a byte lets it go.
  const closed = once(stream, 'close')
  stream.write('x')
  await once(stream, 'data')
  stream.destroy()
  appendFileSync(join(t.testdirName, 'pipe'), 'x')
  await closed
})

t.test('an end of file is an absent host, which may come back', async t => {
  const path = join(t.testdir({ file: '' }), 'file')
  const stream = new PortStream(path)
  const ends: unknown[] = []
  stream.on('end', () => ends.push('end'))
  stream.setEncoding('utf8')
  stream.resume()
  const first = once(stream, 'data')
  appendFileSync(path, 'one')
  t.same(await first, ['one'])
  const second = once(stream, 'data')
  appendFileSync(path, 'two')
  t.same(await second, ['two'])
  t.same(ends, [])
  stream.destroy()
  await once(stream, 'close')
})

t.test('a device that breaks ends the stream with its error', async t => {
  // A folder opens for reading only, so that it is refused at once; /dev/full takes no byte.
  t.throws(() => new PortStream('/'), { code: 'EISDIR' })
  const stream = new PortStream('/dev/full')
  stream.write('x')
  t.match(await once(stream, 'error').then(([error]) => error), { code: 'ENOSPC' })
})

t.test('a port is found by its name as soon as it is there', async t => {
  const folder = t.testdir({ ports: { full: { name: 'other\n' }, gone: {} } })
  const ports = join(folder, 'ports')
  await t.rejects(findPort('wanted', 20, ports), { code: 'NOT_FIT', facts: { problems: [/other/] } })
  await t.rejects(findPort('wanted', 0, join(folder, 'none')), { code: 'NOT_FIT', facts: { problems: [/none/] } })
  const found = findPort('wanted', 10_000, ports)
  mkdirSync(join(ports, 'null'))
  writeFileSync(join(ports, 'null/name'), 'wanted\n')
  t.equal(await found, '/dev/null')
})
