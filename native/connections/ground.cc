// Namespaces, their settings, and veth pairs between them.
#include "connections/ground.h"

#include <arpa/inet.h>

#include <string>

#include "netns/setting.h"
#include "rtnl/address.h"
#include "rtnl/link.h"
#include "rtnl/socket.h"

namespace nslab::connections {
namespace {

using netns::Netns;
using netns::write_setting;

constexpr int kVethIndex = 2;
constexpr uint32_t kMtu = 1500;
constexpr rtnl::Mac kClientMac = {0x02, 0, 0, 0, 0, 1};
constexpr rtnl::Mac kServerMac = {0x02, 0, 0, 0, 0, 2};
const in_addr kClientAddress{htonl(0x0a00'0000)};
const in_addr kServerAddress{htonl(0x0a00'0001)};
constexpr uint8_t kPairPrefix = 31;

/** Settings of the thread's namespace. Kernels whose TIME_WAIT limit is the machine's keep that. */
Status size_namespace(const Options& options, const std::string& where) {
  const std::string ports = std::to_string(kFirstEphemeralPort) + " 65535";
  const std::string base = "/proc/sys/net/";
  const uint64_t share = options.count / places_of(options) + 1;
  const std::string time_wait = std::to_string(std::min<uint64_t>(share * 2, 1U << 30));
  Status status = write_setting((base + "ipv4/ip_local_port_range").c_str(), ports.c_str(), false, where);
  if (status) status = write_setting((base + "core/somaxconn").c_str(), "65535", true, where);
  if (status) status = write_setting((base + "ipv4/tcp_max_syn_backlog").c_str(), "65535", true, where);
  if (status) status = write_setting((base + "ipv4/tcp_max_tw_buckets").c_str(), time_wait.c_str(), true, where);
  return status;
}

/**
 * A namespace whose children have socket tables of their own (Linux 6.1). In the machine's one table, to list what a
 * namespace has takes a walk over the sockets of all: a million connections in 1,000 namespaces took ten minutes to be
 * counted. Kernels without the setting have just that table.
 */
Result<Netns> make_parent(const Options& options) {
  UniqueFd netlink;
  auto parent = Netns::create_and_stay(netlink);
  if (!parent) return parent.take_status();
  const std::string entries =
      std::to_string(std::min<uint64_t>(2 * (options.count / places_of(options) + 1), 1U << 24));
  constexpr auto path = "/proc/sys/net/ipv4/tcp_child_ehash_entries";
  if (Status set = write_setting(path, entries.c_str(), true, "parent namespace"); !set) return set;
  return parent;
}

struct Made {
  Netns netns;
  rtnl::Socket rtnl;
};

/** The calling thread stays inside. */
Result<Made> make_namespace(const Options& options, const Netns& parent, size_t number) {
  const std::string where = "namespace " + std::to_string(number);
  if (Status entered = netns::enter(parent); !entered) return entered;
  UniqueFd netlink;
  auto netns = Netns::create_and_stay(netlink);
  if (!netns) return netns.take_status();
  auto socket = rtnl::Socket::adopt(std::move(netlink), where);
  if (!socket) return socket.take_status();
  if (Status sized = size_namespace(options, where); !sized) return sized;
  rtnl::Batch batch;
  rtnl::set_up(batch, rtnl::kLoopbackIndex);
  if (Status up = socket->execute(batch); !up) return up;
  return Made{std::move(*netns), std::move(*socket)};
}

Status join(Made& client, Made& server) {
  rtnl::Batch batch;
  rtnl::VethLink veth;
  veth.index = veth.peer_index = kVethIndex;
  veth.name = veth.peer_name = "pair";
  veth.mac = kClientMac;
  veth.peer_mac = kServerMac;
  veth.mtu = kMtu;
  veth.peer_netns_fd = server.netns.fd();
  rtnl::add_veth(batch, veth);
  rtnl::set_no_ipv6_address(batch, kVethIndex);
  rtnl::add_address(batch, kVethIndex, kClientAddress, kPairPrefix);
  rtnl::set_up(batch, kVethIndex);
  if (Status made = client.rtnl.execute(batch); !made) return made;
  rtnl::set_no_ipv6_address(batch, kVethIndex);
  rtnl::add_address(batch, kVethIndex, kServerAddress, kPairPrefix);
  rtnl::set_up(batch, kVethIndex);
  return server.rtnl.execute(batch);
}

}  // namespace

Result<Ground> make_ground(const Options& options) {
  const netns::Visit visit;
  Ground ground;
  const bool pairs = options.layout == Layout::kPairs;
  auto parent = make_parent(options);
  if (!parent) return parent.take_status();
  for (uint32_t place = 0; place < places_of(options); ++place) {
    const size_t first = ground.namespaces.size();
    auto client = make_namespace(options, *parent, first);
    if (!client) return client.take_status();
    if (!pairs) {
      ground.places.push_back({first, first, {htonl(INADDR_LOOPBACK)}});
      ground.namespaces.push_back(std::move(client->netns));
      continue;
    }
    auto server = make_namespace(options, *parent, first + 1);
    if (!server) return server.take_status();
    if (Status joined = join(*client, *server); !joined) return joined;
    ground.places.push_back({first, first + 1, kServerAddress});
    ground.namespaces.push_back(std::move(client->netns));
    ground.namespaces.push_back(std::move(server->netns));
  }
  return ground;
}

}  // namespace nslab::connections
