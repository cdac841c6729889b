// What a process that keeps VMs holds of them is what is counted as kept: no more, which would hide residue.

import t from 'tap'
import { KeptVms } from '../../src/lab/keep/vms.ts'
import { ownDescriptors } from '../../src/lab/proc/process-table.ts'
import type { LabVm } from '../../src/lab/visit/lab.ts'
import { TapSegment } from '../../src/vm/tap-segment.ts'
import { isRoot } from '../fixtures/launch.ts'
import { childrenOf } from '../fixtures/nslab-process.ts'
import { shellImage, startShellVm } from '../fixtures/shell-guest.ts'

const sockets = (): number => ownDescriptors().socket ?? 0
const children = (): number[] => childrenOf(process.pid).map(({ pid }) => pid)
const options = { runId: 'ab'.repeat(16), deadlineS: 1 }

t.test('a VM with a network card', async t => {
  // The image is made by then, and what made it is gone.
  await shellImage()
  const before = [sockets(), children()] as const
  const nics = [{ mac: '52:54:00:00:00:01', to: 'stream' as const }]
  const { vm } = await startShellVm(t, { nics })
  const { objects } = new KeptVms({ vms: [{ vm, lab: {} as LabVm }], segment: null, ...options })
  t.same(
    objects.pids,
    children().filter(pid => !before[1].includes(pid)),
  )
  t.same(objects.descriptors, { socket: sockets() - before[0] })
})

t.test('a segment of tap devices', { skip: isRoot ? false : 'needs root' }, async t => {
  const before = [sockets(), children()] as const
  const segment = await TapSegment.make('keep')
  t.teardown(() => segment.close())
  const plug = await segment.plug('vm1')
  plug.release()
  const { objects } = new KeptVms({ vms: [], segment, ...options })
  t.same(
    objects.pids,
    children().filter(pid => !before[1].includes(pid)),
  )
  t.same(objects.descriptors, { socket: sockets() - before[0] })
})
