// Links: bridges, veth pairs, up, gone.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string_view>

#include "rtnl/batch.h"

namespace nslab::rtnl {

/** A MAC address in wire order. */
using Mac = std::array<uint8_t, 6>;

inline constexpr int kLoopbackIndex = 1;

struct BridgeLink {
  int index = 0;
  std::string_view name;
  Mac mac{};
  uint32_t mtu = 0;
};

/**
 * A bridge with a fixed MAC address, no spanning tree, no forwarding delay and no multicast snooping.
 * Learned addresses do not age in a run's time: a frame to an aged one would be flooded to a thousand ports.
 * Equivalent to: `ip link add NAME index INDEX address MAC mtu MTU type bridge stp_state 0 forward_delay 0
 * mcast_snooping 0 ageing_time 8640000`
 */
void add_bridge(Batch& batch, const BridgeLink& bridge);

struct VethLink {
  int index = 0;
  std::string_view name;
  Mac mac{};
  /** Index of the bridge the first end is a port of. */
  int bridge = 0;
  uint32_t mtu = 0;
  int peer_index = 0;
  std::string_view peer_name;
  Mac peer_mac{};
  /** The second end is made in this namespace directly; moving it there later costs an RCU grace period, 16 ms. */
  int peer_netns_fd = -1;
};

/**
 * A veth pair, both ends down: made up, the kernel refuses with ENOTCONN. One queue an end: the pair has no lock of its
 * own to spread, and each queue is memory and sysfs entries. Equivalent to: `ip link add NAME index INDEX address MAC
 * mtu MTU numtxqueues 1 numrxqueues 1 master BRIDGE type veth peer name PEER index INDEX address MAC mtu MTU
 * numtxqueues 1 numrxqueues 1 netns FD`
 */
void add_veth(Batch& batch, const VethLink& veth);

/** Equivalent to: `ip link set INDEX up` */
void set_up(Batch& batch, int index);

/**
 * No IPv6 address ever comes up by itself, so no duplicate address detection (2 s a link) either. Measured 10 % cheaper
 * for a whole fabric than net.ipv6.conf.*.disable_ipv6, and needs no /proc. Equivalent to: `ip link set INDEX
 * addrgenmode none`
 */
void set_no_ipv6_address(Batch& batch, int index);

/** Equivalent to: `ip link delete INDEX` */
void delete_link(Batch& batch, int index);

/** The same by name. Equivalent to: `ip link set NAME up` */
void set_up(Batch& batch, std::string_view name);

/** Equivalent to: `ip link set INDEX address MAC mtu MTU` */
void set_address(Batch& batch, int index, const Mac& mac, uint32_t mtu);

/** Equivalent to: `ip link set INDEX mtu MTU` */
void set_mtu(Batch& batch, int index, uint32_t mtu);

/**
 * Takes a link to the namespace behind `netns_fd` under another name, where it is down and has no addresses.
 * Equivalent to: `ip link set INDEX netns FD name NAME`
 */
void move_link(Batch& batch, int index, int netns_fd, std::string_view name);

/** A bridge port's state: BR_STATE_FORWARDING or BR_STATE_DISABLED. Equivalent to: `bridge link set dev INDEX state N`
 */
void set_port_state(Batch& batch, int index, uint8_t state);

/**
 * Answers at once for addresses that are reached through another link. Equivalent to: `sysctl
 * net.ipv4.conf.NAME.proxy_arp=1` and `ip ntable change name arp_cache dev NAME proxy_delay 0`
 */
void set_proxy_arp(Batch& batch, int index);

/** Asks for all links; for Socket::dump. Equivalent to: `ip link show` */
void list_links(Batch& batch);

/** What a message says about a link. */
struct LinkNews {
  int index = 0;
  bool removed = false;
  std::string_view name;
  /** IFF_UP, IFF_LOWER_UP, … */
  uint32_t flags = 0;
  /** BR_STATE_FORWARDING (3), …; nothing where the message says nothing about a port. */
  std::optional<uint8_t> port_state;
  /** Id, in the observer's namespace, of the namespace the other end is in. */
  std::optional<int32_t> peer_netns_id;
};

/** RTM_NEWLINK or RTM_DELLINK as news; nothing for other messages and those that say nothing of use. */
[[nodiscard]] std::optional<LinkNews> read_link(const Message& message);

}  // namespace nslab::rtnl
