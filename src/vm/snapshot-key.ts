// What makes two VMs alike enough for one to go on from the other's state.

import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'

import { deviceArguments, kernelCommandLine } from './qemu.ts'
import type { QemuProgram } from './qemu-program.ts'
import type { VmSpec } from './spec.ts'

export interface SnapshotOf {
  readonly imageDigest: string
  readonly qemu: QemuProgram
  /** kHz of this machine's time stamp counter; null: unknown. */
  readonly tscKhz: number | null
  /** Of this machine: its counter, and what a power cut did to a file, are another's after a reboot. */
  readonly bootId?: string
}

/**
 * 24 hex digits over everything that a guest's state depends on: image, QEMU, the machine it makes, the kernel's words,
 * and this boot of this machine. Names, MAC addresses and console files differ from clone to clone.
 */
export function snapshotKey(spec: VmSpec, of: SnapshotOf): string {
  const neutral: VmSpec = {
    ...spec,
    name: '',
    consoleFile: '',
    // Translated code is QEMU's, and no part of a guest's state.
    tcgBufferMib: 0,
    memoryFile: { path: '', access: 'shared' },
    nics: (spec.nics ?? []).map(nic => ({ ...nic, mac: '', to: nic.to === 'stream' ? nic.to : { tapFd: 0 } })),
  }
  const facts = {
    image: of.imageDigest,
    qemu: of.qemu.build,
    boot: of.bootId ?? bootId(),
    devices: deviceArguments(neutral),
    words: kernelCommandLine(spec, of),
    blobs: (spec.fwCfg ?? []).map(({ name }) => name),
  }
  return createHash('sha256').update(JSON.stringify(facts)).digest('hex').slice(0, 24)
}

const bootId = (): string => readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim()
