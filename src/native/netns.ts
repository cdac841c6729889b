// The addon's types for network namespaces and a fabric root's way to other hosts.

/** Identity of a network namespace. `cookie` is never reused by the kernel; compare for equality only. */
export interface NetnsIdentity {
  readonly cookie: bigint
  readonly device: bigint
  readonly inode: bigint
  /** Creation time of the nsfs inode, ns since the epoch: the identity's last resort where there is no cookie. */
  readonly createdNs: bigint
}

export interface ListenRequest {
  readonly listen: { readonly address: string; readonly port: number; readonly backlog: number }
}

export interface ConnectRequest {
  readonly connect: {
    readonly address: string
    readonly port: number
    readonly timeoutMs: number
    /** The connection ends with ETIMEDOUT when its peer has been silent for so long, 2000 or more. Absent: never. */
    readonly silenceMs?: number
  }
}

/**
 * One network namespace: one descriptor (close-on-exec), one identity, one owner.
 * close() lets go of the descriptor; the kernel removes the namespace when nothing else holds it.
 */
export interface Netns {
  readonly fd: number
  readonly identity: NetnsIdentity
  /**
   * Opens a TCP socket inside the namespace (non-blocking, close-on-exec). The caller owns the descriptor, which keeps
   * the namespace from being removed. Rejects with the errno name: ECONNREFUSED, ENETUNREACH, ETIMEDOUT, EBADF
   * (closed), …
   */
  openSocket(request: ListenRequest | ConnectRequest): Promise<number>
  /**
   * Gives a fabric root its way to other hosts: the interface, its address and routes, forwarding on. All or nothing:
   * what was made or moved before a failure is undone. Rejects like Fabric, with `operation` and `where`: ENODEV (no
   * such interface or bridge), EEXIST (the root has such an interface), EBADF (closed), …
   */
  addUplink(uplink: UplinkSpec): Promise<void>
  /** Removes a virtual uplink, and its routes with it. Does nothing where there is none of this name. */
  removeUplink(name: string): Promise<void>
  /**
   * Adds routes, or moves those to the same network. Rejects at the first that the kernel refuses; earlier ones stay.
   */
  addRoutes(routes: readonly UplinkRoute[]): Promise<void>
  /** Takes routes out. Those that are not there are passed over. */
  removeRoutes(routes: readonly UplinkRoute[]): Promise<void>
  /**
   * Makes a bridge that joins hosts: no address, no spanning tree, up. Equivalent to: `ip link add NAME mtu MTU type
   * bridge …`, `ip link set NAME up`.
   */
  addBridge(name: string, mtu: number): Promise<void>
  /**
   * Lets a bridge's port carry frames or drop them in both directions, without a change that its other end could see.
   * Equivalent to: `bridge link set dev PORT state 3` or `state 0`. Rejects with ENODEV where there is none.
   */
  setBridgePort(port: string, carries: boolean): Promise<void>
  close(): void
}

/** A network ("172.16.12.0/22") and the neighbour that leads there; null: packets to it are lost, without a word. */
export interface UplinkRoute {
  readonly to: string
  readonly via: string | null
}

/** An interface of a fabric root that leads to other hosts. */
export interface UplinkSpec {
  /** Its name in the root. */
  readonly name: string
  readonly mac: string
  readonly address: string
  readonly prefixLength: number
  readonly mtu: number
  readonly routes: readonly UplinkRoute[]
  /**
   * move: a link of this process' own namespace (a guest's network card); it comes back there when the root is gone.
   * veth: a pair whose other end becomes a port of a bridge in `segment`; it ends with the root.
   */
  readonly from:
    | { readonly kind: 'move'; readonly interface: string }
    | { readonly kind: 'veth'; readonly segment: Netns; readonly bridge: string; readonly port: string }
}

export interface NetnsConstructor {
  /** Makes a namespace with its loopback up. Equivalent to: `unshare --net`, `ip link set lo up`. */
  create(): Promise<Netns>
  /**
   * Takes over an inherited or opened descriptor and makes it close-on-exec. Rejects what is not a network namespace.
   */
  fromFd(fd: number): Netns
  /** The calling thread's own namespace (/proc/thread-self/ns/net). */
  current(): Netns
}
