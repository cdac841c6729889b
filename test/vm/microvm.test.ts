// MicroVMs as machines: what reaches a guest, and what comes back.

import { readFileSync, truncateSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Duplex } from 'node:stream'
import t from 'tap'
import { hostTscKhz } from '../../src/vm/host-tsc.ts'
import { scratchFolder, startShellVm } from '../fixtures/shell-guest.ts'

/** Resolves with what was read as soon as it holds `wanted`. */
function heard(stream: Duplex, wanted: Buffer | string): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    let bytes = Buffer.alloc(0)
    stream.on('data', (chunk: Buffer) => {
      bytes = Buffer.concat([bytes, chunk])
      if (bytes.includes(wanted)) resolve(bytes)
    })
    stream.on('close', () => reject(new Error(`the stream ended after ${bytes.toString('hex')}`)))
  })
}

t.test('a guest keeps time by the counter, whose rate it was told', async t => {
  const { vm, shell } = await startShellVm(t, { vcpus: 2, memoryMib: 192 })
  t.match(await shell.run('nproc'), '2')
  t.match(await shell.run('cat /proc/cmdline'), `tsc=reliable tsc_early_khz=${hostTscKhz()}`)
  const clock = await shell.run('cat /sys/devices/system/clocksource/clocksource0/current_clocksource')
  t.match(clock, /^tsc/)
  t.notMatch(await shell.run('cat /proc/cpuinfo'), / erms /)
  t.match(await vm.kill(), { kind: 'killed' })
})

t.test('parameters reach the guest by fw_cfg, its shell is a console of its own', async t => {
  const path = join(scratchFolder(t), 'a, b.json')
  writeFileSync(path, '{"nodes": 7}')
  const { vm, shell } = await startShellVm(t, { fwCfg: [{ name: 'opt/nslab/config', path }] })
  t.equal(await shell.run('cat /sys/firmware/qemu_fw_cfg/by_name/opt/nslab/config/raw; echo'), '{"nodes": 7}\n')
  const echoed = heard(vm.shell, 'typed here')
  const read = shell.run('head -n 1 < /dev/hvc0')
  vm.shell.write('typed here\n')
  await echoed
  t.equal(await read, 'typed here\n')
})

t.test('frames of each card come and go over its own stream', async t => {
  const nics = [1, 2].map(number => ({ mac: `52:54:00:00:00:0${number}`, to: 'stream' as const }))
  const { vm, shell } = await startShellVm(t, { nics })
  t.same(
    await shell.run('cat /sys/class/net/eth0/address /sys/class/net/eth1/address'),
    `${nics.map(({ mac }) => mac).join('\n')}\n`,
  )
  t.equal(vm.nics.size, 2)
  const [first, second] = [vm.nics.get(0) as Duplex, vm.nics.get(1) as Duplex]
  first.resume()
  // An ARP request for 10.0.0.9, after its length.
  const asks = heard(second, Buffer.from([0x08, 0x06, 0, 1, 8, 0, 6, 4, 0, 1]))
  const asked = shell.run('ifconfig eth1 10.0.0.1 up; arping -c 1 -I eth1 10.0.0.9')
  const frames = await asks
  t.ok(frames.readUInt32BE(0) >= 42, 'a length comes first')
  t.ok(frames.includes(Buffer.from('525400000002', 'hex')), 'from the second card')
  await asked
  const payload = Buffer.alloc(46, 'x')
  const frame = Buffer.concat([Buffer.from('525400000002525400000009', 'hex'), Buffer.from([0x88, 0xb5]), payload])
  const length = Buffer.alloc(4)
  length.writeUInt32BE(frame.length)
  const before = Number(await shell.run('cat /sys/class/net/eth1/statistics/rx_packets'))
  second.write(Buffer.concat([length, frame]))
  const count = '$(cat /sys/class/net/eth1/statistics/rx_packets)'
  t.equal(await shell.run(`until [ ${count} -gt ${before} ]; do usleep 10000; done; echo arrived`), 'arrived\n')
})

t.test('a disk keeps what is written over a reboot, and beyond the VM; a read-only one refuses', async t => {
  const folder = scratchFolder(t)
  const [path, fixed] = [join(folder, 'data, raw'), join(folder, 'fixed')]
  for (const file of [path, fixed]) {
    writeFileSync(file, '')
    truncateSync(file, 1 << 20)
  }
  const disks = [
    { path, readOnly: false },
    { path: fixed, readOnly: true },
  ]
  const { vm, shell } = await startShellVm(t, { disks, reboots: 'allowed' })
  await shell.run('echo kept > /dev/vda; sync')
  shell.send('reboot -f')
  await shell.ready()
  t.match(await shell.run('head -n 1 /dev/vda'), 'kept')
  t.match(await shell.run('echo lost > /dev/vdb; sync; cat /sys/block/vdb/ro'), /1\n$/)
  shell.send('poweroff -f')
  await vm.ended
  t.match(readFileSync(path, 'utf8').slice(0, 5), 'kept\n')
  t.equal(readFileSync(fixed).indexOf('lost'), -1)
})

t.test('a paused guest stands still, and goes on', async t => {
  const events: string[] = []
  const { vm, shell } = await startShellVm(t, {}, { onEvent: ({ is }) => events.push(is) })
  await vm.stop()
  let answered = false
  const answer = shell.run('echo on').then(() => {
    answered = true
  })
  await vm.qmp.execute('query-status', {}, 10_000)
  t.notOk(answered)
  await vm.cont()
  await answer
  t.same(events, ['paused', 'resumed'])
})
