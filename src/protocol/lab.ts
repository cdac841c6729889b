// What `nslab link`, `probe` and `capture` say to a run, and `vms`, `shell`, `stop` and `exec` to one that has VMs: JSON lines over
// RUN/lab.sock, byte streams beside them (byte-streams.ts). A client's commands and captures end with its connection.

import type { PieceOfStream } from './byte-streams.ts'
import type { SentError } from './sent-error.ts'
import type { LinkMeasure, LinkShape } from './traffic.ts'

/** Name of the socket in the run folder. */
export const LAB_SOCKET = 'lab.sock'

/** A VM that answers. */
export interface LiveVm {
  readonly name: string
  /** The host of the plan that lives in it. */
  readonly host: string
  /** QEMU's process on this machine. */
  readonly pid: number
  readonly accelerator: string
  readonly memory_mib: number
  readonly vcpus: number
  readonly how: 'booted' | 'restored'
  /** The guest's own version of its kernel. */
  readonly kernel: string
  /** Since when it answers, ISO 8601. */
  readonly since: string
  /** Of the run's nodes, those that live here: first and last id. Null: none, or none any more. */
  readonly node_ids: readonly [number, number] | null
  /** Whether the run that made it is over and left it running. */
  readonly kept: boolean
}

/** What becomes of a link's shape; null: no more of that. */
export type LinkChange = { readonly [Key in keyof LinkShape]?: NonNullable<LinkShape[Key]> | null }

/** A direction of a link. */
export interface LinkNow {
  readonly node_id: number
  readonly peer_id: number
  readonly shape: LinkShape
}

/** What a direction of a link measured. */
export interface LinkMeasured extends LinkMeasure {
  readonly node_id: number
  readonly peer_id: number
}

/** Numbers of calls and of streams are the client's to choose; none is used twice. */
export type LabCall = { readonly id: number } & (
  | { readonly call: 'vms' }
  | {
      readonly call: 'exec'
      /** A VM by its name, or a node by its id: then in the node's namespace. */
      readonly in: { readonly vm: string } | { readonly node_id: number }
      readonly argv: readonly string[]
      readonly stdin: number
      readonly stdout: number
      readonly stderr: number
    }
  | {
      readonly call: 'shell'
      readonly vm: string
      readonly rows: number
      readonly columns: number
      readonly term: string
      /** A stream both ways. */
      readonly tty: number
    }
  /** The terminal of the shell that call `of` started has another size now. */
  | { readonly call: 'resize'; readonly of: number; readonly rows: number; readonly columns: number }
  /** To the command that call `of` started. Does nothing where it has ended. */
  | { readonly call: 'signal'; readonly of: number; readonly signal: string }
  /**
   * How a link is shaped, and changed: what `change` does not name stays, unless `clear` is set. Without both nothing
   * changes. Answered when every later packet has it.
   */
  | {
      readonly call: 'link'
      readonly node_id: number
      readonly peer_id: number
      /** Also the direction from the peer. */
      readonly both: boolean
      readonly change: LinkChange | null
      readonly clear: boolean
    }
  /** Measures a link: so many bytes from the node to the peer, and after that from the peer where `both` is set. */
  | {
      readonly call: 'probe'
      readonly node_id: number
      readonly peer_id: number
      readonly both: boolean
      readonly bytes: number
    }
  /** Copies packets at the node into a file of the run folder; `peer_id` 0: of all its links. Answered as it begins. */
  | { readonly call: 'capture'; readonly node_id: number; readonly peer_id: number; readonly bytes_max: number }
  /** Ends what call `of` began; answered when its file is whole and on the machine of the run. */
  | { readonly call: 'end_capture'; readonly of: number }
  /** Ends VMs that were kept, one or all; answered when they have ended. `at_once`: without a word to their guests. */
  | { readonly call: 'stop'; readonly vm: string | null; readonly at_once: boolean }
)

/** What each call is answered with. */
export interface LabAnswers {
  readonly vms: readonly LiveVm[]
  readonly exec: { readonly pid: number }
  readonly shell: { readonly pid: number }
  readonly resize: null
  readonly signal: null
  /** The direction that was asked for first. */
  readonly link: readonly LinkNow[]
  readonly probe: readonly LinkMeasured[]
  /** `path`: of the file, once it has ended. */
  readonly capture: { readonly path: string }
  readonly end_capture: { readonly path: string; readonly bytes: number }
  /** What did not end in order, in words. */
  readonly stop: readonly string[]
}

export type LabReply =
  | { readonly re: number; readonly value: unknown }
  | { readonly re: number; readonly error: SentError }
  /** The command of call `of` has ended, after the last piece of its streams; or why nobody knows how. */
  | { readonly is: 'exit'; readonly of: number; readonly end: CommandEnd }
  | { readonly is: 'exit'; readonly of: number; readonly error: SentError }

export interface CommandEnd {
  /** "exit 3", "killed by SIGKILL". */
  readonly status: string
  readonly code: number | null
}

export type ToLab = LabCall | PieceOfStream
export type FromLab = LabReply | PieceOfStream
