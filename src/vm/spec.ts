// What a microVM is to be, how it is watched, and how it ended: the types that the runner shares with its callers.

import type { Duplex } from 'node:stream'

const accelerators = ['kvm', 'tcg'] as const
/** Who runs the guest's instructions: the processor (KVM), or QEMU's own translator (emulation). */
export type Accelerator = (typeof accelerators)[number]

/** A network interface of the guest: eth0, eth1, … in the order of the spec. */
export interface NicSpec {
  /** Unicast, six octets in hex: QEMU's own choice would be the same for every VM. */
  readonly mac: string
  /**
   * `stream`: frames come and go over a Duplex of the runner, each after its length (u32, big endian).
   * A number: a descriptor of this process, of a tap device (TUNSETIFF done), which QEMU takes a copy of.
   */
  readonly to: 'stream' | { readonly tapFd: number }
  /** What the guest's interface has from the start, and its most. Absent: it has 1500, and may raise it. */
  readonly mtu?: number
}

/** A raw disk of the guest: vda, vdb, … in the order of the spec. It is neither made nor removed here. */
export interface DiskSpec {
  /** Absolute. */
  readonly path: string
  readonly readOnly: boolean
  /** The guest's /sys/block/vdX/serial: at most 20 bytes. */
  readonly serial?: string
}

/** A blob of the guest's /sys/firmware/qemu_fw_cfg/by_name. */
export interface FwCfgSpec {
  /** `opt/nslab/config`: below opt/, at most 55 bytes. */
  readonly name: string
  /** Absolute; read while QEMU starts. */
  readonly path: string
}

/** Instructions counted instead of time: a run that is the same to the bit each time. Emulated, one processor. */
export interface DeterministicSpec {
  readonly seed: number
  /** An instruction takes 2^shift ns of the guest's time. 3: measured to be a good compromise. */
  readonly shift: number
  /** Wall-clock time of the guest at power-on, `2026-01-01T00:00:00`, UTC. */
  readonly epoch: string
  /** What the guest writes to its port `nslab.results` ends up in this file, absolute. It has no other channel. */
  readonly resultsFile: string
}

/** Guest memory in a file: how the state of a VM is saved, and clones made of it. See snapshot.ts. */
export interface MemoryFileSpec {
  readonly path: string
  /** `shared`: what the guest writes ends up in the file. `private`: the file is only read (copy on write). */
  readonly access: 'shared' | 'private'
}

export interface VmSpec {
  /** vm1, controller: for messages. */
  readonly name: string
  /** The run that it is of: QEMU carries it in its environment (base/run-mark.ts). */
  readonly runId?: string
  readonly accelerator: Accelerator
  readonly vcpus: number
  readonly memoryMib: number
  /** MiB for translated code, where it is emulated; absent: what was measured to be best (qemu.ts). */
  readonly tcgBufferMib?: number
  /** Absolute. */
  readonly kernel: string
  readonly initrd: string
  /**
   * Words for the kernel: the image's (console=ttyS0 and panic=-1 are among them) and the run's. Those of the
   * accelerator are added.
   */
  readonly commandLine: string
  readonly fwCfg?: readonly FwCfgSpec[]
  readonly nics?: readonly NicSpec[]
  readonly disks?: readonly DiskSpec[]
  /** What the guest's console says is appended to this file, absolute. */
  readonly consoleFile: string
  /** `fault`: a guest that resets has ended. `allowed`: it boots again in the same VM, its channels stay open. */
  readonly reboots: 'fault' | 'allowed'
  readonly deterministic?: DeterministicSpec
  readonly memoryFile?: MemoryFileSpec
}

/** What QEMU tells of a VM while it is on. `atNs`: CLOCK_MONOTONIC of this machine, when it was heard. */
export type VmEvent =
  /** The guest reboots, and that is allowed. Half a line may still be in its channels. */
  | { readonly is: 'reset'; readonly atNs: bigint }
  | { readonly is: 'panicked'; readonly atNs: bigint }
  | { readonly is: 'paused'; readonly atNs: bigint }
  | { readonly is: 'resumed'; readonly atNs: bigint }

const vmEndKinds = [
  /** The guest switched itself off. */
  'guest_shutdown',
  'guest_panic',
  /** The guest rebooted though it may not. */
  'guest_reset',
  /** It ended in any way after its kernel was out of memory. */
  'out_of_memory',
  /** QEMU did not start, crashed, or was killed by somebody else. */
  'qemu_died',
  /** By us, on purpose. */
  'killed',
  // By us, because of what the caller saw.
  'boot_deadline',
  'hang',
  'agent_silent',
  'powerdown_deadline',
] as const
export type VmEndKind = (typeof vmEndKinds)[number]
/** Why a caller gives a VM up. */
export type Condemnation = Extract<VmEndKind, 'boot_deadline' | 'hang' | 'agent_silent' | 'powerdown_deadline'>

export interface VmEnd {
  readonly kind: VmEndKind
  /** A clause whose subject is the VM: `panicked: sysrq triggered crash`. */
  readonly words: string
  /** QEMU's own status: `exit 0`, `killed by SIGKILL`. */
  readonly status: string
  readonly atNs: bigint
  /** The last lines on the console of this boot. */
  readonly consoleLines: readonly string[]
  /** What QEMU said on standard error; empty as a rule. */
  readonly qemuWords: string
  readonly diagnosis: Diagnosis | null
}

/** What a VM that no longer answers was doing. */
export interface Diagnosis {
  /** Each virtual processor's registers at three moments, of what QEMU prints those that tell: RIP, CPL, HLT. */
  readonly registers: readonly string[]
  /** Whether the guest's kernel answered a non-maskable interrupt by a panic; its stack is then on the console. */
  readonly nmiAnswered: boolean
  /** In one sentence. */
  readonly words: string
}

/** A VM that was switched on. `MicroVm` in microvm.ts is the one implementation. */
export interface RunningVm {
  readonly spec: VmSpec
  readonly name: string
  /** QEMU's process. */
  readonly pid: number
  /** CLOCK_MONOTONIC when QEMU was started; for a restored VM, too. */
  readonly poweredOnNs: bigint
  /** Port `nslab.ctl` of the guest. It has to be read, or the guest's writers wait. Throws in a deterministic VM. */
  readonly ctl: Duplex
  /** The guest's /dev/hvc0. It has to be read, or resumed. Throws in a deterministic VM. */
  readonly shell: Duplex
  /** The NICs of kind `stream`, by their index in the spec. */
  readonly nics: ReadonlyMap<number, Duplex>
  /** Resolves when QEMU is gone and all its output was read; never rejects. */
  readonly ended: Promise<VmEnd>
  /** Stops the guest's processors; they go on by `cont`. */
  stop(): Promise<void>
  cont(): Promise<void>
  /** Lets `ask` ask the guest to switch itself off, and gives it up after the deadline. Resolves as `ended` does. */
  powerdown(ask: () => void, deadlineMs: number): Promise<VmEnd>
  /** Ends QEMU at once. Safe twice, and after the end. */
  kill(): Promise<VmEnd>
  /** For a VM that no longer answers: looks at what it does, has its kernel print its stack, and ends it. */
  condemn(kind: Condemnation, words: string): Promise<VmEnd>
}
