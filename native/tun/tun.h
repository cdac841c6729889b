// TUN interfaces: packets of programs in a namespace, without an Ethernet of their own.
#pragma once

#include <netinet/in.h>

#include <cstdint>
#include <string>

#include "base/fd.h"
#include "base/status.h"
#include "netns/netns.h"

namespace nslab::tun {

struct TunLink {
  std::string name;
  in_addr address{};
  uint8_t prefix_length = 0;
  uint32_t mtu = 0;
  /** Groups of addresses that lead there, too: 239.255.0.0/16. */
  in_addr groups{};
  uint8_t groups_prefix_length = 0;
  /**
   * IFF_VNET_HDR, and all that this kernel hands over unfinished: packets without checksum, and segments of TCP and UDP
   * as one. As `ethtool -K NAME tx on tso on` has it.
   */
  bool offloads = false;
};

/**
 * Makes a TUN interface in `where`, up, with its address and routes and no IPv6, and gives its descriptor (IFF_NO_PI,
 * non-blocking, close-on-exec): the interface ends with it, and it holds the namespace. The calling native thread comes
 * back. `place` names the namespace in errors: ENOENT or ENODEV where this kernel has no TUN, EACCES where this user
 * may not open it, EEXIST where the namespace has an interface of this name, EPERM without CAP_NET_ADMIN there. Costs
 * 0.1 to 0.5 ms; letting go of the descriptor costs 10 to 30. Equivalent to: `ip tuntap add NAME mode tun`, `ip link
 * set NAME mtu MTU addrgenmode none up`, `ip address add ADDRESS/PREFIX dev NAME`, `ip route add GROUPS dev NAME`
 */
Result<UniqueFd> make(const netns::Netns& where, const TunLink& link, const std::string& place);

}  // namespace nslab::tun
