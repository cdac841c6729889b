// Emulated guests on a segment, for figures and for tests: booted, addressed, ready for commands.

import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { type Guest, openGuest } from '../src/vm/guest.ts'
import { execInGuest } from '../src/vm/guest-files.ts'
import { bootOf } from '../src/vm/image/boot.ts'
import { imageFor } from '../src/vm/image/build.ts'
import { MicroVm } from '../src/vm/microvm.ts'
import { findQemu, QEMU_REMEDY, type QemuProgram } from '../src/vm/qemu-program.ts'
import type { VmSegment } from '../src/vm/segment-types.ts'

/** Emulation boots in 3 s; on a machine that is busy with other things, in 30. */
const BOOT_LIMIT_S = 120
const MEMORY_MIB = 384
const CARD = 'eth0'

export interface SegmentGuest {
  readonly name: string
  readonly address: string
  readonly vm: MicroVm
  readonly guest: Guest
  /** Runs a command to its end. Throws where it can't be run or is late; returns what it said and how it ended. */
  run(argv: readonly string[], deadlineS?: number): Promise<{ readonly stdout: string; readonly code: number | null }>
  kill(): Promise<void>
}

/** This machine's QEMU, or an Error that says what to do. */
export async function theQemu(): Promise<QemuProgram> {
  const qemu = await findQemu()
  if (qemu === null) throw new Error(`no QEMU here. ${QEMU_REMEDY}`)
  return qemu
}

/**
 * Boots a guest on a port of a segment. `number` (1 to 254) makes its MAC address and 10.77.0.number; its console goes
 * to a file in `folder`. `program`: in place of QEMU itself.
 */
export async function bootOn(
  segment: Pick<VmSegment, 'plug'>,
  name: string,
  number: number,
  folder: string,
  program?: string,
): Promise<SegmentGuest> {
  const found = await theQemu()
  const qemu = { ...found, path: program ?? found.path }
  const image = await imageFor('fleet', { onStep: step => process.stderr.write(`${step}\n`) })
  const mac = `52:54:00:4d:00:${number.toString(16).padStart(2, '0')}`
  const address = `10.77.0.${number}`
  mkdirSync(folder, { recursive: true })
  const plug = await segment.plug(name)
  let vm: MicroVm
  try {
    vm = await MicroVm.start(
      {
        name,
        accelerator: 'tcg',
        vcpus: 1,
        memoryMib: MEMORY_MIB,
        ...bootOf(image),
        consoleFile: join(folder, `${name}.log`),
        reboots: 'fault',
        nics: [{ mac, to: plug.to, mtu: plug.mtu }],
      },
      { qemu },
    )
  } finally {
    plug.release()
  }
  const nic = vm.nics.get(0)
  if (nic !== undefined) plug.connect(nic)
  vm.shell.resume()
  const guest = await openGuest(vm, { deadlineS: BOOT_LIMIT_S, interfaces: [{ name: CARD, mac }] })
  const run: SegmentGuest['run'] = async (argv, deadlineS = 60) => {
    const { stdout, stderr, code } = await execInGuest(guest.channel, argv, { deadlineS })
    return { stdout: `${stdout}${stderr}`, code }
  }
  await run(['/usr/bin/ip', 'address', 'add', `${address}/24`, 'dev', CARD])
  await run(['/usr/bin/ip', 'link', 'set', CARD, 'up'])
  const kill = async (): Promise<void> => {
    await vm.kill()
  }
  return { name, address, vm, guest, run, kill }
}
