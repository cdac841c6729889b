// What this machine can do for microVMs, as the doctor tells it.

import { cpus, totalmem } from 'node:os'
import { kvmOfThisMachine } from '../../vm/accelerator.ts'
import { findQemu, QEMU_REMEDY, tooOld } from '../../vm/qemu-program.ts'

export interface VmFacts {
  /** QEMU's version; null: it is not installed. */
  readonly qemu: string | null
  /** Whether a program ran under KVM as fast as on a processor; null: not tried, without a QEMU that does. */
  readonly kvm: boolean | null
  /** What was found, and what to do about it, a sentence each. */
  readonly words: readonly string[]
}

/** Asks KVM to run something: up to 3 s. */
export async function readVmFacts(): Promise<VmFacts> {
  const qemu = await findQemu()
  if (qemu === null) return { qemu: null, kvm: null, words: [`microVMs need QEMU. ${QEMU_REMEDY}`] }
  const age = tooOld(qemu)
  if (age !== null) return { qemu: qemu.version, kvm: null, words: [`${age}.`] }
  const probe = await kvmOfThisMachine()
  const slow = 'VMs are emulated here, on --on vm alone: some ten times slower.'
  const words = probe.works
    ? [`KVM works: ${probe.reason}.`]
    : [`KVM does not work: ${probe.reason}. ${probe.remedy}`.trim(), slow]
  return {
    qemu: qemu.version,
    kvm: probe.works,
    words: [...words, `${roomFor()} VMs of 1 GiB at once have a processor each.`],
  }
}

const roomFor = (): number => Math.max(1, Math.min(cpus().length, Math.floor(totalmem() / 2 ** 30) - 1))
