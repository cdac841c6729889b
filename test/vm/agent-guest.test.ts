// The agent where it belongs: in guests that boot, run programs, complain, reboot, and go on from a saved state.

import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { systemClock } from '../../src/base/clock.ts'
import { parseScenario } from '../../src/config/scenario.ts'
import { makePlan, planToJson } from '../../src/lab/plan/plan.ts'
import { Program } from '../../src/lab/run/program.ts'
import { memoryCosts } from '../../src/lab/vm/machine.ts'
import { VmSite } from '../../src/lab/vm/site.ts'
import type { RunEvent } from '../../src/protocol/events.ts'
import { type Guest, makeGuestReady, openGuest } from '../../src/vm/guest.ts'
import type { GuestNotice, Hello } from '../../src/vm/guest-calls.ts'
import { readFromGuest, writeToGuest } from '../../src/vm/guest-files.ts'
import { startFast } from '../../src/vm/snapshot.ts'
import { bootGuest, GUEST_LIMIT_S, guestImage, guestSpec, inGuest } from '../fixtures/guest-vm.ts'
import { qemuHere, scratchFolder } from '../fixtures/shell-guest.ts'

/** Resolves with the first notice that is wanted. */
const notice = ({ channel }: Guest, wanted: (heard: GuestNotice) => boolean) =>
  new Promise<GuestNotice>(resolve => {
    const stop = channel.onNotice(heard => {
      if (!wanted(heard)) return
      stop()
      resolve(heard)
    })
  })

t.test('a guest says who it is, is who it is told to be, and tells what its kernel complains of', async t => {
  const guest = await bootGuest(t, { name: 'vm7' })
  const { channel, hello, vm } = guest
  t.match(hello, { hostname: 'vm7', identity_count: 1, folder: '/run/nslab', cpus_count: 1 })
  const { overheadBytes, emulatorBytes } = await memoryCosts({ vm, guest })
  // The kernel's own memory is outside of MemTotal, and inside of what QEMU gives its guest.
  t.ok(0 < emulatorBytes && emulatorBytes < overheadBytes, `${emulatorBytes} and ${overheadBytes} bytes`)
  t.ok(overheadBytes < 400e6, 'of which code and the boot are most')
  t.same(
    await memoryCosts({ vm: { pid: 2 ** 22 + 1, spec: vm.spec }, guest }),
    { overheadBytes: Number.NaN, emulatorBytes: Number.NaN },
    'what can not be read is unknown, not nothing',
  )
  const { kernel_s: kernelS = 0, settled_s: settledS = 0, agent_s: agentS = 0 } = hello.boot
  t.ok(0 < kernelS && kernelS < settledS && settledS < agentS && agentS < guest.readyS, JSON.stringify(hello.boot))
  t.equal(await inGuest(guest, 'hostname'), 'vm7')
  const wallS = Number(await inGuest(guest, 'date +%s'))
  t.ok(Math.abs(wallS - Date.now() / 1000) < 10, `${wallS} s is about now`)
  const other = { hostname: 'other', interfaces: [], wall_ms: 1e12, seed: 'AAAA' }
  t.match(await channel.call('identity', other), { hostname: 'other', identity_count: 2 })
  const otherS = Number(await inGuest(guest, 'date +%s'))
  t.ok(otherS >= 1e9 && otherS < 1e9 + 60, `${otherS} s is what it was told`)
  const wrong = { ...other, interfaces: [{ name: 'eth7', mac: '52:54:00:00:00:01' }] }
  await t.rejects(channel.call('identity', wrong), { code: 'KERNEL_REFUSED', facts: { operation: /eth7/ } })

  // Its clock, as this machine sees it: nothing that was asked for and answered in between lies outside.
  const beforeNs = process.hrtime.bigint()
  const { monotonic_ns } = await channel.call('clock', {})
  const afterNs = process.hrtime.bigint()
  const { model } = guest.clock
  const errorNs = BigInt(Math.ceil(model.errorS(BigInt(monotonic_ns)) * 1e9))
  const seenNs = model.hostNs(BigInt(monotonic_ns))
  t.ok(beforeNs - errorNs <= seenNs && seenNs <= afterNs + errorNs, `within ${errorNs} ns`)

  const complaint = notice(guest, heard => heard.is === 'kernel' && /Killed process/.test(heard.message))
  await inGuest(
    guest,
    [
      'echo +memory > /sys/fs/cgroup/cgroup.subtree_control',
      'mkdir /sys/fs/cgroup/small',
      'echo 8M > /sys/fs/cgroup/small/memory.max',
      '(echo 0 > /sys/fs/cgroup/small/cgroup.procs; exec tail /dev/zero) || true',
    ].join('\n'),
  )
  t.match(await complaint, { is: 'kernel', level: 'err' })

  const bytes = Buffer.alloc(3_000_000, 'a line that repeats\n')
  await writeToGuest(channel, '/tmp/there/bytes', bytes)
  const back = join(scratchFolder(t), 'bytes')
  t.equal(await readFromGuest(channel, '/tmp/there/bytes', back), bytes.length)
  t.ok(readFileSync(back).equals(bytes))

  const shellSaid = new Promise<string>(resolve => {
    let text = ''
    vm.shell.on('data', (chunk: Buffer) => {
      text += chunk.toString()
      const [, size] = /size (\d+ \d+)/.exec(text) ?? []
      if (size !== undefined) resolve(size)
    })
  })
  const shell = channel.newNumber()
  const left = channel.exitOf(shell)
  await channel.call('open_shell', { process: shell, rows: 33, columns: 99, term: 'linux' })
  // What is typed before it speaks would be taken for what was left of an earlier one.
  vm.shell.once('data', () => vm.shell.write('echo size $(stty size); exit 5\n'))
  t.equal(await shellSaid, '33 99')
  t.match(await left, { code: 5 })

  const call = channel.call('measure', {}, GUEST_LIMIT_S).catch(() => {})
  const end = await vm.powerdown(() => void channel.call('power_off', {}).catch(() => {}), GUEST_LIMIT_S * 1000)
  t.match(end, { kind: 'guest_shutdown' })
  await call
  await t.rejects(channel.call('clock', {}), { code: 'VM_FAILED', facts: { vm: 'vm7' } })
})

t.test("a ring is wired and unwired in a guest, its times on this machine's axis", async t => {
  const guest = await bootGuest(t)
  const text = '[controller]\ntopology = { type = "ring", ring_config = { n_nodes = 4 } }\nstore = "memory"\n'
  const plan = makePlan(parseScenario(`name = "x"\n${text.replace('store = "memory"\n', '')}`, 'x', [], () => ''))
  const planPath = join(scratchFolder(t), 'plan.json')
  writeFileSync(planPath, planToJson(plan))
  const originNs = systemClock.nowNs()
  let output = ''
  const site = await VmSite.open({
    channel: guest.channel,
    guestClock: guest.clock,
    clock: systemClock,
    runId: 'cd'.repeat(16),
    originNs,
    planPath,
    console: () => ({
      onText: said => {
        output += said
      },
      lastWords: () => output,
    }),
    scale: 8,
    onEvent: () => {},
    onDeed: () => {},
  })
  await site.baseline({ neighbours_count: 0, interfaces: [], nodes_count: 4 })
  const host = plan.hosts[0]?.name as string
  const root = await site.createRoot({ host, uplink: null })
  const events: RunEvent[] = []
  let onWired = (): void => {}
  let onFailure = (_error: unknown): void => {}
  const wired = new Promise<void>((resolve, reject) => {
    onWired = resolve
    onFailure = reject
  })
  wired.catch(() => {})
  const start = async (program: 'controller' | 'dataplane', args: readonly string[]): Promise<Program> =>
    new Program({
      name: program,
      process: await site.start({ program, host, args }),
      onEvent: event => {
        events.push({ ...event, t_s: site.toRunS(event.t_s) })
        if (event.kind === 'all_wired') onWired()
      },
      onFailure,
    })
  const controller = await start('controller', [])
  const dataplane = await start('dataplane', ['--fleet', '0'])
  await Promise.all([controller.ready, dataplane.ready])
  dataplane.send({ do: 'build' })
  await wired
  t.equal((await dataplane.stop(GUEST_LIMIT_S))?.remaining.length, 0)
  t.ok(await controller.stop(GUEST_LIMIT_S), output)
  await site.closeRoot(host)
  const cookies = events.flatMap(event =>
    event.kind === 'node_up' ? [[event.netns_inode, event.netns_cookie] as const] : [],
  )
  t.equal(cookies.length, 4)
  t.same((await site.verify({ cookies: [...cookies, [Number(root.inode), root.cookie]] })).residue, [])
  const nowS = Number(systemClock.nowNs() - originNs) / 1e9
  const slackS = site.clockErrorS
  t.ok(slackS > 0 && slackS < 0.25, `${slackS} s`)
  t.ok(events.every(({ t_s }) => t_s >= -slackS && t_s <= nowS + slackS))
  await site.end()
})

t.test('a guest that reboots ends what was under way, and answers on the same channel', async t => {
  let onReboot = (_hello: Hello): void => {}
  const rebooted = new Promise<Hello>(resolve => {
    onReboot = resolve
  })
  const guest = await bootGuest(t, { reboots: 'allowed' }, { onReboot: hello => onReboot(hello) })
  const { channel, hello } = guest
  const sleeping = channel.newNumber()
  const exit = channel.exitOf(sleeping)
  await channel.call('exec', { process: sleeping, argv: ['sleep', '600'] })
  await channel.call('reboot', {})
  await t.rejects(exit, { code: 'GUEST_LOST', facts: { reason: 'rebooted' } })
  t.same(await rebooted, { ...(await rebooted), identity_count: 0, boot_id: null })
  t.not(await inGuest(guest, 'cat /proc/sys/kernel/random/boot_id'), hello.boot_id)
  t.equal(await inGuest(guest, 'echo again'), 'again')
})

t.test('a guest that panics is what its callers are told', async t => {
  const guest = await bootGuest(t)
  await t.rejects(guest.channel.call('panic', {}), { code: 'VM_FAILED', facts: { kind: 'guest_panic' } })
})

t.test('two guests that go on from one saved state are two', async t => {
  const image = await guestImage()
  const root = join(scratchFolder(t), 'snapshots')
  const qemu = await qemuHere()
  const nics = [{ mac: '52:54:00:00:00:01', to: 'stream' as const }]
  const guests: Guest[] = []
  for (const name of ['vm1', 'vm2']) {
    const mac = `52:54:00:00:00:1${name.at(-1)}`
    const { vm, how, opened } = await startFast(
      await guestSpec(t, { name, nics: [{ ...nics[0], mac, to: 'stream' }] }),
      {
        qemu,
        clock: systemClock,
        root,
        imageDigest: image.digest,
        makeReady: booted => makeGuestReady(booted, GUEST_LIMIT_S),
        open: restored => {
          restored.shell.resume()
          for (const nic of restored.nics.values()) nic.resume()
          return openGuest(restored, { deadlineS: GUEST_LIMIT_S, interfaces: [{ name: 'eth0', mac }] })
        },
        onNotice: said => t.comment(said),
        saveLimitMs: GUEST_LIMIT_S * 1000,
      },
    )
    t.teardown(() => vm.kill())
    t.equal(how, 'restored')
    t.comment(`${name} answers ${opened.readyS} s after its restore`)
    guests.push(opened)
    t.equal(await inGuest(opened, 'hostname'), name)
    t.equal(await inGuest(opened, 'cat /sys/class/net/eth0/address'), mac)
    t.ok(Math.abs(Number(await inGuest(opened, 'date +%s')) - Date.now() / 1000) < 10)
    const { overheadBytes, emulatorBytes } = await memoryCosts({ vm, guest: opened })
    t.ok(overheadBytes <= 100e6, `QEMU takes ${overheadBytes} bytes beyond what its guest uses`)
    t.ok(10e6 < emulatorBytes && emulatorBytes < 150e6, `and ${emulatorBytes} outside its guest's memory`)
  }
  const [one, two] = guests as [Guest, Guest]
  for (const guest of guests) t.equal(await inGuest(guest, 'cat /proc/sys/kernel/random/boot_id'), guest.hello.boot_id)
  t.not(one.hello.boot_id, two.hello.boot_id, 'a boot is told from another by it')
  const draw = 'head -c 16 /dev/urandom | hexdump'
  t.not(await inGuest(one, draw), await inGuest(two, draw))
})
