// IPv4 routes, as messages.
#include "rtnl/route.h"

namespace nslab::rtnl {

void add_default_route(Batch& batch, int index, in_addr gateway) {
  Batch::Request request(batch, RTM_NEWROUTE, NLM_F_CREATE | NLM_F_EXCL);
  rtmsg header{};
  header.rtm_family = AF_INET;
  header.rtm_table = RT_TABLE_MAIN;
  header.rtm_protocol = RTPROT_STATIC;
  header.rtm_scope = RT_SCOPE_UNIVERSE;
  header.rtm_type = RTN_UNICAST;
  request->put_struct(header);
  request->put(RTA_GATEWAY, gateway);
  request->put<uint32_t>(RTA_OIF, static_cast<uint32_t>(index));
}

}  // namespace nslab::rtnl
