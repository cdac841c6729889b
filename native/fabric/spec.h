// What one fleet's fabric consists of, and the numbers that follow from it. Pure data.
#pragma once

#include <netinet/in.h>

#include <cstdint>
#include <string>
#include <vector>

#include "base/status.h"
#include "rtnl/link.h"

namespace nslab::fabric {

struct BridgeSpec {
  std::string name;
  rtnl::Mac mac{};
  in_addr address{};
  uint8_t prefix_length = 0;
  /** Answers for addresses of its subnet that are reached through another link of the root. */
  bool proxy_arp = false;
};

struct NodeSpec {
  uint32_t node_id = 0;
  uint32_t bridge = 0;
  std::string host_interface;
  std::string node_interface;
  rtnl::Mac mac{};
  in_addr address{};
  uint8_t prefix_length = 0;
  in_addr gateway{};
};

struct Spec {
  std::vector<BridgeSpec> bridges;
  std::vector<NodeSpec> nodes;
  /** For each node, indexes into `nodes`. */
  std::vector<std::vector<uint32_t>> neighbours;
  uint32_t mtu = 1500;
};

/** Indexes and names in range and fit for the kernel; EINVAL says what is not. */
Status check(const Spec& spec);

/**
 * Interface indexes are chosen, not asked for, so that one batch can make a link and use it. They start far above those
 * the kernel hands out by itself.
 */
inline constexpr int kBridgeIndexBase = 0x8000;
inline constexpr int kHostIndexBase = 0x10000;
/** The node's end, beside its loopback. Differs from every host end's: equal ones would delay the carrier by up to 1 s
 * (linkwatch_urgent_event takes a link whose peer has its own index for one without a peer). */
inline constexpr int kNodeIndex = 2;

[[nodiscard]] inline int bridge_index(uint32_t bridge) { return kBridgeIndexBase + static_cast<int>(bridge); }
[[nodiscard]] inline int host_index(uint32_t node) { return kHostIndexBase + static_cast<int>(node); }

/** MAC addresses are a function of the IPv4 address, the same as in src/addressing: any process can work out a
 * neighbour's. */
[[nodiscard]] rtnl::Mac node_mac(in_addr address);
[[nodiscard]] rtnl::Mac bridge_mac(in_addr gateway);
/** The host end's, which no packet carries: chosen so that the kernel need not draw a random one. */
[[nodiscard]] rtnl::Mac host_mac(in_addr address);

}  // namespace nslab::fabric
