// Tests of the netlink bytes and of the thread's place, without a test framework: each check is one line, a failure
// says where. Prints TAP. Run by test/native/rtnl.test.ts.
//
// rtnl-test SEED   the seed of the fuzzed readers

#include <arpa/inet.h>
#include <linux/if_addr.h>
#include <linux/if_bridge.h>
#include <linux/if_link.h>
#include <linux/neighbour.h>
#include <linux/veth.h>
#include <net/if.h>

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <random>
#include <string>
#include <vector>

#include "base/sys.h"
#include "fabric/spec.h"
#include "fabric/watch.h"
#include "netns/netns.h"
#include "rtnl/address.h"
#include "rtnl/batch.h"
#include "rtnl/link.h"
#include "rtnl/monitor.h"
#include "rtnl/neighbour.h"
#include "rtnl/nsid.h"
#include "rtnl/route.h"
#include "rtnl/socket.h"
#include "test/check.h"

namespace {

using namespace nslab;
using namespace nslab::test;

rtnl::Message first_message(const rtnl::Batch& batch) {
  rtnl::MessageReader reader(batch.bytes());
  rtnl::Message message;
  (void)reader.next(message);
  return message;
}

in_addr address(const char* text) {
  in_addr value{};
  ::inet_pton(AF_INET, text, &value);
  return value;
}

/** A slow and obvious second reader: attribute of `type` by hand, byte after byte. */
std::vector<uint8_t> by_hand(std::span<const std::byte> bytes, uint16_t type) {
  const auto* raw = reinterpret_cast<const uint8_t*>(bytes.data());
  for (size_t at = 0; at + 4 <= bytes.size();) {
    const size_t length = raw[at] + 256u * raw[at + 1];
    const uint16_t found = static_cast<uint16_t>((raw[at + 2] + 256u * raw[at + 3]) & 0x3fff);
    if (length < 4 || at + length > bytes.size()) break;
    if (found == type) return {raw + at + 4, raw + at + length};
    at += (length + 3) / 4 * 4;
  }
  return {};
}

void round_trips() {
  rtnl::Batch batch;
  rtnl::add_veth(batch, {70001, "veth1a", {2, 0x70, 1, 2, 3, 4}, 32768, 1400, 2, "veth1b", {2, 0x6e, 1, 2, 3, 4}, 9});
  const rtnl::Message veth = first_message(batch);
  const auto news = rtnl::read_link(veth);
  check(news && news->index == 70001 && news->name == "veth1a" && !news->removed,
        "a veth request reads back as the link it makes");
  const auto attributes = veth.attributes<ifinfomsg>();
  check(by_hand(attributes, IFLA_MTU) == std::vector<uint8_t>{0x78, 5, 0, 0},
        "its MTU is where a reader by hand finds it");
  const auto info = rtnl::find_attribute(attributes, IFLA_LINKINFO);
  const auto kind = info ? rtnl::find_attribute(info->payload, IFLA_INFO_KIND) : std::nullopt;
  check(kind && kind->text() == "veth", "its kind is veth");
  const auto data = info ? rtnl::find_attribute(info->payload, IFLA_INFO_DATA) : std::nullopt;
  const auto peer = data ? rtnl::find_attribute(data->payload, VETH_INFO_PEER) : std::nullopt;
  const auto inner = peer ? peer->payload.subspan(sizeof(ifinfomsg)) : std::span<const std::byte>{};
  const auto name = rtnl::find_attribute(inner, IFLA_IFNAME);
  const auto netns = rtnl::find_attribute(inner, IFLA_NET_NS_FD);
  check(name && name->text() == "veth1b" && netns && netns->as<uint32_t>() == 9u,
        "its peer has its name and its namespace");
  check(batch.describe(0) == "RTM_NEWLINK veth1a", "a failed request is named by what it makes");

  batch.clear();
  rtnl::add_address(batch, 2, address("172.16.8.2"), 22);
  const auto inet = first_message(batch).attributes<ifaddrmsg>();
  check(by_hand(inet, IFA_BROADCAST) == std::vector<uint8_t>{172, 16, 11, 255},
        "an address in a /22 has the broadcast of the /22");
  check(batch.describe(0) == "RTM_NEWADDR 172.16.8.2", "a failed address is named");
  batch.clear();
  rtnl::add_address(batch, 2, address("10.0.0.1"), 31);
  check(by_hand(first_message(batch).attributes<ifaddrmsg>(), IFA_BROADCAST).empty(),
        "an address in a /31 has no broadcast");
  batch.clear();
  rtnl::add_default_route(batch, 2, address("172.16.8.1"));
  check(by_hand(first_message(batch).attributes<rtmsg>(), RTA_GATEWAY) == std::vector<uint8_t>{172, 16, 8, 1},
        "a route has its gateway");
  check(batch.describe(0) == "RTM_NEWROUTE default", "a failed route is named");
  batch.clear();
  rtnl::set_neighbour(batch, 2, address("172.16.8.3"), fabric::node_mac(address("172.16.8.3")));
  const std::vector<uint8_t> mac{2, 0x6e, 172, 16, 8, 3};
  check(by_hand(first_message(batch).attributes<ndmsg>(), NDA_LLADDR) == mac,
        "a neighbour has the MAC of the address rule");
  check(batch.describe(0) == "RTM_NEWNEIGH 172.16.8.3", "a failed neighbour is named");
}

/** A link message as the kernel sends it, with a port state in one of the two places. */
rtnl::Batch link_message(uint16_t type, uint8_t family, bool as_slave) {
  rtnl::Batch batch;
  rtnl::Batch::Request request(batch, type, 0);
  ifinfomsg header{};
  header.ifi_family = family;
  header.ifi_index = 5;
  header.ifi_flags = IFF_UP;
  request->put_struct(header);
  request->put<int32_t>(IFLA_LINK_NETNSID, 3);
  const size_t outer = request->begin_nest(as_slave ? IFLA_LINKINFO : IFLA_PROTINFO);
  const size_t inner = as_slave ? request->begin_nest(IFLA_INFO_SLAVE_DATA) : 0;
  request->put<uint8_t>(IFLA_BRPORT_STATE, BR_STATE_FORWARDING);
  if (as_slave) request->end_nest(inner);
  request->end_nest(outer);
  return batch;
}

void link_news() {
  for (const bool as_slave : {false, true}) {
    const rtnl::Batch batch = link_message(RTM_NEWLINK, as_slave ? AF_UNSPEC : AF_BRIDGE, as_slave);
    const auto news = rtnl::read_link(first_message(batch));
    check(news && news->port_state == BR_STATE_FORWARDING && news->peer_netns_id == 3,
          "a port's state is read from either place");
  }
  check(rtnl::read_link(first_message(link_message(RTM_DELLINK, AF_UNSPEC, true)))->removed, "a removed link is seen");
  check(!rtnl::read_link(first_message(link_message(RTM_DELLINK, AF_BRIDGE, false))),
        "a port that leaves its bridge is no removed link");
}

/** A node's host end, whose other end is in the namespace that has `netns_id` here. */
rtnl::Batch host_end(uint16_t type, int32_t netns_id, uint32_t node = 0) {
  rtnl::Batch batch;
  rtnl::Batch::Request request(batch, type, 0);
  ifinfomsg header{};
  header.ifi_index = fabric::host_index(node);
  request->put_struct(header);
  request->put<int32_t>(IFLA_LINK_NETNSID, netns_id);
  return batch;
}

rtnl::Batch removed_id(int32_t netns_id) {
  rtnl::Batch batch;
  rtnl::Batch::Request request(batch, RTM_DELNSID, 0);
  request->put_struct(rtgenmsg{});
  request->put<int32_t>(NETNSA_NSID, netns_id);
  return batch;
}

void ends_watched() {
  auto watch = fabric::Watch::open(0, 2, 0);
  check(watch.ok(), "a watch is opened");
  if (!watch) return;
  const auto hear = [&](const rtnl::Batch& batch) { watch->take(first_message(batch)); };
  hear(host_end(RTM_NEWLINK, 3));
  check(!watch->gone(0), "a pair that was made is there");
  hear(removed_id(3));
  check(!watch->gone(0), "it is there while its link is, without its namespace");
  hear(host_end(RTM_NEWLINK, 3));
  hear(host_end(RTM_DELLINK, -1));
  check(watch->gone(0) && watch->all_gone(), "a message that was built before the namespace went brings no id back");
  hear(host_end(RTM_NEWLINK, 3));
  hear(host_end(RTM_DELLINK, 3));
  check(!watch->gone(0), "a pair that is made again with the same id is there until its namespace has gone, too");
  hear(removed_id(3));
  check(watch->gone(0), "and gone then");
  hear(host_end(RTM_NEWLINK, 4));
  hear(removed_id(4));
  check(!watch->gone(0), "one made after a namespace that outlived its link has an id again");
  hear(host_end(RTM_DELLINK, -1));
  check(watch->gone(0) && watch->all_gone(), "and is gone with both");
  hear(host_end(RTM_NEWLINK, 3));
  hear(host_end(RTM_DELLINK, 3));
  hear(host_end(RTM_NEWLINK, 3, 1));
  check(watch->gone(0), "an id that another pair has was given out again: the namespace that had it is gone");
  hear(removed_id(3));
  check(watch->has_netns(1), "the removal that follows is the former's");
  hear(removed_id(3));
  hear(host_end(RTM_DELLINK, -1, 1));
  check(watch->all_gone(), "and the next one its own");
}

/** Damages messages at random: readers stay within bounds (AddressSanitizer watches where it is on) and end. */
void fuzz(unsigned seed) {
  std::mt19937 random(seed);
  rtnl::Batch whole;
  rtnl::add_veth(whole, {70001, "veth1a", {}, 32768, 1400, 2, "veth1b", {}, 9});
  rtnl::add_bridge(whole, {32768, "isobr0", {}, 1400});
  rtnl::set_netns_id(whole, 3, 4);
  size_t same = 0, different = 0;
  for (int round = 0; round < 20'000; ++round) {
    std::vector<std::byte> bytes(whole.bytes().begin(), whole.bytes().end());
    const size_t damages = random() % 8;
    for (size_t i = 0; i < damages; ++i) bytes[random() % bytes.size()] = static_cast<std::byte>(random());
    bytes.resize(random() % (bytes.size() + 1));
    // A buffer of exactly this size, so that one byte too far is out of bounds.
    const std::vector<std::byte> exact(bytes);
    rtnl::MessageReader reader(exact);
    size_t total = 0;
    for (rtnl::Message message; reader.next(message);) {
      total += message.payload.size();
      (void)rtnl::read_link(message);
      (void)rtnl::read_removed_netns_id(message);
      const auto attributes = message.attributes<ifinfomsg>();
      for (const uint16_t type : {IFLA_IFNAME, IFLA_MTU, IFLA_LINKINFO}) {
        const auto found = rtnl::find_attribute(attributes, type);
        const auto expected = by_hand(attributes, type);
        const bool equal = found ? std::vector<uint8_t>(reinterpret_cast<const uint8_t*>(found->payload.data()),
                                                        reinterpret_cast<const uint8_t*>(found->payload.data()) +
                                                            found->payload.size()) == expected
                                 : expected.empty();
        ++(equal ? same : different);
      }
    }
    if (total > exact.size()) ++different;
  }
  check(different == 0 && same > 0, "on damaged messages the reader and a reader by hand agree");
}

void places() {
  auto log = std::make_shared<netns::SwitchLog>();
  const netns::RecordSwitches recorded(log);
  auto home = netns::Netns::current();
  auto other = netns::Netns::create();
  check(home.ok() && other.ok(), "namespaces are made");
  if (!home || !other) return;
  {
    const netns::Visit visit;
    check(netns::enter(*other).ok() && netns::enter(*other).ok(), "a namespace is entered twice");
    auto there = netns::Netns::current();
    check(there && there->identity() == other->identity(), "the thread is there");
  }
  auto back = netns::Netns::current();
  check(back && back->identity() == home->identity(), "after a visit the thread is where it was");
  check(log->totals().switches == 1 && log->totals().skipped == 1, "the second entry changed nothing and was skipped");
  for (uint64_t cookie = 0; cookie < 2 * netns::kTraceMax; cookie++) netns::record_switch(cookie, false);
  const auto totals = log->totals();
  check(totals.netns.size() == netns::kTraceMax && totals.switches == 1 + 2 * netns::kTraceMax,
        "a trace is no longer than it may be, and what is beyond is counted");
  sys::CallMeter meter(1, EMFILE);
  const sys::Metered metered(&meter);
  {
    const netns::Visit visit;
    const Status failed = netns::enter(*other);
    check(!failed.ok() && failed.error().number == EMFILE && failed.error().operation == "setns",
          "a call that is made to fail fails");
  }
  auto still = netns::Netns::current();
  check(still && still->identity() == home->identity(), "and leaves the thread where it was");
}

void sockets() {
  const netns::Visit visit;
  UniqueFd netlink;
  auto inside = netns::Netns::create_and_stay(netlink);
  auto socket = inside ? rtnl::Socket::adopt(std::move(netlink), "test") : Result<rtnl::Socket>(inside.take_status());
  auto monitor = rtnl::Monitor::open("test");
  check(socket.ok() && monitor.ok(), "sockets are opened inside a new namespace");
  if (!socket || !monitor) return;
  rtnl::Batch batch;
  rtnl::set_up(batch, rtnl::kLoopbackIndex);
  rtnl::delete_link(batch, 77);
  rtnl::add_bridge(batch, {10, "br", {2, 0, 0, 0, 0, 1}, 1500});
  const Status status = socket->execute(batch);
  check(!status.ok() && status.error().number == ENODEV && status.error().operation == "RTM_DELLINK index 77" &&
            status.error().where == "test",
        "the failed one of a batch is named");
  bool seen = false;
  auto lost = monitor->drain([&](const rtnl::Message& message) {
    const auto news = rtnl::read_link(message);
    seen = seen || (news && news->index == 10 && news->name == "br");
  });
  check(lost.ok() && !*lost && seen, "the requests after it were made all the same, and the monitor heard of them");
  rtnl::add_bridge(batch, {11, "br", {2, 0, 0, 0, 0, 1}, 1500});
  const Status taken = socket->execute(batch);
  check(!taken.ok() && taken.error().message().starts_with("RTM_NEWLINK br in test: EEXIST ("),
        "an error says what was asked, where, and the kernel's words");
  int links = 0;
  rtnl::list_links(batch);
  check(socket->dump(
                  batch, [&](const rtnl::Message&) { ++links; }, [&] { links = 0; })
                .ok() &&
            links >= 2,
        "links are listed");
}

}  // namespace

int main(int count, char** words) {
  const unsigned seed = count > 1 ? static_cast<unsigned>(std::strtoul(words[1], nullptr, 10)) : 1;
  std::printf("TAP version 14\n# seed %u\n", seed);
  round_trips();
  link_news();
  ends_watched();
  fuzz(seed);
  places();
  sockets();
  return end_checks();
}
