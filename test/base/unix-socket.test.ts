import { once } from 'node:events'
import { mkdirSync, readdirSync, statSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { join } from 'node:path'
import t from 'tap'
import { connectTo, listenAt, SOCKET_PATH_BYTES_MAX } from '../../src/base/unix-socket.ts'

t.test('a path of any length is listened on by its owner alone, and reached', async t => {
  const deep = join(t.testdir(), 'x'.repeat(SOCKET_PATH_BYTES_MAX))
  mkdirSync(deep)
  for (const path of [join(t.testdirName, 'a.sock'), join(deep, 'b.sock')]) {
    const server = createServer(socket => socket.end('hello'))
    // As a killed predecessor leaves it.
    writeFileSync(path, '')
    await listenAt(server, path)
    t.equal(statSync(path).mode & 0o777, 0o600)
    const socket = await connectTo(path)
    const [said] = await once(socket, 'data')
    t.equal(String(said), 'hello')
    await new Promise(resolve => server.close(resolve))
  }
})

t.test('a refusal is the kernel’s own', async t => {
  const folder = t.testdir()
  await t.rejects(connectTo(join(folder, 'none')), { code: 'ENOENT' })
  await t.rejects(listenAt(createServer(), join(folder, 'none/x')), { code: 'ENOENT' })
  await t.rejects(connectTo(join(folder, 'y'.repeat(200), 'z')), { code: 'ENOENT' })
})

t.test('a name that is too long is refused, and nothing listens under a part of it', async t => {
  const folder = t.testdir()
  const name = 'z'.repeat(SOCKET_PATH_BYTES_MAX)
  await t.rejects(listenAt(createServer(), join(folder, name)), { code: 'ENAMETOOLONG' })
  await t.rejects(connectTo(join(folder, name)), { code: 'ENAMETOOLONG' })
  t.same(readdirSync(folder), [])
})
