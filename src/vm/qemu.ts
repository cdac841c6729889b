// The command line of one microVM's QEMU: a pure function of its spec. Why each word is there was measured; without
// some of them a guest hangs at boot or loses its clock.

import type { DeterministicSpec, DiskSpec, NicSpec, VmSpec } from './spec.ts'

/** What is decided where QEMU is started, beside the spec. */
export interface QemuFacts {
  /** kHz of this machine's time stamp counter; null: unknown. */
  readonly tscKhz: number | null
  /** Whether QMP is to name a saved state before the processors run. */
  readonly waitsForState?: boolean
}

/** Descriptors of QEMU: the runner's ends are the Duplex streams of the child. */
export const Fd = { qmp: 3, ctl: 4, shell: 5, firstNic: 6 } as const

/** Name of the guest's control port: /sys/class/virtio-ports/NAME/name. */
const CTL_PORT = 'nslab.ctl'
/** Name of the port whose output a deterministic VM leaves in a file. */
export const RESULTS_PORT = 'nslab.results'

/**
 * MiB for translated code; QEMU would take a gigabyte and fill it. Where the code of a guest's programs does not fit,
 * all of it is translated again and again. A ring of 100 in one VM (three Node.js programs), processor time of the run:
 * 215 s with 32 MiB, 39 with 64, 36 with 96, 35 with 128 and 192. To boot, 32 is enough.
 */
const TRANSLATION_BUFFER_MIB = 128
/**
 * A VM that goes on from a saved one never runs the code of a boot: here 96 MiB do as well, and keep QEMU within 100 MB
 * beyond what its guest uses. The same run, processor time (medians at loads of 12 to 20, which vary by a quarter) and
 * that figure: 128 MiB 29 s and 120 MB, 96 31 s and 81 MB, 64 37 s and 43 MB, 48 37 s. Where all boots, 64 takes 52 s
 * in place of 45, and with 32 it is not wired after 240 s.
 */
const RESTORED_TRANSLATION_BUFFER_MIB = 96
/** Where a whole run is in one VM, three programs' code: measured to take half of the processor time that 32 takes. */
const DETERMINISTIC_TRANSLATION_BUFFER_MIB = 256

/**
 * What a guest reads at once of a disk that is only read: the kernel takes twice the disk's best size. Until its agent
 * answers, a guest asks its root's disk 485 times with the kernel's own 128 KiB, 178 times with this, and is ready 10 %
 * sooner; with 2 MiB it reads a third more than it uses.
 */
const READ_AHEAD_BYTES = 512 * 1024

/** A deterministic guest's counter: one tick a ns (1 GHz), whatever this machine has. */
const DETERMINISTIC_TSC_KHZ = 1_000_000

/** The arguments of QEMU_NAME. The NICs' descriptors are Fd.firstNic and up, in their order. */
export function qemuArguments(spec: VmSpec, facts: QemuFacts): string[] {
  const { deterministic } = spec
  return [
    ...['-name', spec.name],
    ...deviceArguments(spec),
    ...['-kernel', spec.kernel, '-initrd', spec.initrd, '-append', kernelCommandLine(spec, facts)],
    ...(spec.fwCfg ?? []).flatMap(({ name, path }) => ['-fw_cfg', `name=${name},file=${escaped(path)}`]),
    ...(deterministic === undefined ? [] : clockArguments(deterministic)),
    // The kernel tells of its panic before all of its text is on the console (inside an interrupt: before any). So what
    // ends QEMU is the restart that follows (panic=-1); QMP has told by then which it was.
    ...['-action', `panic=none,reboot=${spec.reboots === 'fault' ? 'shutdown' : 'reset'}`],
    ...['-chardev', `socket,id=qmp,fd=${Fd.qmp}`, '-mon', 'chardev=qmp,mode=control'],
    ...(facts.waitsForState === true ? ['-incoming', 'defer'] : []),
  ]
}

/**
 * The part that makes the machine: two VMs can take each other's state where it is the same, paths and descriptors
 * aside.
 */
export function deviceArguments(spec: VmSpec): string[] {
  const { accelerator, deterministic, nics = [], disks = [] } = spec
  return [
    ...['-M', `microvm${spec.memoryFile === undefined ? '' : ',memory-backend=ram'}`],
    ...['-global', 'virtio-mmio.force-legacy=false'],
    ...acceleratorArguments(spec),
    ...['-cpu', accelerator === 'kvm' ? 'host' : 'max,-erms'],
    ...['-smp', String(spec.vcpus), '-m', `${spec.memoryMib}M`],
    ...memoryFileArguments(spec),
    ...['-nodefaults', '-no-user-config', '-display', 'none', '-device', 'pvpanic'],
    ...['-chardev', `file,id=console,path=${escaped(spec.consoleFile)},append=on`, '-serial', 'chardev:console'],
    ...['-device', 'virtio-serial-device'],
    ...(deterministic === undefined ? livePorts : resultsPort(deterministic)),
    ...balloonArguments(spec),
    ...nics.flatMap(nicArguments),
    ...disks.flatMap(diskArguments),
  ]
}

/** All words of the kernel's command line. */
export function kernelCommandLine(spec: VmSpec, { tscKhz }: QemuFacts): string {
  return [spec.commandLine.trim(), ...(spec.accelerator === 'tcg' ? emulatedClockWords(spec, tscKhz) : [])].join(' ')
}

/**
 * A microVM has no second clock to measure the counter with: unless told its rate, some 40 % of boots on a loaded
 * machine spin for ever, and unless told to trust it, the guest falls back to 4 ms ticks.
 */
function emulatedClockWords(spec: VmSpec, tscKhz: number | null): string[] {
  const khz = spec.deterministic === undefined ? tscKhz : DETERMINISTIC_TSC_KHZ
  return ['tsc=reliable', ...(khz === null ? [] : [`tsc_early_khz=${khz}`])]
}

function acceleratorArguments({ accelerator, vcpus, deterministic, tcgBufferMib, memoryFile }: VmSpec): string[] {
  if (accelerator === 'kvm') return ['-accel', 'kvm']
  // Counted instructions need one thread, and one processor: two hang at boot.
  const threads = vcpus > 1 && deterministic === undefined ? 'multi' : 'single'
  const liveMib = memoryFile?.access === 'private' ? RESTORED_TRANSLATION_BUFFER_MIB : TRANSLATION_BUFFER_MIB
  const usualMib = deterministic === undefined ? liveMib : DETERMINISTIC_TRANSLATION_BUFFER_MIB
  return ['-accel', `tcg,thread=${threads},tb-size=${tcgBufferMib ?? usualMib}`]
}

function clockArguments({ seed, shift, epoch }: DeterministicSpec): string[] {
  return ['-icount', `shift=${shift},sleep=off`, '-seed', String(seed), '-rtc', `base=${epoch},clock=vm`]
}

function memoryFileArguments({ memoryFile, memoryMib }: VmSpec): string[] {
  if (memoryFile === undefined) return []
  const share = memoryFile.access === 'shared' ? 'on' : 'off'
  const path = escaped(memoryFile.path)
  return ['-object', `memory-backend-file,id=ram,size=${memoryMib}M,mem-path=${path},share=${share}`]
}

/**
 * Memory that the guest frees goes back to this machine: the unpacked initrd alone is 100 MB. Not where the memory is a
 * file: QEMU 7.2 then punches holes into the file, also into one of which it has but a private copy.
 */
function balloonArguments({ deterministic, memoryFile }: VmSpec): string[] {
  if (deterministic !== undefined || memoryFile !== undefined) return []
  return ['-device', 'virtio-balloon-device,free-page-reporting=on']
}

const livePorts = [
  ...['-chardev', `socket,id=ctl,fd=${Fd.ctl}`, '-device', `virtserialport,chardev=ctl,name=${CTL_PORT}`],
  ...['-chardev', `socket,id=shell,fd=${Fd.shell}`, '-device', 'virtconsole,chardev=shell'],
]

const resultsPort = ({ resultsFile }: DeterministicSpec): string[] => [
  ...['-chardev', `file,id=results,path=${escaped(resultsFile)}`],
  ...['-device', `virtserialport,chardev=results,name=${RESULTS_PORT}`],
]

function nicArguments({ mac, to, mtu }: NicSpec, index: number): string[] {
  const fd = Fd.firstNic + index
  const backend =
    to === 'stream' ? `stream,id=nic${index},server=off,addr.type=fd,addr.str=${fd}` : `tap,id=nic${index},fd=${fd}`
  const device = [`virtio-net-device,netdev=nic${index},mac=${mac}`, ...(mtu === undefined ? [] : [`host_mtu=${mtu}`])]
  return ['-netdev', backend, '-device', device.join()]
}

function diskArguments({ path, readOnly, serial }: DiskSpec, index: number): string[] {
  const drive = `id=disk${index},if=none,format=raw,file=${escaped(path)},readonly=${readOnly ? 'on' : 'off'}`
  const options = [
    ...(serial === undefined ? [] : [`serial=${serial}`]),
    ...(readOnly ? [`opt_io_size=${READ_AHEAD_BYTES / 2}`] : []),
  ]
  return ['-drive', drive, '-device', ['virtio-blk-device', `drive=disk${index}`, ...options].join()]
}

/** A value among QEMU's comma-separated options. */
const escaped = (value: string): string => value.replaceAll(',', ',,')
