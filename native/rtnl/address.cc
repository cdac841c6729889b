// IPv4 addresses, as messages.
#include "rtnl/address.h"

#include <arpa/inet.h>
#include <linux/if_addr.h>

namespace nslab::rtnl {

void add_address(Batch& batch, int index, in_addr address, uint8_t prefix_length) {
  Batch::Request request(batch, RTM_NEWADDR, NLM_F_CREATE | NLM_F_EXCL);
  ifaddrmsg header{};
  header.ifa_family = AF_INET;
  header.ifa_prefixlen = prefix_length;
  header.ifa_index = static_cast<uint32_t>(index);
  request->put_struct(header);
  request->put(IFA_LOCAL, address);
  request->put(IFA_ADDRESS, address);
  // Networks of one or two addresses have no broadcast address (RFC 3021).
  if (prefix_length >= 31) return;
  request->put(IFA_BROADCAST, in_addr{address.s_addr | htonl(0xffffffffu >> prefix_length)});
}

}  // namespace nslab::rtnl
