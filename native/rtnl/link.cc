// Links, as messages.
#include "rtnl/link.h"

#include <linux/if_bridge.h>
#include <linux/if_link.h>
#include <linux/ip.h>
#include <linux/neighbour.h>
#include <linux/veth.h>
#include <net/if.h>
#include <sys/socket.h>

namespace nslab::rtnl {
namespace {

/** A day in hundredths of a second. */
constexpr uint32_t kAgeingTime = 8'640'000;

ifinfomsg link_header(int index) {
  ifinfomsg header{};
  header.ifi_index = index;
  return header;
}

void put_kind(Writer& writer, std::string_view kind) { writer.put_bytes(IFLA_INFO_KIND, kind.data(), kind.size()); }

void put_single_queue(Writer& writer) {
  writer.put<uint32_t>(IFLA_NUM_TX_QUEUES, 1);
  writer.put<uint32_t>(IFLA_NUM_RX_QUEUES, 1);
}

}  // namespace

void add_bridge(Batch& batch, const BridgeLink& bridge) {
  Batch::Request request(batch, RTM_NEWLINK, NLM_F_CREATE | NLM_F_EXCL);
  request->put_struct(link_header(bridge.index));
  request->put_string(IFLA_IFNAME, bridge.name);
  request->put(IFLA_ADDRESS, bridge.mac);
  request->put(IFLA_MTU, bridge.mtu);
  const size_t info = request->begin_nest(IFLA_LINKINFO);
  put_kind(*request.operator->(), "bridge");
  const size_t data = request->begin_nest(IFLA_INFO_DATA);
  request->put<uint32_t>(IFLA_BR_STP_STATE, 0);
  request->put<uint32_t>(IFLA_BR_FORWARD_DELAY, 0);
  request->put<uint32_t>(IFLA_BR_AGEING_TIME, kAgeingTime);
  request->put<uint8_t>(IFLA_BR_MCAST_SNOOPING, 0);
  request->end_nest(data);
  request->end_nest(info);
}

void add_veth(Batch& batch, const VethLink& veth) {
  Batch::Request request(batch, RTM_NEWLINK, NLM_F_CREATE | NLM_F_EXCL);
  request->put_struct(link_header(veth.index));
  request->put_string(IFLA_IFNAME, veth.name);
  request->put(IFLA_ADDRESS, veth.mac);
  request->put(IFLA_MTU, veth.mtu);
  request->put<uint32_t>(IFLA_MASTER, static_cast<uint32_t>(veth.bridge));
  put_single_queue(*request.operator->());
  const size_t info = request->begin_nest(IFLA_LINKINFO);
  put_kind(*request.operator->(), "veth");
  const size_t data = request->begin_nest(IFLA_INFO_DATA);
  const size_t peer = request->begin_nest(VETH_INFO_PEER);
  request->put_struct(link_header(veth.peer_index));
  request->put_string(IFLA_IFNAME, veth.peer_name);
  request->put(IFLA_ADDRESS, veth.peer_mac);
  request->put(IFLA_MTU, veth.mtu);
  request->put<uint32_t>(IFLA_NET_NS_FD, static_cast<uint32_t>(veth.peer_netns_fd));
  put_single_queue(*request.operator->());
  request->end_nest(peer);
  request->end_nest(data);
  request->end_nest(info);
}

void set_up(Batch& batch, int index) {
  Batch::Request request(batch, RTM_NEWLINK, 0);
  ifinfomsg header = link_header(index);
  header.ifi_flags = IFF_UP;
  header.ifi_change = IFF_UP;
  request->put_struct(header);
}

void set_up(Batch& batch, std::string_view name) {
  Batch::Request request(batch, RTM_NEWLINK, 0);
  ifinfomsg header{};
  header.ifi_flags = IFF_UP;
  header.ifi_change = IFF_UP;
  request->put_struct(header);
  request->put_string(IFLA_IFNAME, name);
}

void set_address(Batch& batch, int index, const Mac& mac, uint32_t mtu) {
  Batch::Request request(batch, RTM_NEWLINK, 0);
  request->put_struct(link_header(index));
  request->put(IFLA_ADDRESS, mac);
  request->put(IFLA_MTU, mtu);
}

void set_mtu(Batch& batch, int index, uint32_t mtu) {
  Batch::Request request(batch, RTM_NEWLINK, 0);
  request->put_struct(link_header(index));
  request->put(IFLA_MTU, mtu);
}

void move_link(Batch& batch, int index, int netns_fd, std::string_view name) {
  Batch::Request request(batch, RTM_NEWLINK, 0);
  request->put_struct(link_header(index));
  request->put_string(IFLA_IFNAME, name);
  request->put<uint32_t>(IFLA_NET_NS_FD, static_cast<uint32_t>(netns_fd));
}

void set_port_state(Batch& batch, int index, uint8_t state) {
  Batch::Request request(batch, RTM_SETLINK, 0);
  ifinfomsg header = link_header(index);
  header.ifi_family = AF_BRIDGE;
  request->put_struct(header);
  const size_t port = request->begin_nest(IFLA_PROTINFO);
  request->put<uint8_t>(IFLA_BRPORT_STATE, state);
  request->end_nest(port);
}

void set_proxy_arp(Batch& batch, int index) {
  {
    Batch::Request request(batch, RTM_SETLINK, 0);
    request->put_struct(link_header(index));
    const size_t families = request->begin_nest(IFLA_AF_SPEC);
    const size_t ipv4 = request->begin_nest(AF_INET);
    const size_t settings = request->begin_nest(IFLA_INET_CONF);
    request->put<uint32_t>(IPV4_DEVCONF_PROXY_ARP, 1);
    request->end_nest(settings);
    request->end_nest(ipv4);
    request->end_nest(families);
  }
  // By default an answer is held back for up to 0.8 s. By netlink, since a user namespace has no such file in /proc.
  Batch::Request request(batch, RTM_SETNEIGHTBL, 0);
  ndtmsg header{};
  header.ndtm_family = AF_INET;
  request->put_struct(header);
  request->put_string(NDTA_NAME, "arp_cache");
  const size_t parameters = request->begin_nest(NDTA_PARMS);
  request->put<uint32_t>(NDTPA_IFINDEX, static_cast<uint32_t>(index));
  request->put<uint64_t>(NDTPA_PROXY_DELAY, 0);
  request->end_nest(parameters);
}

void set_no_ipv6_address(Batch& batch, int index) {
  Batch::Request request(batch, RTM_SETLINK, 0);
  request->put_struct(link_header(index));
  const size_t families = request->begin_nest(IFLA_AF_SPEC);
  const size_t ipv6 = request->begin_nest(AF_INET6);
  request->put<uint8_t>(IFLA_INET6_ADDR_GEN_MODE, IN6_ADDR_GEN_MODE_NONE);
  request->end_nest(ipv6);
  request->end_nest(families);
}

void delete_link(Batch& batch, int index) {
  Batch::Request request(batch, RTM_DELLINK, 0);
  request->put_struct(link_header(index));
}

void list_links(Batch& batch) {
  Batch::Request request(batch, RTM_GETLINK, 0);
  request->put_struct(link_header(0));
}

std::optional<LinkNews> read_link(const Message& message) {
  const uint16_t type = message.header.nlmsg_type;
  const auto body = message.body<ifinfomsg>();
  if ((type != RTM_NEWLINK && type != RTM_DELLINK) || !body) return std::nullopt;
  const bool of_bridge = body->ifi_family == AF_BRIDGE;
  // A bridge's RTM_DELLINK only says that a port left it: the link itself may live on.
  if (of_bridge && type == RTM_DELLINK) return std::nullopt;
  LinkNews news;
  news.index = body->ifi_index;
  news.removed = type == RTM_DELLINK;
  news.flags = body->ifi_flags;
  const auto take_port = [&](std::span<const std::byte> port) {
    if (const auto state = find_attribute(port, IFLA_BRPORT_STATE)) news.port_state = state->as<uint8_t>();
  };
  AttributeReader reader(message.attributes<ifinfomsg>());
  for (Attribute attribute; reader.next(attribute);) {
    if (attribute.type == IFLA_IFNAME) news.name = attribute.text();
    if (attribute.type == IFLA_LINK_NETNSID) news.peer_netns_id = attribute.as<int32_t>();
    if (attribute.type == IFLA_PROTINFO && of_bridge) take_port(attribute.payload);
    if (attribute.type == IFLA_LINKINFO)
      if (const auto port = find_attribute(attribute.payload, IFLA_INFO_SLAVE_DATA)) take_port(port->payload);
  }
  return news;
}

}  // namespace nslab::rtnl
