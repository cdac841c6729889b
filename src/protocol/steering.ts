// What `nslab run` and the programs it starts say to each other over a Channel, host and guest alike.

import type { RunEvent } from './events.ts'
import type { FleetTraffic, LinkMeasure, LinkShape } from './traffic.ts'

/** To a controller or dataplane. */
export type Command =
  /**
   * controller: from now on a node must show this to join; dataplane: what its nodes show. Of the run, where the
   * scenario names none, and told to nobody else.
   */
  | { readonly do: 'secret'; readonly secret: string }
  /** dataplane: build the fabric and join. */
  | { readonly do: 'build' }
  /** dataplane: where is this node's namespace? Answered by `netns`. */
  | { readonly do: 'netns'; readonly node_id: number }
  /** controller: which ids has the barrier not seen? Answered by `missing`. */
  | { readonly do: 'missing' }
  /**
   * dataplane: a token walks the ring from node `first` to node `second` and on, each node handing it to the neighbour
   * that it did not come from. Answered by `walking`; the fleet that has `first` starts it, so it is told last.
   */
  | {
      readonly do: 'walk'
      /** Above that of any walk before, which ends. */
      readonly walk: number
      readonly first: number
      readonly second: number
      readonly nodes_count: number
    }
  /** dataplane: which link ends are up? Answered by `links`, one or several. */
  | { readonly do: 'links'; readonly proof: number }
  /**
   * dataplane: what became of its packets? Answered by `traffic`, one or several. `stop_sources`: no flow makes another
   * packet from now on.
   */
  | { readonly do: 'traffic'; readonly ask: number; readonly stop_sources: boolean }
  /** controller: this direction of a link has this shape from now on. Answered by `link_set` when the node has it. */
  | {
      readonly do: 'set_link'
      readonly change: number
      readonly node_id: number
      readonly peer_id: number
      readonly shape: LinkShape
    }
  /** controller: how is this direction of a link shaped now? Answered by `link_now`. */
  | { readonly do: 'link_now'; readonly ask: number; readonly node_id: number; readonly peer_id: number }
  /** controller: measure this direction of a link. Answered by `probed`. */
  | {
      readonly do: 'probe'
      readonly probe: number
      readonly node_id: number
      readonly peer_id: number
      readonly bytes: number
    }
  /** dataplane: copies of packets at the node into a new file; `peer_id` 0: of all its links. Answered by `captured`. */
  | {
      readonly do: 'capture'
      readonly capture: number
      readonly node_id: number
      readonly peer_id: number
      readonly path: string
      readonly bytes_max: number
    }
  /** dataplane: the capture at this node and peer has ended when this is answered by `captured`. */
  | { readonly do: 'end_capture'; readonly capture: number; readonly node_id: number; readonly peer_id: number }
  /**
   * dataplane: from now on no packet of the node's kernel reaches the address any more, which is a neighbour's; or those
   * that are sent from now on do again. Answered by `way_cut`.
   */
  | {
      readonly do: 'cut_way'
      readonly ask: number
      readonly node_id: number
      readonly address: string
      readonly cut: boolean
    }
  /**
   * End in order: nodes leave, the fabric is torn down and verified, rows are flushed; answered by `stopped`, then
   * exit.
   */
  | { readonly do: 'stop'; readonly deadline_s: number }

/** What every program can be told. */
export type StopCommand = Extract<Command, { do: 'stop' }>

/** One end of a link as its kernel has it: node id, peer id, local "address:port", remote "address:port". */
export type LinkEnd = readonly [nodeId: number, peerId: number, local: string, remote: string]

/** From a controller or dataplane. */
export type Notice =
  /** What it saw since the last of these, in order. They come together: a line each costs more than what it says. */
  | { readonly is: 'events'; readonly events: readonly RunEvent[] }
  /** The program has done all it can before being told more (listening, database ready or given up; addon loaded). */
  | { readonly is: 'ready'; readonly pid: number }
  /** `fd` -1: it has none now. `cookie`: what tells it from others that may get this number. */
  | {
      readonly is: 'netns'
      readonly node_id: number
      readonly pid: number
      readonly fd: number
      readonly cookie?: string
    }
  /** Ids of the plan that are not connected now, and those connected whose links are not all up. */
  | { readonly is: 'missing'; readonly not_connected: readonly number[]; readonly not_ready: readonly number[] }
  | { readonly is: 'walking'; readonly walk: number }
  /** Link ends that are up, ascending by node and peer; `more`: the next part follows. */
  | { readonly is: 'links'; readonly proof: number; readonly ends: readonly LinkEnd[]; readonly more: boolean }
  /** A part of what `ask` asked for; `more`: the next part follows. */
  | { readonly is: 'traffic'; readonly ask: number; readonly part: FleetTraffic; readonly more: boolean }
  /** `problem`: why it is not so; absent: it is. */
  | { readonly is: 'link_set'; readonly change: number; readonly problem?: string }
  /** By configuration, rows and changes: whichever spoke last. */
  | { readonly is: 'link_now'; readonly ask: number; readonly shape: LinkShape }
  | { readonly is: 'probed'; readonly probe: number; readonly result: LinkMeasure }
  /** It could not be measured. */
  | { readonly is: 'probed'; readonly probe: number; readonly problem: string }
  | { readonly is: 'captured'; readonly capture: number; readonly problem?: string }
  | { readonly is: 'way_cut'; readonly ask: number; readonly problem?: string }
  /** Last message. `facts` are numbers for the outcome (teardown_s, …) and names left behind. */
  | { readonly is: 'stopped'; readonly facts: Readonly<Record<string, number>>; readonly remaining: readonly string[] }
  /** The program can't go on; it exits with `exit_code` after this. */
  | {
      readonly is: 'failed'
      readonly code: string
      readonly message: string
      readonly hint?: string
      readonly exit_code: number
    }

/** What every program may say. */
export type CommonNotice = Extract<Notice, { is: 'events' | 'ready' | 'stopped' | 'failed' }>
