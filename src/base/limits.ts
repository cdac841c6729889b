// Limits that several folders share, each with its reason.

/** Longest interface name the kernel takes: IFNAMSIZ (16) less its zero byte. */
export const INTERFACE_NAME_BYTES_MAX = 15

/** MTU of the network between hosts unless a scenario says otherwise (hosts.mtu): Ethernet's. */
export const UNDERLAY_MTU = 1500

/** What IPv6 asks of a link (RFC 8200): an interface with less has none, and Linux refuses to switch it off there. */
export const UNDERLAY_MTU_MIN = 1280

/** A tap device's largest, 65,535 less an Ethernet header. Cards of VMs, veth pairs and bridges take that, too. */
export const UNDERLAY_MTU_MAX = 65_521

/** Addresses of a /22 shard. A bridge stops at 1,023 ports, so a shard is the largest round subnet below. */
export const SHARD_ADDRESSES_COUNT = 1024

/** Nodes of a /22: network, broadcast, gateway and one more are kept free, as the published formula does. */
export const SHARD_NODES_MAX = 1020

/** Highest node id. Keeps every table of a topology within tens of megabytes; far above what one kernel holds. */
export const NODE_ID_MAX = 1_000_000

/** Most edges a topology may have (a full mesh of 4,472): 16 bytes each and more while they are sorted. */
export const EDGES_MAX = 10_000_000

/** Flows of a scenario: one a node of the largest. They are in its plan, and a row each of the controller's. */
export const FLOWS_MAX = 1_000_000

/** Trees of a group: their number has 16 bits in a packet's frame. */
export const GROUP_TREES_MAX = 65_536
