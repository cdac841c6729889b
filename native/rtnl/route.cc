// IPv4 routes, as messages.
#include "rtnl/route.h"

namespace nslab::rtnl {

namespace {

/** The same in every namespace. */
constexpr uint32_t kLoopback = 1;

rtmsg route_header(uint8_t prefix_length) {
  rtmsg header{};
  header.rtm_family = AF_INET;
  header.rtm_dst_len = prefix_length;
  header.rtm_table = RT_TABLE_MAIN;
  header.rtm_protocol = RTPROT_STATIC;
  header.rtm_scope = RT_SCOPE_UNIVERSE;
  header.rtm_type = RTN_UNICAST;
  return header;
}

void put_route(Batch::Request& request, const Network& to, in_addr gateway) {
  const bool leads = gateway.s_addr != INADDR_ANY;
  rtmsg header = route_header(to.prefix_length);
  if (!leads) header.rtm_scope = RT_SCOPE_LINK;
  request->put_struct(header);
  if (to.prefix_length > 0) request->put(RTA_DST, to.address);
  if (leads) request->put(RTA_GATEWAY, gateway);
  else request->put<uint32_t>(RTA_OIF, kLoopback);
}

}  // namespace

void add_default_route(Batch& batch, int index, in_addr gateway) {
  Batch::Request request(batch, RTM_NEWROUTE, NLM_F_CREATE | NLM_F_EXCL);
  request->put_struct(route_header(0));
  request->put(RTA_GATEWAY, gateway);
  request->put<uint32_t>(RTA_OIF, static_cast<uint32_t>(index));
}

void set_route(Batch& batch, const Network& to, in_addr gateway) {
  Batch::Request request(batch, RTM_NEWROUTE, NLM_F_CREATE | NLM_F_REPLACE);
  put_route(request, to, gateway);
}

void add_link_route(Batch& batch, const Network& to, int index) {
  Batch::Request request(batch, RTM_NEWROUTE, NLM_F_CREATE | NLM_F_EXCL);
  rtmsg header = route_header(to.prefix_length);
  header.rtm_scope = RT_SCOPE_LINK;
  request->put_struct(header);
  if (to.prefix_length > 0) request->put(RTA_DST, to.address);
  request->put<uint32_t>(RTA_OIF, static_cast<uint32_t>(index));
}

void delete_route(Batch& batch, const Network& to, in_addr gateway) {
  Batch::Request request(batch, RTM_DELROUTE, 0);
  put_route(request, to, gateway);
}

}  // namespace nslab::rtnl
