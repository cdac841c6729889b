// nslab collect called wrongly, or where it can't work: an answer with its exit code, at once, and nothing collected.

import { spawn } from 'node:child_process'
import { chmodSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { asNobody, type Ended, ended, isRoot } from '../fixtures/launch.ts'
import { cliPath } from '../fixtures/nslab-process.ts'

function collect(args: readonly string[], prefix: readonly string[] = []): Promise<Ended> {
  const [command = '', ...rest] = [...prefix, process.execPath, cliPath, 'collect', ...args]
  return ended(spawn(command, rest, { stdio: ['ignore', 'pipe', 'pipe'] }))
}

async function refuses(t: Test, args: readonly string[], code: number, said: RegExp): Promise<void> {
  const { out, ...answer } = await collect(args)
  t.equal(answer.code, code, answer.err)
  t.match(answer.err, said)
  t.equal(out, '', 'nothing was collected')
}

t.test('what is no sink, no time, no state, no port, no size and no address is a wrong use', async t => {
  await refuses(t, ['--sink', 'kafka://host'], 2, /no such sink\nnslab: One of stdout, file:PATH/)
  await refuses(t, ['--interval', '5'], 2, /--interval 5: must be a duration/)
  await refuses(t, ['--state', 'open'], 2, /--state open: no state of TCP/)
  await refuses(t, ['--port', 'http'], 2, /--port http: must be a port/)
  await refuses(t, ['--buffer', '1kB'], 2, /--buffer 1kB/)
  await refuses(t, ['--metrics-listen', 'nowhere'], 2, /--metrics-listen nowhere/)
  await refuses(t, ['--when-full', 'panic'], 2, /wait, drop/)
})

t.test('a folder that is none, or that may not be read, is refused by name', async t => {
  await refuses(t, ['--directory', join(t.testdir({ file: '' }), 'file')], 2, /cannot read .*file: it is not a folder/)
  const folder = mkdtempSync(join(tmpdir(), 'nslab-collect-'))
  t.teardown(() => rmSync(folder, { recursive: true }))
  chmodSync(folder, 0)
  for (const path of [folder, join(folder, 'inner')]) {
    const { code, err } = await collect(['--directory', path], isRoot ? asNobody : [])
    t.equal(code, 2)
    t.match(err, `cannot read ${path}: EACCES`)
  }
})

t.test('a missing capability is named, with what to do', { skip: !isRoot && 'it takes root to lose one' }, async t => {
  const { code, err, out } = await collect([], asNobody)
  t.equal(code, 3)
  t.match(err, /entering network namespaces needs CAP_SYS_ADMIN/)
  t.match(err, /as root/)
  t.equal(out, '')
})

t.test(
  'a control socket that can not be is refused by name, and leaves none',
  { skip: !isRoot && 'it takes root' },
  async t => {
    const folder = t.testdir({})
    const control = (name: string) => collect(['--control', join(folder, name)])
    t.match(await control('absent/s'), { code: 6, err: /listen in --control .*: ENOENT .*\n.*its folder must be/ })
    t.match(await control('z'.repeat(120)), { code: 6, err: /ENAMETOOLONG .*\n.*a shorter one/ })
    t.same(readdirSync(folder), [])
  },
)

t.test('a sink that refuses at the start ends it: file, database', async t => {
  const folder = t.testdir({})
  await refuses(
    t,
    ['--sink', `file:${join(folder, 'absent/rows')}`],
    6,
    /cannot write .*rows: ENOENT\nnslab: Make its folder/,
  )
  await refuses(t, ['--sink', `file:${folder}`], 6, /EISDIR/)
  await refuses(t, ['--sink', 'postgres://me@[::1]:1/db'], 6, /database db at \[::1\]:1 as me: connect /)
  const url = 'postgres://me:secret@127.0.0.1:1/db'
  await refuses(t, ['--sink', url], 6, /database db at 127\.0\.0\.1:1 as me: connect ECONNREFUSED/)
  await refuses(
    t,
    ['--sink', 'postgres://127.0.0.1:1'],
    6,
    /database (?!undefined)\S+ at 127\.0\.0\.1:1 as (?!undefined)/,
  )
  const { err } = await collect(['--sink', url])
  t.notMatch(err, /secret/)
})

t.test('what it shall listen on and can’t have is named', async t => {
  const taken = createServer()
  await new Promise<void>(resolve => taken.listen(0, '127.0.0.1', resolve))
  t.teardown(() => taken.close())
  const { port } = taken.address() as { port: number }
  const { code, err } = await collect(['--metrics-listen', `127.0.0.1:${port}`])
  t.equal(code, 6)
  t.match(err, /listen in --metrics-listen 127\.0\.0\.1:\d+: EADDRINUSE/)
  const file = join(t.testdir({}), 'file')
  writeFileSync(file, '')
  const refused = await collect(['--control', file])
  t.equal(refused.code, 2)
  t.match(refused.err, /it is there, and not a socket/)
})

t.test('nobody to ask', async t => {
  await refuses(t, ['status'], 2, /--control is missing/)
  await refuses(t, ['status', '--control', join(t.testdir({}), 'absent')], 2, /no collector listens there/)
  await refuses(t, ['set', 'colour=blue', '--control', 'any'], 2, /colour=blue: nothing that can be set/)
})
