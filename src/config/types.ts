// Typed configuration: what the parsers return. Past them every value is in range and in base units.

import type { ChurnSpec } from '../protocol/churning.ts'
import type { FlowSpec, LinkRate } from '../protocol/messages.ts'
import type { SoakFault } from '../protocol/soaking.ts'
import type { LinkShape } from '../protocol/traffic.ts'
import type { TopologyConfig } from '../topology/types.ts'
import type { ConnectionsConfig } from './connections.ts'
import type { LinkProtocol } from './protocol.ts'

export interface DbConfig {
  /**
   * external: dialled as given (loopback or unix socket only). private: a server of the run's own, with these names.
   */
  readonly mode: 'external' | 'private'
  readonly user: string
  readonly password: string
  readonly host: string
  readonly port: number
  readonly database: string
}

export interface ControllerConfig {
  readonly port: number
  /** Address to listen on. Default 127.0.0.1, inside a fabric 0.0.0.0. */
  readonly listen: string
  readonly token?: string
  readonly maxServerPort: number
  readonly baseAddr: string
  readonly netMask: string
  readonly userSpaceBaseAddr: string
  readonly externalBaseAddr: string
  /** A group's address is this plus its number, within the mask. */
  readonly multicastPoolBase: string
  readonly multicastPoolMask: string
  /** Of links; "quic" is published but has none here: the parser refuses it. */
  readonly protocol: LinkProtocol
  readonly flowTransport: 'tcp' | 'lossless_unicast'
  readonly schedulerType: 'fifo' | 'wrr'
  readonly topology: TopologyConfig
  readonly routing: 'shortest_path' | null
  /** Explicit routes as directed edges. */
  readonly routes: readonly (readonly (readonly [number, number])[])[]
  readonly linkRates: readonly { readonly srcNodeId: number; readonly dstNodeId: number; readonly rate: LinkRate }[]
  /** Shapes of links' directions; of those in `linkRates` too they hold alone. */
  readonly links: readonly { readonly srcNodeId: number; readonly dstNodeId: number; readonly shape: LinkShape }[]
  readonly flows: readonly {
    readonly srcNodeId: number
    readonly dstNodeId: number
    /** Label of a group; then `dstNodeId` is the source itself. */
    readonly dstGroup?: string
    readonly spec: FlowSpec
  }[]
  readonly groups: readonly GroupConfig[]
  readonly nodes: readonly { readonly nodeId: number; readonly operatingMode: 'normal' | 'max' }[]
  /** null: no [db] section. */
  readonly db: DbConfig | null
  /** What of the configuration is taken otherwise than it reads, a sentence each. */
  readonly warnings: readonly string[]
}

/** Who packets of one source to a group go to, and by which trees. */
export interface GroupConfig {
  readonly label: string
  readonly srcNodeId: number
  /** Where they are delivered. */
  readonly members: readonly number[]
  /** Directed edges from the source; a tree's number is its place here. */
  readonly trees: readonly (readonly (readonly [number, number])[])[]
}

/** How a fleet's packet engine works. */
export interface EngineConfig {
  /** on: each node has its TUN interface from when it joins; demand: from when a command enters the node. */
  readonly tun: 'on' | 'demand' | 'off'
  readonly tunName: string
  /** Whether the kernel leaves checksums and segments to TUN interfaces. */
  readonly tunOffloads: boolean
  /** Lanes that a node spreads over; 0: one where the fleet has several nodes, else one a core. */
  readonly processors: number
  readonly concurrent: boolean
  readonly channelCapacity: number
  readonly backpressure: boolean
  /** Packets that wait for a link. */
  readonly queueCapacity: number
  readonly dropStrategy: 'taildrop' | 'red'
  readonly metricsIntervalS: number
  readonly lossless: LosslessConfig
}

/** How lossless flows are sent, unless a flow says otherwise. */
export interface LosslessConfig {
  /** Of a block; with the parity 255 at most. */
  readonly sourceSymbols: number
  /** Of each block, by ISA-L; 0: session_mode = "plain". */
  readonly paritySymbols: number
  readonly symbolBytes: number
  /** Of groups' trees those that symbols take; null: all. */
  readonly treeIds: readonly number[] | null
  /** Of treeIds, place by place; those beyond have 1. */
  readonly treeWeights: readonly number[]
  /** A receiver that says nothing for so long is given up. */
  readonly silenceMs: number
}

export interface DataplaneConfig {
  /** "host:port" or "ws://host:port"; loopback means the machine's own controller, reached through the gateway. */
  readonly controllerAddr: string
  readonly controllerConnectTimeoutMs: number
  readonly nNodes: number
  readonly nodeIdOffset: number
  readonly privateNetworkName: string
  readonly privateNetworkPort: number
  readonly bridgeName: string
  readonly bridgeIp: string
  readonly mtu: number
  readonly carrierMaxWaitMs: number
  /** Of links: the controller's, in a scenario; by hand the same has to stand in both files. */
  readonly protocol: LinkProtocol
  /** How long a peer on another host may be silent before it counts as gone, of links and of the controller, ms. */
  readonly peerSilenceMs: number
  readonly engine: EngineConfig
  /** What to do when a node dies: start it again, only report it, or end the run. */
  readonly onNodeDeath: 'restart' | 'report' | 'fatal'
  /** Of its nodes, unless the controller's configuration names one. Absent: normal. */
  readonly operatingMode?: 'max'
  /** Keys that were given, are known, and have no effect here; each is named in a warning. */
  readonly unsupported: readonly string[]
  readonly token?: string
  /** What of the configuration is taken otherwise than it reads, a sentence each; names every unsupported key. */
  readonly warnings: readonly string[]
}

export type Level = 'host' | 'kvm' | 'tcg'

export interface GateConfig {
  readonly name: string
  readonly metric: string
  readonly operator: '<=' | '<' | '>=' | '>' | '==' | '!='
  readonly limit: number
  /** Absent: every level. */
  readonly levels?: readonly Level[]
  /** Only for runs that hold (churn) so long or longer; absent: all. */
  readonly minHoldS?: number
}

/** Something done to hosts of a run while it holds, or to a process of a soak while it churns, and undone again. */
export interface FaultConfig {
  /** After all are wired; of a soak: after churning began. */
  readonly atS: number
  readonly forS: number
  /**
   * kill: as a power cut; reboot: in order, what is on its disk stays; cut: off the segment, or of links, nothing gets
   * from one node to the other; impair: frames of these hosts are lost and late.
   */
  readonly op: 'kill' | 'reboot' | 'cut' | 'impair' | SoakFault
  /** Names in the plan; none in a soak, and none of what is done to links. */
  readonly hosts: readonly string[]
  /** Pairs of neighbours; absent: it is done to hosts. */
  readonly links?: readonly (readonly [number, number])[]
  readonly loss: number
  readonly delayS: number
  readonly jitterS: number
}

/** `nslab collect` of a soak. */
export interface CollectorConfig {
  /** Between polls of all namespaces. */
  readonly intervalS: number
  /** Between looks at what tells nothing by itself. */
  readonly discoveryIntervalS: number
  readonly sink: 'stdout' | 'postgres'
  /** Of the sockets to collect; empty: all. */
  readonly states: readonly string[]
  readonly ports: readonly number[]
  /** Faults put in on purpose, as `nslab collect --canary` takes them. */
  readonly canaries: readonly string[]
}

/** The observer of a soak: `nslab collect`, or a program of the user's. Patterns are regular expressions. */
export interface ObserverConfig {
  /** Null: `nslab collect`. */
  readonly command: readonly string[] | null
  readonly output: 'none' | 'nslab.collect/1'
  readonly ready: string | null
  readonly forbid: readonly string[]
  /** Programs that its command starts for a while. Absent of plans of before. */
  readonly helpers?: readonly string[]
  readonly metricsUrl: string | null
  readonly scrapeIntervalS: number
  /** Names of the metrics to keep. */
  readonly metrics: readonly string[]
  /** Started again when it ends by itself. */
  readonly restart: boolean
  /** Of its memory control group; null: it has none of its own. */
  readonly memoryMaxBytes: number | null
}

/** What a soak has in place of a fleet. */
export interface SoakConfig {
  readonly churn: ChurnSpec
  readonly collector: CollectorConfig
  readonly observer: ObserverConfig
}

/** A scenario, parsed, with every override applied. */
export interface Scenario {
  readonly name: string
  readonly summary: string
  readonly seed: number
  readonly hosts: {
    readonly count: number
    readonly on: 'auto' | 'host' | 'vm'
    readonly accel: 'auto' | 'kvm' | 'tcg'
    readonly memoryMib: number
    readonly vcpus: number
    /** MiB of translated code that an emulated VM's QEMU keeps; absent: the runner's choice. */
    readonly tcgBufferMib?: number
    readonly network: 'switch' | 'tap'
    /** Of the network between hosts; absent in plans of before, when it was always 1500. */
    readonly mtu?: number
    /** Boot every VM, also where a saved state could be restored. */
    readonly cold: boolean
    /** Path of an image.json. */
    readonly image?: string
    /** What its VMs' kernel is called; absent: the usual one. Never together with `image`. */
    readonly kernel?: string
    /** The keys of [hosts] that somebody wrote, in the file or as a flag; the others have their defaults. */
    readonly given: readonly string[]
    /** Dataplanes that have files of their own, one a host; empty: all are alike. */
    readonly dataplanes: readonly DataplaneConfig[]
  }
  /** Of a fleet; a soak has neither nodes nor links here. */
  readonly controller: ControllerConfig
  readonly dataplane: DataplaneConfig
  readonly soak?: SoakConfig
  /** In a fleet's place, too: connections that are opened, held and closed. */
  readonly connections?: ConnectionsConfig
  readonly run: {
    readonly holdS: number
    readonly deadlineS: number
    readonly teardownDeadlineS: number
    readonly sampleIntervalS: number
    /** Least steady churning over which the growth of an observer is told. */
    readonly growthLeastS: number
    /** Run folder in place of a new one under runs/. */
    readonly out?: string
    /** Keep the private database's data, and VMs running after the run. */
    readonly keep: boolean
    readonly deterministic: boolean
  }
  readonly faults: readonly FaultConfig[]
  readonly gates: readonly GateConfig[]
  readonly warnings: readonly string[]
}
