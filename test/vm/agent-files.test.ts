import { randomBytes } from 'node:crypto'
import { existsSync, mkdirSync, readFileSync, statSync, symlinkSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { PassThrough, Readable } from 'node:stream'
import t from 'tap'
import { execInGuest, readFromGuest, writeToGuest } from '../../src/vm/guest-files.ts'
import { packFolder, unpackFolder } from '../../src/vm/packing.ts'
import { agentHere } from '../fixtures/agent.ts'
import { scratchFolder } from '../fixtures/shell-guest.ts'

const begun = async (...args: Parameters<typeof agentHere>) => {
  const here = await agentHere(...args)
  await here.channel.begin(10)
  return here
}

t.test('a command gets its input, and its output, errors and status come back apart', async t => {
  const { channel, folder } = await begun(t)
  const line = 'cat; echo "$WORD in $PWD" >&2; exit 3'
  const result = await execInGuest(channel, ['sh', '-c', line], {
    input: 'h\u00e9llo',
    env: { WORD: 'told' },
    cwd: folder,
  })
  t.match(result, { status: 'exit 3', code: 3 })
  t.equal(result.stdout.toString(), 'h\u00e9llo')
  t.equal(result.stderr.toString(), `told in ${folder}\n`)
})

t.test('bytes that are no text come through as they are, more than a window of them', async t => {
  const { channel } = await begun(t)
  const bytes = randomBytes(1_500_000)
  const { stdout, code } = await execInGuest(channel, ['cat'], { input: bytes })
  t.equal(code, 0)
  t.ok(stdout.equals(bytes))
})

t.test('a command that can not be started is told with what the kernel said', async t => {
  const { channel } = await begun(t)
  await t.rejects(execInGuest(channel, ['/no/such/program']), { code: 'KERNEL_REFUSED', facts: { errno: 'ENOENT' } })
})

t.test('a command past its deadline is killed, with all it has started', async t => {
  const { channel, folder } = await begun(t)
  const line = 'sleep 600 & echo $! > pid; wait'
  await t.rejects(execInGuest(channel, ['sh', '-c', line], { cwd: folder, deadlineS: 0.5 }), { code: 'DEADLINE' })
  const pid = Number(readFileSync(join(folder, 'pid'), 'utf8'))
  while (existsSync(`/proc/${pid}`) && !/\) Z /.test(readFileSync(`/proc/${pid}/stat`, 'utf8')))
    await channel.call('clock', {})
  t.pass('its child is gone, too')
})

t.test('output and errors may share a stream; what is killed says by what', async t => {
  const { channel } = await begun(t)
  const process = channel.newNumber()
  const { number, stream } = channel.openStream('in')
  const exit = channel.exitOf(process)
  let said = ''
  stream.setEncoding('utf8').on('data', (text: string) => {
    said += text
  })
  const argv = ['sh', '-c', 'echo one; echo two >&2; exec sleep 600']
  await channel.call('exec', { process, argv, stdout: number, stderr: number })
  while (said !== 'one\ntwo\n') await channel.call('clock', {})
  await channel.call('kill', { process, signal: 'SIGTERM' })
  t.match(await exit, { status: 'killed by SIGTERM', code: null })
  await channel.call('kill', { process, signal: 'SIGTERM' })
})

t.test('files go in with their mode, making folders, and come out', async t => {
  const { channel, folder } = await begun(t)
  const bytes = randomBytes(700_000)
  const path = join(folder, 'a/b/c')
  t.equal(await writeToGuest(channel, path, Readable.from([bytes.subarray(0, 5), bytes.subarray(5)]), 0o600), 700_000)
  t.equal(statSync(path).mode & 0o777, 0o600)
  const copy = join(folder, 'copy')
  t.equal(await readFromGuest(channel, path, copy), 700_000)
  t.ok(readFileSync(copy).equals(bytes))
  await writeToGuest(channel, join(folder, 'text'), 'words')
  t.equal(readFileSync(join(folder, 'text'), 'utf8'), 'words')
})

t.test('what can not be read or written is told with its path', async t => {
  const { channel, folder } = await begun(t)
  await t.rejects(writeToGuest(channel, '/dev/null/such', 'x'), { code: 'DISK_REFUSED', facts: { path: /null.such/ } })
  const refused = { code: 'FILE_UNREADABLE', facts: { path: /nowhere/, reason: 'ENOENT' } }
  await t.rejects(readFromGuest(channel, join(folder, 'nowhere'), join(folder, 'x')), refused)
  const here = { code: 'ENOENT' }
  await t.rejects(readFromGuest(channel, '/proc/version', join(folder, 'no/folder')), here)
  // The channel is as it was.
  t.equal((await execInGuest(channel, ['true'])).code, 0)
})

t.test("a folder's files come out with their modes; sockets and links stay", async t => {
  const folder = scratchFolder(t)
  const from = join(folder, 'from')
  mkdirSync(join(from, 'deep/er'), { recursive: true })
  writeFileSync(join(from, 'empty'), '')
  writeFileSync(join(from, 'deep/er/bytes'), randomBytes(300_000), { mode: 0o640 })
  symlinkSync('/etc/passwd', join(from, 'link'))
  const server = createServer()
  await new Promise<void>(resolve => server.listen(join(from, 'socket'), resolve))
  const to = join(folder, 'to')
  const packed = new PassThrough()
  const unpacked = unpackFolder(packed, to)
  t.equal(await packFolder(from, packed), 2)
  packed.end()
  t.same((await unpacked).sort(), ['deep/er/bytes', 'empty'])
  server.close()
  t.ok(readFileSync(join(to, 'deep/er/bytes')).equals(readFileSync(join(from, 'deep/er/bytes'))))
  t.equal(statSync(join(to, 'deep/er/bytes')).mode & 0o777, 0o640)
  t.equal(statSync(join(to, 'empty')).size, 0)
})

t.test('a packed folder that leads outside, is cut short or is none is refused', async t => {
  const folder = t.testdir({})
  const outside = '{"path":"../x","bytes":1,"mode":420}\nx\n'
  await t.rejects(unpackFolder(Readable.from([Buffer.from(outside)]), folder), /outside/)
  await t.rejects(unpackFolder(Readable.from([Buffer.from('{"path":"x","bytes":9,"mode":420}\nab')]), folder), /short/)
  await t.rejects(unpackFolder(Readable.from([Buffer.alloc(100_000, 'x')]), folder), /not a packed folder/)
})

t.test('a file that shrinks while it is packed is filled up', async t => {
  const folder = t.testdir({ file: 'x'.repeat(100) })
  const out = new PassThrough()
  const chunks: Buffer[] = []
  out.on('data', (chunk: Buffer) => {
    if (chunks.length === 0) writeFileSync(join(folder, 'file'), 'short')
    chunks.push(chunk)
  })
  t.equal(await packFolder(folder, out), 1)
  const to = t.testdir({})
  const unpacked = join(to, '..', 'unpacked')
  await unpackFolder(Readable.from(chunks), unpacked)
  t.equal(statSync(join(unpacked, 'file')).size, 100)
})

t.test('a shell needs the device that a guest has', async t => {
  const { channel } = await begun(t)
  if (existsSync('/dev/hvc0')) return t.pass('this machine is a guest with a console of its own')
  const ask = { process: channel.newNumber(), rows: 24, columns: 80, term: 'linux' }
  await t.rejects(channel.call('open_shell', ask), { code: 'KERNEL_REFUSED', facts: { errno: 'ENOENT' } })
})
