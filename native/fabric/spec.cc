// Checks and address rules of a fabric.
#include "fabric/spec.h"

#include <net/if.h>

#include <cstring>
#include <string_view>
#include <unordered_set>

namespace nslab::fabric {
namespace {

/** BR_MAX_PORTS of the kernel's bridge, less port 0. */
constexpr uint32_t kBridgePortsMax = 1023;
/** An IPv4 link must carry 68 bytes (RFC 791); veth takes at most 65,535. */
constexpr uint32_t kMtuMin = 68;
constexpr uint32_t kMtuMax = 65535;

Status invalid(std::string reason) { return Status::failed(EINVAL, "check", "fabric", std::move(reason)); }

bool is_name(std::string_view name) {
  return !name.empty() && name.size() < IFNAMSIZ && name != "." && name != ".." &&
         name.find_first_of("/: \t\n%") == std::string_view::npos;
}

rtnl::Mac mac_of(uint8_t kind, in_addr address) {
  // 02: locally administered, unicast.
  rtnl::Mac mac{0x02, kind};
  std::memcpy(mac.data() + 2, &address, sizeof address);
  return mac;
}

}  // namespace

rtnl::Mac node_mac(in_addr address) { return mac_of(0x6e, address); }
rtnl::Mac bridge_mac(in_addr gateway) { return mac_of(0x6f, gateway); }
rtnl::Mac host_mac(in_addr address) { return mac_of(0x70, address); }

Status check(const Spec& spec) {
  std::unordered_set<std::string_view> names;
  std::vector<uint32_t> ports(spec.bridges.size());
  if (spec.mtu < kMtuMin || spec.mtu > kMtuMax) return invalid("mtu " + std::to_string(spec.mtu));
  if (spec.bridges.size() > kHostIndexBase - kBridgeIndexBase) return invalid("too many bridges");
  if (spec.neighbours.size() != spec.nodes.size()) return invalid("neighbours and nodes differ in number");
  for (const BridgeSpec& bridge : spec.bridges) {
    if (!is_name(bridge.name) || !names.insert(bridge.name).second) return invalid("bridge name '" + bridge.name + "'");
    if (bridge.prefix_length < 1 || bridge.prefix_length > 32) return invalid("prefix length of " + bridge.name);
  }
  for (const NodeSpec& node : spec.nodes) {
    const std::string id = "node " + std::to_string(node.node_id);
    if (node.bridge >= ports.size()) return invalid("bridge of " + id);
    if (++ports[node.bridge] > kBridgePortsMax)
      return invalid("more than 1,023 nodes on " + spec.bridges[node.bridge].name);
    if (!is_name(node.host_interface) || !names.insert(node.host_interface).second)
      return invalid("host interface '" + node.host_interface + "' of " + id);
    if (!is_name(node.node_interface) || node.node_interface == "lo")
      return invalid("node interface '" + node.node_interface + "' of " + id);
    if (node.prefix_length < 1 || node.prefix_length > 32) return invalid("prefix length of " + id);
  }
  for (const auto& list : spec.neighbours)
    for (const uint32_t neighbour : list)
      if (neighbour >= spec.nodes.size()) return invalid("neighbour index " + std::to_string(neighbour));
  return {};
}

}  // namespace nslab::fabric
