// Nothing of a microVM is left: not when it ends, not when its runner is killed.

import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readdirSync, readlinkSync } from 'node:fs'
import { join } from 'node:path'
import type { Duplex } from 'node:stream'
import { fileURLToPath } from 'node:url'
import t from 'tap'
import { Random } from '../../src/base/random.ts'
import { reap } from '../../src/lab/state/reap.ts'
import { MicroVm } from '../../src/vm/microvm.ts'
import type { VmSpec } from '../../src/vm/spec.ts'
import { startChild } from '../fixtures/lab/child.ts'
import { markGone, processesMarked } from '../fixtures/launch.ts'
import { GuestShell, qemuHere, shellSpec, startShellVm } from '../fixtures/shell-guest.ts'

t.test('eight VMs at once start and end, and nothing of them is left', async t => {
  const mark = `NSLAB_TEST_MARK=eight.${process.pid}`
  const [name, value] = mark.split('=') as [string, string]
  process.env[name] = value
  t.teardown(() => delete process.env[name])
  const qemu = await qemuHere()
  const startedAt = performance.now()
  const vms = await Promise.all(
    Array.from({ length: 8 }, async (_, index) => {
      const vm = await MicroVm.start(await shellSpec(t, { name: `vm${index}`, memoryMib: 128 }), { qemu })
      t.teardown(() => vm.kill())
      const shell = new GuestShell(vm)
      await shell.ready()
      return { vm, shell }
    }),
  )
  t.comment(`all ready after ${((performance.now() - startedAt) / 1000).toFixed(1)} s`)
  t.equal(processesMarked(mark).filter(pid => pid !== process.pid).length, 8)
  t.equal(new Set(vms.map(({ vm }) => vm.pid)).size, 8)
  const ends = await Promise.all(vms.map(({ vm, shell }) => vm.powerdown(() => shell.send('poweroff -f'), 120_000)))
  t.same(
    ends.map(({ kind }) => kind),
    Array(8).fill('guest_shutdown'),
  )
  t.same(
    processesMarked(mark).filter(pid => pid !== process.pid),
    [],
  )
})

const runnerPath = fileURLToPath(new URL('../fixtures/vm-runner.ts', import.meta.url))

/** Starts a runner of VMs in a process of its own, kills it when it has said `until`, and looks for what is left. */
async function killRunner(specs: readonly VmSpec[], mark: string, until: string, delayMs = 0): Promise<number[]> {
  const [name, value] = mark.split('=') as [string, string]
  const args = ['--import', 'tsx', runnerPath, ...specs.map(spec => JSON.stringify(spec))]
  const runner = spawn(process.execPath, args, {
    stdio: ['ignore', 'pipe', 'inherit'],
    env: { ...process.env, [name]: value },
  })
  let said = ''
  await new Promise<void>((resolve, reject) => {
    runner.stdout.setEncoding('utf8').on('data', (text: string) => {
      said += text
      if (said.includes(until)) resolve()
    })
    runner.once('close', () => reject(new Error(`the runner ended after '${said}'`)))
  })
  await new Promise(resolve => setTimeout(resolve, delayMs))
  const gone = once(runner, 'close')
  runner.kill('SIGKILL')
  await gone
  return markGone(mark)
}

t.test('a runner that is killed takes its VMs along', async t => {
  const mark = `NSLAB_TEST_MARK=killed.${process.pid}`
  const specs = await Promise.all([shellSpec(t, { name: 'vm1' }), shellSpec(t, { name: 'vm2' })])
  t.same(await killRunner(specs, `${mark}.a`, 'ready'), [], 'running ones')
  const random = new Random(Number(process.env.NSLAB_SEED ?? 1))
  for (let i = 0; i < 4; i++)
    t.same(await killRunner(specs, `${mark}.${i}`, 'pids', random.below(1500)), [], 'booting ones')
})

t.test('a QEMU whose run is gone is found by the run that it names, and ended; one of another run is not', async t => {
  const [dead, alive] = ['ad'.repeat(16), 'be'.repeat(16)] as [string, string]
  const folder = t.testdir({ run: {} })
  const state = join(folder, 'state')
  const run = startChild(t, 'live-run', [dead, join(folder, 'run'), state])
  await run.next()
  const [orphan, other] = await Promise.all([dead, alive].map(runId => startShellVm(t, { runId })))
  await run.kill()
  const { ended } = await reap({ state })
  t.match(ended, [{ pid: orphan?.vm.pid, comm: /^qemu/, run_id: dead, gone: true }])
  t.equal(ended.length, 1)
  t.match(await orphan?.vm.ended, { kind: 'qemu_died', status: 'killed by SIGKILL' })
  t.match(await other?.vm.kill(), { kind: 'killed' })
})

t.test('QEMU holds no folder and nothing of ours but its own channels', async t => {
  const { vm } = await startShellVm(t)
  t.equal(readlinkSync(`/proc/${vm.pid}/cwd`), '/')
  const targets = readdirSync(`/proc/${vm.pid}/fd`).map(fd => readlinkSync(`/proc/${vm.pid}/fd/${fd}`))
  t.equal(targets.filter(target => target.startsWith('socket:')).length, 4, 'standard error, QMP, ctl, shell')
  const files = targets.filter(target => target.startsWith('/') && !target.startsWith('/dev/'))
  t.same(files, [vm.spec.consoleFile])
})

t.test('the streams of a VM that is gone are closed, read or not', async t => {
  const { vm, shell } = await startShellVm(t, { nics: [{ mac: '52:54:00:00:00:01', to: 'stream' }] })
  const streams = [vm.ctl, vm.shell, vm.nics.get(0) as Duplex]
  // More than is ever read of the shell's port.
  await shell.run('yes | head -c 4000 > /dev/hvc0')
  const closed = streams.map(stream => once(stream, 'close'))
  await vm.kill()
  await Promise.all(closed)
  t.ok(streams.every(({ destroyed }) => destroyed))
})
