// The way into the VMs of a run, over an agent of this machine: commands, their streams, and how they end.

import { randomBytes } from 'node:crypto'
import { existsSync, readFileSync, statSync } from 'node:fs'
import { PassThrough, Readable } from 'node:stream'
import { buffer } from 'node:stream/consumers'
import t, { type Test } from 'tap'
import { NslabError } from '../../../src/base/errors.ts'
import { connectTo } from '../../../src/base/unix-socket.ts'
import { readProcess, readProcesses } from '../../../src/lab/proc/process-table.ts'
import { LabClient, type RemoteCommand } from '../../../src/lab/visit/client.ts'
import { LabSocket } from '../../../src/lab/visit/socket.ts'
import { native } from '../../../src/native/addon.ts'
import { type LabHere, labHere, RUN_ID, runInVm, runWith, vmFacts } from '../../fixtures/lab-here.ts'
import { untilEmpty } from '../../fixtures/nslab-process.ts'

const DEADLINE_MS = 20_000

/** A command that says its pid and the pid of a child, and waits. */
async function waiting(
  client: LabClient,
  line = 'sleep 600 & echo $$ $!; wait',
): Promise<RemoteCommand & { pids: number[] }> {
  const stdout = new PassThrough()
  const io = { stdin: new PassThrough(), stdout, stderr: new PassThrough() }
  const command = await client.exec({ vm: 'vm1' }, ['sh', '-c', line], io)
  const said = await new Promise<Buffer>(resolve => stdout.once('data', resolve))
  return { ...command, pids: String(said).trim().split(' ').map(Number) }
}

const living = (pids: readonly number[]) => (): number[] => pids.filter(pid => (readProcess(pid)?.state ?? 'Z') !== 'Z')

t.test('VMs are told as they are', async t => {
  const client = await (await labHere(t)).connect()
  t.same(await client.call('vms', {}), [vmFacts('vm1')])
})

t.test('a command has its streams and its exit code, and carries the id of the run', async t => {
  const client = await (await labHere(t)).connect()
  const line = 'cat; echo $NSLAB_RUN >&2; exit 41'
  t.same(await runInVm(client, ['sh', '-c', line], 'words'), { code: 41, stdout: 'words', stderr: `${RUN_ID}\n` })
  t.match(await runInVm(client, ['sh', '-c', 'kill -TERM $$']), { code: 143 })
  t.match(await runInVm(client, ['/no/such/program']), { code: 127, stderr: /no.such.program.*ENOENT/ })
  t.match(await runInVm(client, ['true'], 'nobody reads this'), { code: 0 })
})

t.test('bytes of any kind and number go through, several commands side by side', async t => {
  const client = await (await labHere(t)).connect()
  const copies = await Promise.all(
    [1, 700_001, 1_500_000].map(async size => {
      const bytes = randomBytes(size)
      const stdout = new PassThrough()
      const read = buffer(stdout)
      const io = { stdin: Readable.from([bytes]), stdout, stderr: new PassThrough() }
      await (await client.exec({ vm: 'vm1' }, ['cat'], io)).ended
      stdout.end()
      return (await read).equals(bytes)
    }),
  )
  t.same(copies, [true, true, true])
})

t.test('a reader that has gone is to the command a closed pipe', async t => {
  const client = await (await labHere(t)).connect()
  const stdout = new PassThrough()
  stdout.once('data', () => stdout.destroy())
  const io = { stdin: new PassThrough(), stdout, stderr: new PassThrough() }
  const command = await client.exec({ vm: 'vm1' }, ['yes'], io)
  t.ok([1, 141].includes(await command.ended))
})

t.test('a signal reaches the command and what it has started', async t => {
  const client = await (await labHere(t)).connect()
  const command = await waiting(client)
  command.signal('SIGTERM')
  t.equal(await command.ended, 143)
  t.same(await untilEmpty(living(command.pids), DEADLINE_MS), [])
  command.signal('SIGTERM')
  t.match(await client.call('vms', {}), [{ name: 'vm1' }], 'a signal for nobody is lost')
})

t.test('a signal that comes while the command is being started reaches it, too', async t => {
  const { run } = await labHere(t)
  const socket = await connectTo(run.lab_socket as string)
  t.teardown(() => socket.destroy())
  const streams = { stdin: 1, stdout: 2, stderr: 3 }
  const calls = [
    { id: 9, call: 'exec', in: { vm: 'vm1' }, argv: ['sleep', '600'], ...streams },
    { id: 10, call: 'signal', of: 9, signal: 'SIGKILL' },
  ]
  let said = ''
  const ended = new Promise<void>(resolve => {
    socket.setEncoding('utf8').on('data', (text: string) => {
      said += text
      if (said.includes('"is":"exit"')) resolve()
    })
  })
  socket.write(calls.map(call => `${JSON.stringify(call)}\n`).join(''))
  await ended
  t.match(said, /"is":"exit","of":9,"end":\{"status":"killed by SIGKILL","code":null\}/)
})

t.test("commands end with their client, another's do not", async t => {
  const { connect } = await labHere(t)
  const [one, other] = [await connect(), await connect()]
  const [gone, stays] = [await waiting(one), await waiting(other)]
  one.close()
  await t.rejects(gone.ended, { code: 'PROCESS_ENDED' })
  t.same(await untilEmpty(living(gone.pids), DEADLINE_MS), [])
  t.equal(living(stays.pids)().length, 2)
  stays.signal('SIGKILL')
  t.equal(await stays.ended, 137)
})

t.test('a client that goes while its command is being started leaves nothing', async t => {
  const { run } = await labHere(t)
  const socket = await connectTo(run.lab_socket as string)
  const seconds = String(10_000 + (process.pid % 10_000))
  const call = { id: 1, call: 'exec', in: { vm: 'vm1' }, argv: ['sleep', seconds], stdin: 2, stdout: 3, stderr: 4 }
  socket.end(`${JSON.stringify(call)}\n`)
  await new Promise(resolve => socket.resume().once('close', resolve))
  const sleepers = (): number[] => [...readProcesses().keys()].filter(pid => commandOf(pid) === `sleep\0${seconds}\0`)
  // It may not have begun yet: the next command of the same guest is behind it.
  await runInVm(await LabClient.connect(run), ['true'])
  t.same(await untilEmpty(sleepers, DEADLINE_MS), [])
})

function commandOf(pid: number): string {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8')
  } catch {
    return ''
  }
}

t.test('when the run ends, commands end and their clients are told why; the socket goes', async t => {
  const { socket, run, connect } = await labHere(t)
  const client = await connect()
  const command = await waiting(client)
  t.equal(statSync(run.lab_socket as string).mode & 0o777, 0o600)
  await socket.close('ends with its run')
  await t.rejects(command.ended, { code: 'GUEST_LOST', facts: { vm: 'vm1', reason: 'ends with its run' } })
  t.same(living(command.pids)(), [])
  t.notOk(existsSync(run.lab_socket as string))
  await t.rejects(client.call('vms', {}), { code: 'PROCESS_ENDED' })
  await t.rejects(LabClient.connect(run), { code: 'USAGE' }, 'VMs of a run that is ending')
  await t.rejects(LabClient.connect(runWith(run.folder)), { code: 'USAGE' }, 'a run without VMs')
})

t.test('a client that reads nothing does not keep the run from ending', async t => {
  const { socket, run } = await labHere(t)
  const client = await connectTo(run.lab_socket as string)
  client.pause()
  const call = { id: 1, call: 'exec', in: { vm: 'vm1' }, argv: ['yes'], stdin: 2, stdout: 3, stderr: 4 }
  client.write(`${JSON.stringify(call)}\n`)
  await new Promise(resolve => setImmediate(resolve))
  await socket.close('ends with its run')
  client.destroy()
  t.pass('it has ended')
})

t.test('a guest that is lost ends its commands with what became of it', async t => {
  const { channel, connect } = await labHere(t)
  const client = await connect()
  const command = await waiting(client)
  t.teardown(() => {
    for (const pid of living(command.pids)()) process.kill(pid, 'SIGKILL')
  })
  channel.fail(new NslabError('GUEST_LOST', { vm: 'vm1', reason: 'panicked' }))
  await t.rejects(command.ended, { code: 'GUEST_LOST', facts: { reason: 'panicked' } })
  await t.rejects(runInVm(client, ['true']), { code: 'GUEST_LOST', facts: { reason: 'panicked' } })
})

t.test('what is not there is refused by name; a bug is told and ends nothing', async t => {
  const client = await (await labHere(t)).connect()
  const io = { stdin: new PassThrough(), stdout: new PassThrough(), stderr: new PassThrough() }
  await t.rejects(client.exec({ vm: 'vm7' }, ['true'], io), { code: 'USAGE', facts: { known: ['vm1'] } })
  await t.rejects(client.call('stop', { vm: 'vm7', at_once: false }), { code: 'USAGE' })
  const bug = await client.exec({ node_id: 1 }, ['true'], io).catch((error: unknown) => error)
  t.notOk(bug instanceof NslabError)
  t.match((bug as Error).message, 'no nodes here')
  t.match(await client.call('vms', {}), [{ name: 'vm1' }])
})

t.test("a node's command runs in the namespace that its fleet names", async t => {
  const place = native.Netns.current()
  const cookie = place.identity.cookie
  place.close()
  const whereIs = async (nodeId: number): Promise<{ vm: string; pid: number; fd: number; cookie: string }> => {
    if (nodeId !== 3 && nodeId !== 5) throw new NslabError('USAGE', { problem: `no node ${nodeId}` })
    const { openSync } = await import('node:fs')
    // Node 5 was made anew since its fleet answered.
    const fd = openSync('/proc/self/ns/net', 'r')
    return { vm: 'vm1', pid: process.pid, fd, cookie: String(nodeId === 5 ? cookie + 1n : cookie) }
  }
  const client = await (await labHere(t, { whereIs })).connect()
  const stdout = new PassThrough()
  const io = { stdin: new PassThrough(), stdout, stderr: new PassThrough() }
  const line = 'readlink /proc/self/ns/net; ls /proc/self/fd | wc -l; exit 9'
  const command = await client.exec({ node_id: 3 }, ['sh', '-c', line], io)
  t.equal(await command.ended, 9)
  const { readlinkSync } = await import('node:fs')
  t.equal(String(stdout.read()), `${readlinkSync('/proc/self/ns/net')}\n4\n`, 'with no descriptor but its own')
  await t.rejects(client.exec({ node_id: 4 }, ['true'], io), { code: 'USAGE' })
  const stderr = new PassThrough()
  const astray = await client.exec({ node_id: 5 }, ['echo', 'there'], { ...io, stdin: new PassThrough(), stderr })
  t.equal(await astray.ended, 6)
  t.match(String(stderr.read()), /the network namespace is not the one asked for: its cookie is \d+, not \d+/)
  t.equal(stdout.read(), null, "nothing runs in a namespace that is not the node's")
})

t.test('what is no message ends its sender, and nobody else', async t => {
  const { run, connect } = await labHere(t)
  const client = await connect()
  const hostile = await connectTo(run.lab_socket as string)
  const closed = new Promise(resolve => hostile.resume().once('close', resolve))
  hostile.write('{"id":1,"call":"vms"}\nnonsense\n')
  await closed
  t.match(await client.call('vms', {}), [{ name: 'vm1' }])
})

t.test('a socket that can not be made is told', async t => {
  const lab = { vms: [], runId: RUN_ID, launcher: '', whereIs: async () => ({ vm: '', pid: 0, fd: 0 }), links: null }
  await t.rejects(LabSocket.open('/proc/none/lab.sock', { ...lab, stop: async () => [] }), { code: 'DISK_REFUSED' })
})

t.test('stopping goes to the run, and its answer leaves before the socket closes', async t => {
  const asked: unknown[] = []
  const here: { lab?: LabHere } = {}
  const stop = async (vm: string | null, atOnce: boolean): Promise<string[]> => {
    asked.push([vm, atOnce])
    void here.lab?.socket.close('is being stopped')
    return ['vm1 took its time']
  }
  here.lab = await labHere(t as Test, { stop })
  const client = await here.lab.connect()
  t.same(await client.call('stop', { vm: 'vm1', at_once: true }), ['vm1 took its time'])
  t.same(asked, [['vm1', true]])
})
