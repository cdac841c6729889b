// A VM whose instructions are counted: its whole life is the same from run to run.

import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { MicroVm } from '../../src/vm/microvm.ts'
import { qemuHere, scratchFolder, shellSpec } from '../fixtures/shell-guest.ts'

/** What a deterministic guest says on its console and leaves as results, told to do `script`. */
async function deterministic(t: Test, seed: number, script: string): Promise<readonly [string, string]> {
  const folder = scratchFolder(t)
  const [path, resultsFile] = [join(folder, 'script'), join(folder, 'results')]
  writeFileSync(path, script)
  const spec = await shellSpec(t, {
    fwCfg: [{ name: 'opt/nslab/script', path }],
    deterministic: { seed, shift: 3, epoch: '2026-01-01T00:00:00', resultsFile },
  })
  const vm = await MicroVm.start(
    { ...spec, commandLine: spec.commandLine.replace('quiet ', '') },
    { qemu: await qemuHere() },
  )
  t.teardown(() => vm.kill())
  t.throws(() => vm.ctl, 'it has no channel')
  t.match(await vm.ended, { kind: 'guest_shutdown' })
  return [readFileSync(spec.consoleFile, 'utf8'), readFileSync(resultsFile, 'utf8')]
}

t.test('with instructions counted, a seed gives one run: time, interrupts and random numbers to the bit', async t => {
  const script = `until grep -qs nslab.results /sys/class/virtio-ports/*/name; do usleep 10000; done
for port in /sys/class/virtio-ports/*; do grep -qs nslab.results $port/name && results=/dev/\${port##*/}; done
sleep 600
{ date; cat /proc/uptime /proc/interrupts; od -An -tx1 -N16 /dev/urandom; } | tee /dev/console > $results
poweroff -f
`
  const one = await deterministic(t, 7, script)
  t.same(await deterministic(t, 7, script), one)
  t.match(one[1], /Thu Jan {2}1 00:1.*2026/, 'ten minutes of idle time passed at once')
  t.not((await deterministic(t, 8, script))[1], one[1], 'another seed is another run')
})
