import { once } from 'node:events'
import { Duplex } from 'node:stream'
import t from 'tap'
import { systemClock } from '../../src/base/clock.ts'
import { NslabError } from '../../src/base/errors.ts'
import { Agent } from '../../src/lab/agent/agent.ts'
import { ownMachine } from '../../src/lab/agent/machine.ts'
import { rebootGuest } from '../../src/vm/guest.ts'
import type { GuestNotice, Hello } from '../../src/vm/guest-calls.ts'
import { GuestChannel } from '../../src/vm/guest-channel.ts'
import { GuestClock } from '../../src/vm/guest-clock.ts'
import { execInGuest } from '../../src/vm/guest-files.ts'
import { agentHere, RememberingMachine } from '../fixtures/agent.ts'
import { socketPair } from '../fixtures/socket-pair.ts'
import { standStill } from '../fixtures/stand-still.ts'

/** Resolves with the first notice of this kind. */
const notice = <Kind extends GuestNotice['is']>(channel: GuestChannel, is: Kind) =>
  new Promise<Extract<GuestNotice, { is: Kind }>>(resolve => {
    const stop = channel.onNotice(heard => {
      if (heard.is !== is) return
      stop()
      resolve(heard as Extract<GuestNotice, { is: Kind }>)
    })
  })

t.test('a session begins with who the guest is', async t => {
  const { channel, folder } = await agentHere(t)
  t.equal(channel.hello, null)
  const hello = await channel.begin(10)
  t.match(hello, { protocol: 1, identity_count: 0, folder, versions: { node: process.version } })
  t.ok(hello.memory_available_bytes > 0 && hello.memory_total_bytes > hello.memory_available_bytes)
  t.equal(hello.boot_id, null, 'it is nobody yet')
  t.same(channel.hello, hello)
})

t.test('calls are answered side by side; heartbeats come by themselves', async t => {
  const { channel } = await agentHere(t)
  await channel.begin(10)
  const [first, second] = await Promise.all([channel.call('clock', {}), channel.call('clock', {})])
  t.ok(BigInt(second.monotonic_ns) >= BigInt(first.monotonic_ns))
  const beat = await notice(channel, 'heartbeat')
  t.ok(BigInt(beat.monotonic_ns) > BigInt(second.monotonic_ns))
  t.ok(beat.memory_available_bytes > 0)
})

t.test("an error of the agent's is the runner's, with its code and facts; a bug stays one", async t => {
  const { channel } = await agentHere(t, { machine: ownMachine })
  await channel.begin(10)
  const refused = await channel.call('panic', {}).catch((error: unknown) => error)
  t.ok(refused instanceof NslabError)
  t.match(refused, { code: 'KERNEL_REFUSED', facts: { operation: 'panic', errno: 'EPERM' } })
  for (const call of ['power_off', 'reboot'] as const)
    await t.rejects(channel.call(call, {}), { code: 'KERNEL_REFUSED' })
  const bug = await channel.call('measure', {}).catch((error: unknown) => error)
  t.notOk(bug instanceof NslabError)
  t.match((bug as Error).message, /vm1/)
  await t.rejects(channel.call('no such call' as 'clock', {}))
})

t.test('who the guest is and how it ends is up to its machine, after the answer', async t => {
  const { channel, machine } = await agentHere(t)
  await channel.begin(10)
  const identity = { hostname: 'vm7', interfaces: [], wall_ms: 1, seed: 'AAAA' }
  const hello = await channel.call('identity', identity)
  t.equal(hello.identity_count, 1)
  t.match(hello.boot_id, /^[0-9a-f-]{36}$/)
  t.same(machine.identity, identity)
  await channel.call('reboot', {})
  await channel.call('power_off', {})
  // What follows is answered later still.
  await channel.call('clock', {})
  await channel.call('clock', {})
  t.same(machine.deeds, ['reboot', 'power off'])
})

t.test("a call that is not answered in time is given up; a late answer is nobody's", async t => {
  const [far, near] = await socketPair()
  const asked: { readonly id: number }[] = []
  far.setEncoding('utf8').on('data', (text: string) => {
    for (const line of text.split('\n')) if (line !== '') asked.push(JSON.parse(line))
  })
  const channel = new GuestChannel({ vm: 'vm1', stream: near })
  t.teardown(() => near.destroy())
  await t.rejects(channel.call('clock', {}, 0.05), { code: 'DEADLINE', facts: { waitingFor: 'vm1: clock' } })
  const next = channel.call('clock', {}, 10)
  while (asked.length < 2) await once(far, 'data')
  far.write(`{"re":${asked[0]?.id},"value":"late"}\n{"re":${asked[1]?.id},"value":"right"}\n`)
  t.equal(await next, 'right')
})

t.test('an agent of another version is refused in words', async t => {
  const [far, near] = await socketPair()
  far.setEncoding('utf8').on('data', (text: string) => {
    const { id } = JSON.parse(text.trim())
    far.write(`{"re":${id},"value":{"protocol":999}}\n`)
  })
  const channel = new GuestChannel({ vm: 'vm1', stream: near })
  t.teardown(() => near.destroy())
  await t.rejects(channel.begin(10), { code: 'GUEST_LOST', facts: { vm: 'vm1', reason: /999/ } })
})

t.test('a guest that does not answer in time is told as one', async t => {
  const [, near] = await socketPair()
  const channel = new GuestChannel({ vm: 'vm1', stream: near })
  t.teardown(() => near.destroy())
  await t.rejects(channel.begin(0.05), { code: 'DEADLINE' })
})

t.test('when the stream closes, everything under way ends with that, and nothing begins', async t => {
  const { channel, streams } = await agentHere(t)
  await channel.begin(10)
  const exit = channel.exitOf(5)
  const { stream } = channel.openStream('both')
  const closed = once(stream, 'close')
  // Never answered: the agent closes first.
  const call = channel.call('exec', { process: 1, argv: ['sleep', '60'] })
  streams[0].destroy()
  await Promise.all([t.rejects(exit, { code: 'GUEST_LOST' }), call.catch(() => {}), closed])
  t.match(await channel.ended, { code: 'GUEST_LOST', facts: { vm: 'vm1' } })
  await t.rejects(channel.call('clock', {}), { code: 'GUEST_LOST' })
  await t.rejects(channel.exitOf(6), { code: 'GUEST_LOST' })
})

t.test("a VM's own end is the reason where it is known", async t => {
  let end = (_error: NslabError): void => {}
  const vmEnded = new Promise<NslabError>(resolve => {
    end = resolve
  })
  const [far, near] = await socketPair()
  const channel = new GuestChannel({ vm: 'vm1', stream: near, vmEnded })
  const call = channel.call('clock', {})
  far.destroy()
  await new Promise(resolve => near.once('close', resolve))
  end(new NslabError('GUEST_LOST', { vm: 'vm1', reason: 'panicked: sysrq' }))
  await t.rejects(call, { message: 'vm1 panicked: sysrq' })
})

t.test('half a line of an earlier speaker harms nobody, at either side', async t => {
  const [far, near] = await socketPair()
  near.write('{"id":1,"call":"clo')
  far.write('{"is":"heartbeat","monot')
  const machine = new RememberingMachine()
  const agent = new Agent({ stream: far, machine, openKernelLog: () => null, heartbeatS: 60, folder: '/nowhere' })
  const channel = new GuestChannel({ vm: 'vm1', stream: near })
  await channel.begin(10)
  t.ok((await channel.call('clock', {})).monotonic_ns)
  near.destroy()
  await agent.ended
})

t.test(
  'a guest that boots anew on the same stream: all that was under way is lost, and the session goes on',
  async t => {
    const [port, near] = await socketPair()
    // A port outlives the agents that open it.
    const open = (): Duplex => {
      const life = new Duplex({
        read: () => {},
        write: (chunk, _encoding, done) => void port.write(chunk, () => done()),
      })
      port.on('data', (chunk: Buffer) => !life.destroyed && life.push(chunk))
      return life
    }
    const machine = new RememberingMachine()
    const first = open()
    const agent = new Agent({ stream: first, machine, openKernelLog: () => null, heartbeatS: 60, folder: '/nowhere' })
    const reboots: number[] = []
    const channel = new GuestChannel({ vm: 'vm1', stream: near, onReboot: hello => reboots.push(hello.protocol) })
    t.teardown(() => near.destroy())
    await channel.begin(10)
    t.same(reboots, [])
    const exit = channel.exitOf(channel.newNumber())
    const { stream } = channel.openStream('both')
    const closed = once(stream, 'close')
    first.destroy()
    await agent.ended
    port.write('{"is":"heartb')
    const next = open()
    const again = new Agent({ stream: next, machine, openKernelLog: () => null, heartbeatS: 60, folder: '/nowhere' })
    await Promise.all([t.rejects(exit, { code: 'GUEST_LOST', facts: { reason: 'rebooted' } }), closed])
    t.same(reboots, [1])
    t.ok((await channel.call('clock', {})).monotonic_ns)
    next.destroy()
    await again.ended
  },
)

t.test('the next runner ends what the last one began, and hears nothing of it', async t => {
  const { channel, streams } = await agentHere(t)
  await channel.begin(10)
  const process1 = channel.newNumber()
  const { pid } = await channel.call('exec', { process: process1, argv: ['sleep', '600'] })
  // Another runner on the same stream, as after a restore: the first one's channel just stops listening.
  const [, near] = streams
  near.removeAllListeners('data')
  const next = new GuestChannel({ vm: 'vm1', stream: near })
  const heard: GuestNotice[] = []
  next.onNotice(message => heard.push(message))
  await next.begin(10)
  const gone = (): boolean => {
    try {
      process.kill(pid, 0)
      return false
    } catch {
      return true
    }
  }
  while (!gone()) await notice(next, 'heartbeat')
  t.same(
    heard.filter(message => message.is === 'exit'),
    [],
  )
})

t.test('a silence is told once; a word ends it', async t => {
  const [far, near] = await socketPair()
  const agent = new Agent({
    stream: far,
    machine: new RememberingMachine(),
    openKernelLog: () => null,
    heartbeatS: 3600,
    folder: '/nowhere',
  })
  const silences: number[] = []
  let heard = (): void => {}
  const channel = new GuestChannel({
    vm: 'vm1',
    stream: near,
    silentAfterS: 0.1,
    onSilent: silentS => {
      silences.push(silentS)
      heard()
    },
  })
  const silence = (): Promise<void> =>
    new Promise(resolve => {
      heard = resolve
    })
  const alive = setInterval(() => {}, 1000)
  const first = silence()
  await channel.begin(10)
  await first
  t.ok((silences[0] ?? 0) >= 0.1)
  const second = silence()
  await channel.call('clock', {})
  await second
  t.equal(silences.length, 2)
  clearInterval(alive)
  near.destroy()
  await agent.ended
})

t.test('a guest is not silent for as long as its runner stood still', async t => {
  const [far, near] = await socketPair()
  const machine = new RememberingMachine()
  const agent = new Agent({ stream: far, machine, openKernelLog: () => null, heartbeatS: 3600, folder: '/nowhere' })
  const silences: number[] = []
  const onSilent = (silentS: number): void => void silences.push(silentS)
  const channel = new GuestChannel({ vm: 'vm1', stream: near, silentAfterS: 2, onSilent })
  await channel.begin(10)
  standStill(4)
  // The look that is due comes first, and what the guest says after it.
  await channel.call('clock', {})
  t.same(silences, [])
  near.destroy()
  await agent.ended
})

t.test('a silence that is excused is not told, and one after it is', async t => {
  const [far, near] = await socketPair()
  const machine = new RememberingMachine()
  const agent = new Agent({ stream: far, machine, openKernelLog: () => null, heartbeatS: 3600, folder: '/nowhere' })
  const silences: number[] = []
  const channel = new GuestChannel({
    vm: 'vm1',
    stream: near,
    silentAfterS: 0.05,
    onSilent: silentS => void silences.push(silentS),
  })
  await channel.begin(10)
  const ends = [channel.excuseSilence(), channel.excuseSilence()]
  silences.length = 0
  await new Promise(resolve => setTimeout(resolve, 300))
  ends.pop()?.()
  await new Promise(resolve => setTimeout(resolve, 200))
  t.same(silences, [], 'as long as anybody excuses it')
  ends.pop()?.()
  while (silences.length === 0) await new Promise(resolve => setTimeout(resolve, 10))
  t.ok((silences[0] ?? 0) < 5, 'counted from the end of the last excuse')

  // This one never comes back, and has all of its time for that.
  const clock = new GuestClock(async () => 0n, systemClock)
  await channel.call('clock', {})
  silences.length = 0
  const guest = { channel, clock, hello: channel.hello as Hello, readyS: 0 }
  await t.rejects(rebootGuest(guest, { deadlineS: 0.5 }), { code: 'DEADLINE' })
  t.same(silences, [])
  near.destroy()
  await agent.ended
})

t.test('an agent that nobody reads does not fill its memory', async t => {
  const written: number[] = []
  const stuck = new Duplex({
    read: () => {},
    write: chunk => void written.push(chunk.length),
    writableHighWaterMark: 16,
  })
  const agent = new Agent({
    stream: stuck,
    machine: new RememberingMachine(),
    openKernelLog: () => null,
    heartbeatS: 0.001,
    folder: '/nowhere',
  })
  const before = new Promise<void>(resolve => {
    const timer = setInterval(() => {
      if (stuck.writableLength < 64 * 1024) return
      clearInterval(timer)
      resolve()
    }, 5)
  })
  await before
  const full = stuck.writableLength
  await new Promise(resolve => setTimeout(resolve, 50))
  t.equal(stuck.writableLength, full)
  stuck.destroy()
  await agent.ended
})

t.test('what is asked of a guest that is lost is refused, and nothing is left that nobody waits for', async t => {
  const { channel } = await agentHere(t)
  const hello = await channel.begin(10)
  const reason = new NslabError('GUEST_LOST', { vm: 'vm1', reason: 'ended' })
  const clock = new GuestClock(async () => 0n, systemClock)
  channel.fail(reason)
  const unhandled: unknown[] = []
  const hear = (error: unknown): void => void unhandled.push(error)
  process.on('unhandledRejection', hear)
  t.teardown(() => process.off('unhandledRejection', hear))
  await t.rejects(execInGuest(channel, ['true']), reason)
  await t.rejects(rebootGuest({ channel, clock, hello, readyS: 0 }, { deadlineS: 10 }), reason)
  await new Promise(resolve => setTimeout(resolve, 50))
  t.same(unhandled, [])
})
