// Which accelerator the VMs of a run get, and what the user is told about it.

import { NslabError } from '../base/errors.ts'
import { type KvmProbe, probeKvm } from './kvm-probe.ts'
import { findQemu, lackOfQemu, type QemuProgram, tooOld } from './qemu-program.ts'
import type { Accelerator } from './spec.ts'

export interface AcceleratorChoice {
  readonly accelerator: Accelerator
  readonly qemu: QemuProgram
  /** What the user must be told, loudly; null where there is nothing to tell. */
  readonly notice: string | null
  /** Null where KVM was not asked for, and so not tried. */
  readonly probe: KvmProbe | null
}

let answer: Promise<KvmProbe> | undefined

/** The probe's answer, asked once in the life of this process: a machine may change between two runs. */
export function kvmOfThisMachine(): Promise<KvmProbe> {
  answer ??= probeKvm()
  return answer
}

/**
 * `auto` takes KVM where it works, else emulation. Throws NOT_FIT where QEMU is missing or too old, and where `kvm` was
 * asked for and does not work.
 */
export async function chooseAccelerator(
  asked: 'auto' | Accelerator,
  ask: () => Promise<KvmProbe> = kvmOfThisMachine,
  path = process.env.PATH ?? '',
): Promise<AcceleratorChoice> {
  const qemu = await findQemu(path)
  if (qemu === null) throw unfit(await lackOfQemu(path))
  const age = tooOld(qemu)
  if (age !== null) throw unfit(age)
  if (asked === 'tcg') return { accelerator: 'tcg', qemu, notice: null, probe: null }
  const probe = await ask()
  if (probe.works) return { accelerator: 'kvm', qemu, notice: null, probe }
  if (asked === 'kvm') {
    const remedy = [probe.remedy, 'Or take emulation: --accel tcg.'].filter(text => text !== '').join(' ')
    throw new NslabError('NOT_FIT', { problems: [`--accel kvm: KVM does not work here: ${probe.reason}. ${remedy}`] })
  }
  return { accelerator: 'tcg', qemu, notice: emulationNotice(probe), probe }
}

const unfit = (problem: string): NslabError => new NslabError('NOT_FIT', { problems: [problem], limits: ['qemu'] })

function emulationNotice({ reason, remedy }: KvmProbe): string {
  return (
    `EMULATED: KVM does not work here (${reason}), so QEMU emulates the processor, some 10 times slower. ` +
    `Figures of this run are those of level tcg. ${remedy}`.trimEnd()
  )
}
