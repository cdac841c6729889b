// Tap segments without VMs: frames by their descriptors, what is refused, and how everything ends.

import { type ChildProcess, execFileSync, spawn } from 'node:child_process'
import { accessSync, constants, mkdtempSync, read, readFileSync, rmSync, writeSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import t, { type Test } from 'tap'
import { UNDERLAY_MTU_MAX } from '../../src/base/limits.ts'
import { runIdOf } from '../../src/lab/proc/process-table.ts'
import { type TapOptions, TapSegment } from '../../src/vm/tap-segment.ts'
import { asNobody, ended, firstLine, isRoot, launcher, markGone } from '../fixtures/launch.ts'
import { BROADCAST, frameOf, macOf } from '../fixtures/station.ts'

const readAsync = promisify(read)

/** struct virtio_net_hdr stands before each frame. */
const HEADER_BYTES = 10

const send = (fd: number, destination: string, source: string, text: string): number =>
  writeSync(fd, Buffer.concat([Buffer.alloc(HEADER_BYTES), frameOf(destination, source, text)]))

/** The payload of the next frame. */
async function hear(fd: number): Promise<string> {
  const { bytesRead, buffer } = await readAsync(fd, Buffer.alloc(2048), 0, 2048, null)
  return buffer.toString('utf8', HEADER_BYTES + 14, bytesRead).replaceAll('\0', '')
}

const canTap = ((): boolean => {
  try {
    accessSync('/dev/net/tun', constants.R_OK | constants.W_OK)
    return true
  } catch {
    return false
  }
})()
const needsTap = { skip: !canTap && 'this user may not open /dev/net/tun' }

/** A segment, and descriptors of ports of it. */
const lab = (t: Test, ...ports: readonly string[]) => labOf(t, {}, ...ports)

async function labOf(t: Test, options: TapOptions, ...ports: readonly string[]) {
  const segment = await TapSegment.make('lab', options)
  t.teardown(() => segment.close())
  const fds: number[] = []
  for (const port of ports) {
    const plug = await segment.plug(port)
    t.teardown(() => plug.release())
    if (plug.to === 'stream') throw new Error('a descriptor was expected')
    fds.push(plug.to.tapFd)
  }
  return { segment, fds: fds as [number, number] }
}

t.test('frames pass from port to port, none while one is cut, and each is counted', needsTap, async t => {
  const { segment, fds } = await lab(t, 'vm1', 'vm2')
  send(fds[0], BROADCAST, macOf(1), 'hello')
  t.equal(await hear(fds[1]), 'hello')
  await segment.setConditions({ port: 'vm2' }, { cut: true })
  send(fds[0], macOf(2), macOf(1), 'lost')
  await segment.setConditions({ port: 'vm2' }, { cut: false })
  send(fds[0], macOf(2), macOf(1), 'healed')
  t.equal(await hear(fds[1]), 'healed')
  t.match(await segment.totals(), { vm1: { received: { frames: 3, bytes: 180 } }, vm2: { sent: { frames: 2 } } })
})

t.test('a port has one VM at a time, and keeps its cut for the next one', needsTap, async t => {
  const { segment, fds } = await lab(t, 'vm1')
  const plug = await segment.plug('vm2')
  await t.rejects(segment.plug('vm2'), { code: 'KERNEL_REFUSED', facts: { errno: 'EBUSY' } })
  await segment.setConditions({ port: 'vm2' }, { cut: true })
  plug.release()
  plug.release()
  const next = await segment.plug('vm2')
  t.teardown(() => next.release())
  send(fds[0], BROADCAST, macOf(1), 'lost')
  await segment.setConditions({ port: 'vm2' }, null)
  send(fds[0], BROADCAST, macOf(1), 'healed')
  t.equal(await hear((next.to as { tapFd: number }).tapFd), 'healed')
})

t.test('frames as large as its MTU pass, and none that are larger', needsTap, async t => {
  for (const mtu of [undefined, 9000, UNDERLAY_MTU_MAX]) {
    const most = mtu ?? 1500
    const { segment, fds } = await labOf(t, mtu === undefined ? {} : { mtu }, 'vm1', 'vm2')
    // A bridge leaves room for a VLAN's tag.
    send(fds[0], BROADCAST, macOf(1), 'x'.repeat(most + 5))
    send(fds[0], BROADCAST, macOf(1), 'x'.repeat(most))
    const { bytesRead } = await readAsync(fds[1], Buffer.alloc(2 ** 17), 0, 2 ** 17, null)
    t.equal(bytesRead, HEADER_BYTES + 14 + most, `${most}`)
    t.match(await segment.totals(), { vm1: { received: { frames: 2 } }, vm2: { sent: { frames: 1 } } })
  }
  await t.rejects(labOf(t, { mtu: UNDERLAY_MTU_MAX + 1 }, 'vm1'), {
    code: 'KERNEL_REFUSED',
    facts: { errno: 'EINVAL' },
  })
  await t.rejects(TapSegment.make('lab', { mtu: 1.5 }), { code: 'NOT_FIT', message: /usage: nslab-tap MTU/ })
})

t.test('two ports plugged at once get their own descriptors', needsTap, async t => {
  const { segment, fds } = await lab(t, 'vm0')
  const plugs = await Promise.all(['vm1', 'vm2', 'vm3'].map(name => segment.plug(name)))
  for (const plug of plugs) t.teardown(() => plug.release())
  for (const [i, plug] of plugs.entries()) {
    send((plug.to as { tapFd: number }).tapFd, BROADCAST, macOf(i + 1), `from vm${i + 1}`)
    t.equal(await hear(fds[0]), `from vm${i + 1}`)
  }
  const totals = await segment.totals()
  for (const name of ['vm1', 'vm2', 'vm3']) t.equal(totals[name]?.received.frames, 1, name)
})

t.test('what it has not is refused, with what to do', needsTap, async t => {
  const { segment } = await lab(t)
  for (const [way, conditions] of [
    [{ from: 'vm1', to: 'vm2' }, { cut: true }],
    [{ from: 'vm1' }, { lossRatio: 0.1 }],
    [{ to: 'vm1' }, { cut: true }],
    [{ port: 'vm1' }, { cut: true, delayS: 1 }],
    [{ to: 'vm1' }, { delayS: -1 }],
  ] as const) {
    await t.rejects(segment.setConditions(way, conditions), { code: 'USAGE' }, JSON.stringify([way, conditions]))
  }
  for (const name of ['', 'a b', '1234567890123456', 'vm1\ndown', '../x']) {
    await t.rejects(segment.plug(name), { code: 'USAGE' }, JSON.stringify(name))
  }
})

t.test('loss, delay and rate are netem, where the kernel has it', needsTap, async t => {
  const { segment, fds } = await lab(t, 'vm1', 'vm2')
  const set = segment.setConditions({ to: 'vm2' }, { lossRatio: 1 })
  const error = await set.then(
    () => null,
    error => error,
  )
  if (error !== null) {
    t.match(error, { code: 'KERNEL_REFUSED', facts: { errno: 'ENOENT', operation: /netem/ } })
  } else {
    send(fds[0], BROADCAST, macOf(1), 'lost')
    await segment.setConditions({ to: 'vm2' }, { delayS: 0.001, rateBitsPerS: 1e9 })
  }
  await segment.setConditions({ to: 'vm2' }, null)
  send(fds[0], BROADCAST, macOf(1), 'healed')
  t.equal(await hear(fds[1]), 'healed')
})

/** Processes that this one has started and that live. */
const children = (): string[] =>
  readFileSync(`/proc/self/task/${process.pid}/children`, 'utf8').split(' ').filter(Boolean)

t.test('a keeper that is killed is an error for whoever asks, then and later', needsTap, async t => {
  const before = children()
  const { segment } = await lab(t)
  const keeper = children().filter(pid => !before.includes(pid))
  t.equal(keeper.length, 1)
  process.kill(Number(keeper[0]), 'SIGKILL')
  await t.rejects(segment.plug('vm1'), { code: 'PROCESS_ENDED', facts: { process: 'nslab-tap' } })
  await t.rejects(segment.totals(), { code: 'PROCESS_ENDED' })
})

/** A program of its own that makes a segment, and does `then` with it. */
function program(then: string, prefix: readonly string[] = [], mark = ''): ChildProcess {
  const module = new URL('../../src/vm/tap-segment.ts', import.meta.url)
  const script = `
    const { TapSegment } = await import(${JSON.stringify(module.href)})
    const segment = await TapSegment.make('lab').catch(error => { console.log(error.code, error.facts.problems[0]); process.exit(0) })
    const plug = await segment.plug('vm1')
    ${then}`
  const [command, ...words] = [...prefix, process.execPath, '--import=tsx', '--input-type=module', '-e', script]
  return spawn(command as string, words, {
    stdio: ['ignore', 'pipe', 'pipe'],
    // tsx keeps a cache there; an unprivileged user has no other place.
    env: { ...process.env, HOME: tmpdir(), MARK: mark },
  })
}

t.test('the process that holds a segment names its run', needsTap, async t => {
  const runId = 'ad'.repeat(16)
  const segment = await TapSegment.make('lab', { runId })
  t.teardown(() => segment.close())
  t.same(
    segment.pids.map(pid => runIdOf(pid)),
    [runId],
  )
})

t.test('nothing of a segment outlives the process that made it, killed or not', needsTap, async t => {
  for (const end of ['SIGKILL', 'SIGTERM'] as const) {
    const mark = `segment-${process.pid}-${end}`
    const runner = program(`console.log('made'); setInterval(() => {}, 1000)`, [], mark)
    t.equal(await firstLine(runner.stdout as NodeJS.ReadableStream), 'made')
    runner.kill(end)
    t.same(await markGone(`MARK=${mark}`), [])
  }
})

t.test(
  'without privileges it lives in a user namespace, and needs the device',
  { skip: !isRoot && 'root' },
  async t => {
    const folder = mkdtempSync(join(tmpdir(), 'nslab-tun-'))
    t.teardown(() => rmSync(folder, { recursive: true }))
    const tun = join(folder, 'tun')
    execFileSync('mknod', ['-m', '666', tun, 'c', '10', '200'])
    execFileSync('chmod', ['755', folder])
    const launchedAs = (mode: string): string[] => {
      execFileSync('chmod', [mode, tun])
      return [launcher, '--bind', `${tun}:/dev/net/tun`, '--', ...asNobody]
    }
    const user = `
    console.log(JSON.stringify(await segment.totals()) + ' ' + process.getuid())
    plug.release()
    await segment.close()`
    const works = await ended(program(user, launchedAs('666')))
    t.match(works, { code: 0, out: /^\{"vm1":.* 65534$/ }, works.err)
    const refused = await ended(program(user, launchedAs('600')))
    t.match(refused, { code: 0, out: /^NOT_FIT .*net.tun/ }, refused.err)
  },
)

t.test('where no namespace may be made, that is said', { skip: !isRoot && 'root' }, async t => {
  // A namespace in which no further user namespaces may be made, and its root has no rights over its own network.
  const noUser = ['unshare', '--user', '--map-root-user', 'sh', '-c']
  const script = 'echo 0 > /proc/sys/user/max_user_namespaces && exec setpriv --bounding-set=-all --inh-caps=-all "$@"'
  const refused = await ended(program(`console.log('made')`, [...noUser, script, 'sh']))
  t.match(refused, { out: /^NOT_FIT .*unshare.*(EPERM|ENOSPC)/ }, refused.err)
})
