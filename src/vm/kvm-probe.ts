// Does KVM work here? Answered by a program that runs, not by what files and flags promise: a hypervisor may offer
// /dev/kvm and then emulate every guest instruction, at a thousandth of the speed.

import { once } from 'node:events'
import { closeSync, mkdtempSync, openSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Readable } from 'node:stream'

import { EXIT_PORT, probeRom, STATUS_RIGHT, STATUS_WRONG } from './probe-rom.ts'
import { errorsOf, findQemu, QEMU_NAME, QEMU_REMEDY, spawnQemu, tooOld } from './qemu-program.ts'
import type { Accelerator } from './spec.ts'

export interface KvmProbe {
  readonly works: boolean
  /** A clause: why not, or what was shown. */
  readonly reason: string
  /** What the user can do about it; empty where nothing is known. */
  readonly remedy: string
  readonly took_s: number
}

export interface ProbeOptions {
  /** The PATH in which QEMU is looked for. */
  readonly path?: string
  readonly device?: string
  /** `tcg` runs the same program in emulation, which proves the program. */
  readonly accelerator?: Accelerator
  readonly iterations?: number
  readonly deadlineMs?: number
}

/**
 * 60 million instructions: 10 to 20 ms on a processor, 90 to 190 ms in QEMU's emulation, 40 s where KVM emulates them
 * (kvm_pvm, measured: 2 us for a turn of three instructions).
 */
const ITERATIONS = 20_000_000

/** QEMU itself needs 30 to 300 ms of it; the rest is room for a loaded machine. Twice this stays under 3 s. */
const DEADLINE_MS = 1_400

/** Never rejects. At most 3 s. */
export async function probeKvm(options: ProbeOptions = {}): Promise<KvmProbe> {
  const { device = '/dev/kvm', accelerator = 'kvm' } = options
  const startedAt = performance.now()
  const answer = (works: boolean, reason: string, remedy = ''): KvmProbe => ({
    works,
    reason,
    remedy,
    took_s: (performance.now() - startedAt) / 1000,
  })
  if (accelerator === 'kvm') {
    const refusal = deviceRefusal(device)
    if (refusal !== null) return answer(false, refusal.reason, refusal.remedy)
  }
  const qemu = await findQemu(options.path)
  if (qemu === null) return answer(false, `there is no ${QEMU_NAME} on the PATH`, QEMU_REMEDY)
  const age = tooOld(qemu)
  if (age !== null) return answer(false, age)
  // QEMU's own model of a processor first: what is asked is speed. Then the model that runs use.
  const models = accelerator === 'kvm' ? ['qemu64', 'host'] : ['max']
  for (const model of models) {
    const failure = await runRom(qemu.path, accelerator, model, options)
    if (failure !== null) return answer(false, failure, accelerator === 'kvm' ? NO_REMEDY : '')
  }
  return answer(true, `${wordsOf(options.iterations ?? ITERATIONS)} ran in time`)
}

const wordsOf = (iterations: number): string => `${(iterations * 3) / 1e6} million 64-bit instructions with paging`

const NO_REMEDY = 'Nested virtualisation must be on where this machine is itself a virtual one.'

/** Why the device can't be used; null where it can be opened. */
export function deviceRefusal(device: string): Refusal | null {
  try {
    closeSync(openSync(device, 'r+'))
    return null
  } catch (error) {
    return refusal(device, (error as NodeJS.ErrnoException).code ?? '')
  }
}

interface Refusal {
  readonly reason: string
  readonly remedy: string
}

/** What it means that the device can't be opened. */
export function refusal(device: string, errno: string): Refusal {
  if (errno === 'ENOENT') {
    const remedy = 'Turn on virtualisation in the firmware (or nested virtualisation), and load kvm_intel or kvm_amd.'
    return { reason: `there is no ${device}`, remedy }
  }
  const isForbidden = errno === 'EACCES' || errno === 'EPERM'
  const remedy = isForbidden ? 'Add this user to the group kvm: usermod -aG kvm USER, then log in anew.' : ''
  return { reason: `${device} can't be opened: ${errno}`, remedy }
}

/** Null where the program ran in time and computed the right sum; else what happened, as a clause. */
async function runRom(
  qemu: string,
  accelerator: Accelerator,
  model: string,
  { iterations = ITERATIONS, deadlineMs = DEADLINE_MS }: ProbeOptions,
): Promise<string | null> {
  const fd = openRom(probeRom(iterations))
  const args = [
    ...['-M', 'microvm,acpi=off,pic=off,pit=off,rtc=off,isa-serial=off', '-accel', accelerator, '-cpu', model],
    ...['-m', '16', '-nodefaults', '-no-user-config', '-display', 'none', '-no-reboot'],
    ...['-device', `isa-debug-exit,iobase=${EXIT_PORT}`, '-bios', '/proc/self/fd/3'],
  ]
  let words = ''
  try {
    const child = spawnQemu(qemu, args, ['ignore', 'ignore', 'pipe', fd])
    const said = child.stderr as Readable
    said.setEncoding('utf8').on('data', (text: string) => (words += text))
    let late = false
    const timer = setTimeout(() => {
      late = true
      child.kill('SIGKILL')
    }, deadlineMs)
    const [code, signal] = (await once(child, 'close').finally(() => clearTimeout(timer))) as [number | null, string]
    if (code === STATUS_RIGHT) return null
    if (code === STATUS_WRONG) return 'the guest computed a wrong sum'
    if (!late) return [`QEMU ended with ${code ?? signal}`, ...errorsOf(words).slice(0, 1)].join(': ')
    return `${wordsOf(iterations)} took over ${deadlineMs / 1000} s: something emulates them`
  } catch (error) {
    return `QEMU can't be started: ${(error as Error).message}`
  } finally {
    closeSync(fd)
  }
}

/** A descriptor of a file that has no name any more, so that nothing is left whenever we end. */
function openRom(rom: Buffer): number {
  const folder = mkdtempSync(join(tmpdir(), 'nslab-probe-'))
  try {
    const path = join(folder, 'rom')
    writeFileSync(path, rom)
    return openSync(path, 'r')
  } finally {
    rmSync(folder, { recursive: true })
  }
}
