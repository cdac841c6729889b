// What a runner and the agent in a guest say to each other: JSON lines over one virtio-serial port. The runner calls,
// the agent answers and tells. Byte streams (a program's channel, its output, files) go in pieces beside the calls
// (byte-streams.ts).

import type { PieceOfStream } from '../protocol/byte-streams.ts'
import type { Sample } from '../protocol/sample.ts'
import type { SentError } from '../protocol/sent-error.ts'
import type {
  Baseline,
  BaselineRequest,
  ProcessEnd,
  RootFacts,
  RootRequest,
  SiteCosts,
  SiteDifference,
  StartRequest,
  VerifyRequest,
} from './site-calls.ts'

/** The port's name, as the guest's /sys/class/virtio-ports shows it. */
export const GUEST_PORT = 'nslab.ctl'
/** What fw_cfg has for the agent at boot: GuestConfig in JSON. */
export const GUEST_CONFIG = 'opt/nslab/config'

/** Raised when one side could misunderstand the other. */
export const GUEST_PROTOCOL = 1

/** Parameters at boot; all may be told later by `identity`. */
export interface GuestConfig {
  readonly heartbeat_s?: number
}

/** Who speaks. Sent when the agent starts, and the answer to `hello` and `identity`. */
export interface Hello {
  readonly protocol: number
  /**
   * The kernel's (/proc/sys/kernel/random/boot_id), which it draws when somebody first asks for it: null until the
   * guest has its identity, or all that are restored from one snapshot would have the same.
   */
  readonly boot_id: string | null
  /** How often this boot was given an identity: 0 until the first. */
  readonly identity_count: number
  readonly hostname: string
  /** Where the agent's files are, and those of a site: plan.json, run/. */
  readonly folder: string
  readonly versions: { readonly kernel: string; readonly node: string; readonly nslab: string }
  readonly cpus_count: number
  readonly memory_total_bytes: number
  readonly memory_available_bytes: number
  /** CLOCK_MONOTONIC of the guest, in decimal ns. */
  readonly monotonic_ns: string
  /** When the phases of the boot ended, in s of the guest's clock: kernel_s, …, as init wrote them, and agent_s. */
  readonly boot: Readonly<Record<string, number>>
}

/** What makes one of several clones of a snapshot itself. */
export interface Identity {
  readonly hostname: string
  readonly interfaces: readonly { readonly name: string; readonly mac: string }[]
  /** ms since the epoch. */
  readonly wall_ms: number
  /** Base64 of bytes for the kernel's random generator. */
  readonly seed: string
}

/** Numbers of streams and processes are the runner's to choose; none is used twice. */
export interface ExecRequest {
  readonly process: number
  /** argv[0] is looked up in the guest's PATH. */
  readonly argv: readonly string[]
  readonly cwd?: string
  /** Beside the agent's own. */
  readonly env?: Readonly<Record<string, string>>
  /** Stream from the runner; absent: /dev/null. */
  readonly stdin?: number
  /** Streams to the runner; absent: /dev/null. They may be the same. */
  readonly stdout?: number
  readonly stderr?: number
}

/** Each call: what it is asked with, what it answers. */
export interface GuestCalls {
  /** A runner begins: what an earlier one started is ended, and what it asked is not answered any more. */
  hello: [Nothing, Hello]
  clock: [Nothing, { readonly monotonic_ns: string }]
  /** After this the guest is a machine of its own. */
  identity: [Identity, Hello]
  /** Loads what calls will need, so that a snapshot has it. */
  warm: [Nothing, null]

  /** Makes this kernel a site of a run; one at a time. `origin_ns`: the run's origin in the guest's clock. */
  open_site: [{ readonly name: string; readonly run_id: string; readonly origin_ns: string }, null]
  baseline: [BaselineRequest, Baseline]
  create_root: [RootRequest, RootFacts]
  close_root: [{ readonly host: string }, null]
  /** `channel` and `output` are streams: steering both ways, standard output and error to the runner. */
  start: [StartRequest & { readonly process: number; readonly channel: number; readonly output: number }, StartedAs]
  sample_every: [{ readonly interval_s: number }, null]
  sample_now: [Nothing, null]
  measure: [Nothing, SiteCosts]
  observe: [Nothing, null]
  verify: [VerifyRequest, SiteDifference]
  end_site: [Nothing, null]

  exec: [ExecRequest, StartedAs]
  /** A process of `start` or `exec`. Does nothing where it has ended. */
  kill: [{ readonly process: number; readonly signal: string }, null]
  /** Writes what comes by the stream, making folders where they are missing; answered when all of it is in the file. */
  write_file: [{ readonly path: string; readonly mode: number; readonly stream: number }, { readonly bytes: number }]
  /** Sends the file by the stream; answered when all has left. */
  read_file: [{ readonly path: string; readonly stream: number }, { readonly bytes: number }]
  /** A shell on /dev/hvc0; `exit` tells its end. */
  open_shell: [
    { readonly process: number; readonly rows: number; readonly columns: number; readonly term: string },
    StartedAs,
  ]

  /** Answered before it happens. */
  power_off: [Nothing, null]
  reboot: [Nothing, null]
  /** Never answered. */
  panic: [Nothing, null]
  /** The agent stops for good, as one does that hangs; never answered. */
  stall: [Nothing, null]
}

export type Nothing = Readonly<Record<never, never>>
export type GuestCallName = keyof GuestCalls
export type Ask<Name extends GuestCallName> = GuestCalls[Name][0]
export type Answer<Name extends GuestCallName> = GuestCalls[Name][1]

export interface StartedAs {
  readonly pid: number
}

export type GuestCall = {
  [Name in GuestCallName]: { readonly id: number; readonly call: Name; readonly ask: Ask<Name> }
}[GuestCallName]

export type GuestReply =
  | { readonly re: number; readonly value: unknown }
  | { readonly re: number; readonly error: SentError }

export type GuestNotice =
  | { readonly is: 'hello'; readonly hello: Hello }
  | {
      readonly is: 'heartbeat'
      readonly monotonic_ns: string
      readonly memory_available_bytes: number
      readonly load_1m: number
    }
  /** After the last piece of its streams. */
  | ({ readonly is: 'exit'; readonly process: number } & ProcessEnd)
  | { readonly is: 'sample'; readonly sample: Sample }
  /** A change of the guest, as the ledger has it. */
  | {
      readonly is: 'deed'
      readonly state: 'intent' | 'done'
      readonly op: string
      readonly facts: Readonly<Record<string, unknown>>
    }
  | ({ readonly is: 'kernel' } & KernelMessage)

/** A line of the kernel's log. */
export interface KernelMessage {
  /** Of the guest's clock, to about a millisecond: the kernel stamps its log by another source of the same rate. */
  readonly monotonic_ns: string
  readonly level: KernelLevel
  readonly message: string
}

/** syslog(2), most urgent first. */
export const kernelLevels = ['emerg', 'alert', 'crit', 'err', 'warning', 'notice', 'info', 'debug'] as const
export type KernelLevel = (typeof kernelLevels)[number]

export type ToGuest = GuestCall | PieceOfStream
export type FromGuest = GuestReply | GuestNotice | PieceOfStream
