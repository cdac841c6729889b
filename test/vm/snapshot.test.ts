// VMs that go on from a saved one: clones, and everything that may be wrong with what was saved.

import { appendFileSync, existsSync, readdirSync, readFileSync, statSync, truncateSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { NslabError } from '../../src/base/errors.ts'
import { type SnapshotOptions, type Started, startFast } from '../../src/vm/snapshot.ts'
import { publishSnapshot, type Snapshot } from '../../src/vm/snapshot-files.ts'
import type { RunningVm, VmSpec } from '../../src/vm/spec.ts'
import { markGone } from '../fixtures/launch.ts'
import { GuestShell, qemuHere, scratchFolder, shellSpec } from '../fixtures/shell-guest.ts'

interface Lab {
  readonly root: string
  readonly notices: string[]
  /** How often a VM was booted to be saved. */
  readonly saves: () => number
  start(name: string, changes?: Changes): Promise<Started<GuestShell>>
  /** The one saved VM. */
  folder(): string
}

interface Changes {
  readonly spec?: Partial<VmSpec>
  readonly options?: Partial<SnapshotOptions<GuestShell>>
}

/** A place for saved VMs, and VMs of one kind. */
async function lab(t: Test): Promise<Lab> {
  const root = join(scratchFolder(t), "it's snapshots")
  const notices: string[] = []
  let saves = 0
  const qemu = await qemuHere()
  const folder = (): string => {
    const names = existsSync(root) ? readdirSync(root) : []
    t.equal(names.length, 1, `one saved VM, nothing else: ${names}`)
    return join(root, names[0] ?? '')
  }
  return {
    root,
    notices,
    saves: () => saves,
    folder,
    start: async (name, { spec, options } = {}) => {
      const nics = [{ mac: `52:54:00:00:01:${String(name.length).padStart(2, '0')}`, to: 'stream' as const }]
      const started = await startFast(await shellSpec(t, { name, nics, ...spec }), {
        qemu,
        root,
        imageDigest: 'of the test',
        makeReady: async (vm: RunningVm) => {
          saves++
          const shell = new GuestShell(vm)
          await shell.ready()
          await shell.run('saved=yes; echo said before > /dev/console')
        },
        open: async (vm: RunningVm, how: 'restored' | 'booted') => {
          t.teardown(() => vm.kill())
          const shell = new GuestShell(vm)
          if (how === 'booted') await shell.ready()
          await shell.run('echo said after > /dev/console')
          return shell
        },
        onNotice: text => notices.push(text),
        saveLimitMs: 120_000,
        ...options,
      })
      return started
    },
  }
}

t.test('the first of a kind is saved, and all go on from it, each by itself', async t => {
  const { start, saves, notices, folder } = await lab(t)
  const clones = await Promise.all([start('a'), start('bb'), start('ccc')])
  t.same(
    clones.map(({ how }) => how),
    ['restored', 'restored', 'restored'],
  )
  t.same([saves(), notices], [1, []])
  for (const { opened: shell } of clones) t.equal(await shell.run('echo $saved'), 'yes\n', 'what was set before')
  const sizes = statSync(join(folder(), 'memory'))
  t.equal(sizes.size, 160 * 2 ** 20)
  t.ok(sizes.blocks * 512 < sizes.size, 'sparse')
  const before = readFileSync(join(folder(), 'memory')).subarray(0, 2 ** 26)
  const own = await Promise.all(
    clones.map(({ opened }, index) => opened.run(`mine=${index}; echo ${index} > /tmp/file`)),
  )
  t.same(own, ['', '', ''])
  const read = await Promise.all(clones.map(({ opened }) => opened.run('echo $mine; cat /tmp/file')))
  t.same(read, ['0\n0\n', '1\n1\n', '2\n2\n'])
  t.ok(before.equals(readFileSync(join(folder(), 'memory')).subarray(0, 2 ** 26)), 'nothing of it gets into the file')
  const randoms = await Promise.all(
    clones.map(({ opened }) => opened.run('cat /sys/devices/system/clocksource/*/current_clocksource')),
  )
  t.same(randoms, Array(3).fill('tsc\n'))
  for (const { vm } of clones) {
    t.match(readFileSync(vm.spec.consoleFile, 'utf8'), /said before.*said after/s, 'the console from its first byte')
  }
  const [first] = clones
  first.opened.send('echo c > /proc/sysrq-trigger')
  t.match(await first.vm.ended, { kind: 'guest_panic' }, 'a clone ends like any VM')
})

t.test('another kind is another VM to save', async t => {
  const { start, saves, root } = await lab(t)
  await start('a')
  await start('b', { spec: { memoryMib: 176 } })
  await start('c', { options: { imageDigest: 'another' } })
  t.equal(saves(), 3)
  t.equal(readdirSync(root).length, 3)
})

t.test('what was written to since is thrown away and made anew', async t => {
  const { start, saves, notices, folder } = await lab(t)
  await start('a')
  appendFileSync(join(folder(), 'state'), 'x')
  t.equal((await start('b')).how, 'restored')
  t.match(notices, [/size of its state/])
  t.equal(saves(), 2)
})

/** Says of the files in a folder that they are as they should be. */
function vouch(folder: string): void {
  const key = folder.slice(folder.lastIndexOf('/') + 1)
  const paths: Snapshot = {
    key,
    folder,
    memoryPath: join(folder, 'memory'),
    statePath: join(folder, 'state'),
    consolePath: join(folder, 'console.log'),
  }
  publishSnapshot(paths, join(folder, '..'))
}

t.test('a state that QEMU can’t read: the VM boots, and says why', async t => {
  const { start, notices, folder, root } = await lab(t)
  await start('a')
  truncateSync(join(folder(), 'state'), 1000)
  vouch(folder())
  const { how, opened } = await start('b')
  t.equal(how, 'booted')
  t.match(notices, [/b boots, because it can't be restored: b .*(load of migration failed|QEMU)/])
  t.equal(await opened.run('echo $saved'), '\n')
  t.same(readdirSync(root), [], 'it is not tried again')
})

t.test('a clone that does not answer is ended, and the same is booted', async t => {
  const { start, notices, root, saves } = await lab(t)
  const vms: RunningVm[] = []
  const open = async (vm: RunningVm, how: string): Promise<GuestShell> => {
    vms.push(vm)
    t.teardown(() => vm.kill())
    const facts = { waitingFor: 'the agent', limitS: 1, missing: ['its answer'] }
    if (how === 'restored') throw new NslabError('DEADLINE', facts)
    const shell = new GuestShell(vm)
    await shell.ready()
    return shell
  }
  const { how } = await start('a', { options: { open } })
  t.equal(how, 'booted')
  t.match(await vms[0]?.ended, { kind: 'killed' })
  t.match(notices, [/a boots, because it can't be restored: the agent/])
  t.same([readdirSync(root), saves()], [[], 1])
})

t.test('an interrupt is no reason to boot', async t => {
  const { start, notices, folder } = await lab(t)
  const open = async (): Promise<GuestShell> => {
    throw new NslabError('INTERRUPTED', { signal: 'SIGINT' })
  }
  await t.rejects(start('a', { options: { open } }), { code: 'INTERRUPTED' })
  t.same(notices, [])
  t.ok(existsSync(folder()), 'what was saved stays')
})

t.test('for somebody who has gone nothing is saved, and nothing boots', async t => {
  const { start, root, saves, notices } = await lab(t)
  const reason = new NslabError('INTERRUPTED', { signal: 'SIGINT' })
  await t.rejects(start('a', { options: { signal: AbortSignal.abort(reason) } }), reason)
  t.equal(saves(), 0)
  const gone = new AbortController()
  const makeReady = async (): Promise<void> => {
    gone.abort(reason)
    await new Promise(() => {})
  }
  await t.rejects(start('b', { options: { signal: gone.signal, makeReady } }), reason)
  t.same([existsSync(root) ? readdirSync(root) : [], notices], [[], []])
})

t.test('who waits for another to save the VM waits no longer than it is wanted', async t => {
  const { start, notices } = await lab(t)
  const reason = new NslabError('INTERRUPTED', { signal: 'SIGINT' })
  const [saver, waiter] = [new AbortController(), new AbortController()]
  let onSaving = (): void => {}
  const saving = new Promise<void>(resolve => {
    onSaving = resolve
  })
  const makeReady = async (): Promise<void> => {
    onSaving()
    await new Promise(() => {})
  }
  const first = start('a', { options: { signal: saver.signal, makeReady } })
  await saving
  const second = start('b', { options: { signal: waiter.signal } })
  setTimeout(() => waiter.abort(reason), 50)
  await t.rejects(second, reason, 'while the other one still saves')
  saver.abort(reason)
  await t.rejects(first, reason)
  t.same(notices, [])
})

t.test('a bug is no reason either', async t => {
  const { start, notices } = await lab(t)
  const open = async (): Promise<GuestShell> => {
    throw new TypeError('x')
  }
  await t.rejects(start('a', { options: { open } }), TypeError)
  t.same(notices, [])
})

t.test('a guest that fails before it can be saved is the failure, with its console', async t => {
  const { start, root, notices } = await lab(t)
  const consoleFile = join(scratchFolder(t), 'console.log')
  const panic = async (vm: RunningVm): Promise<void> => {
    const shell = new GuestShell(vm)
    await shell.ready()
    await shell.run('echo c > /proc/sysrq-trigger')
  }
  const failing = start('a', { spec: { consoleFile }, options: { makeReady: panic } })
  await t.rejects(failing, { code: 'VM_FAILED', facts: { kind: 'guest_panic' } })
  t.match(readFileSync(consoleFile, 'utf8'), 'Kernel panic')
  t.same([readdirSync(root), notices], [[], []])
})

t.test('where nothing can be kept, VMs boot', async t => {
  const { start, notices } = await lab(t)
  const file = join(scratchFolder(t), 'file')
  writeFileSync(file, '')
  t.equal((await start('a', { options: { root: join(file, 'snapshots') } })).how, 'booted')
  t.match(notices.splice(0), [/a boots, because no VM of its kind can be saved: cannot write .*ENOTDIR/])
  // More than any disk has: the VM that then boots has no such memory either.
  await t.rejects(start('b', { spec: { memoryMib: 2 ** 26 } }), { code: 'VM_FAILED', facts: { kind: 'qemu_died' } })
  t.match(notices, [/MiB free, a saved VM may take 67108864/])
})

t.test('a clone may reboot, where that is allowed: it then is as new', async t => {
  const { start } = await lab(t)
  const { vm, opened: shell, how } = await start('a', { spec: { reboots: 'allowed' } })
  t.equal(how, 'restored')
  t.equal(await shell.run('echo $saved'), 'yes\n')
  shell.send('reboot -f')
  await shell.ready()
  t.equal(await shell.run('echo $saved'), '\n')
  t.match(await vm.powerdown(() => shell.send('poweroff -f'), 60_000), { kind: 'guest_shutdown' })
})

t.test('a VM with a disk of its own boots: what a saved guest remembers of a disk may be wrong', async t => {
  const { start, saves, notices } = await lab(t)
  const path = join(scratchFolder(t), 'disk')
  writeFileSync(path, '')
  truncateSync(path, 1 << 20)
  const { how, vm } = await start('a', { spec: { disks: [{ path, readOnly: false }] } })
  t.same([how, saves(), notices], ['booted', 0, []])
  await vm.kill()
  t.equal((await start('b', { spec: { disks: [{ path, readOnly: true }] } })).how, 'restored')
})

t.test('nothing runs on when saving is over', async t => {
  const mark = `NSLAB_TEST_MARK=saved.${process.pid}`
  const [name, value] = mark.split('=') as [string, string]
  const { start } = await lab(t)
  process.env[name] = value
  const { vm } = await start('a').finally(() => delete process.env[name])
  await vm.kill()
  t.same(
    (await markGone(mark)).filter(pid => pid !== process.pid),
    [],
  )
})
