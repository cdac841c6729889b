// Uplinks: made whole, or not at all.
#include "uplink/uplink.h"

#include <linux/if_bridge.h>
#include <net/if.h>
#include <poll.h>
#include <time.h>

#include <functional>
#include <optional>

#include "netns/setting.h"
#include "rtnl/address.h"
#include "rtnl/monitor.h"
#include "rtnl/socket.h"

#ifndef IFF_LOWER_UP
#define IFF_LOWER_UP 0x10000
#endif

namespace nslab::uplink {
namespace {

constexpr const char* kRoot = "fabric root";
constexpr const char* kSegment = "segment";
/** A carrier comes within milliseconds; one that has not come for so long has nothing at its other end. */
constexpr int64_t kCarrierNs = 5'000'000'000;
/** Second byte of a bridge's and a port's MAC address, which no packet carries. */
constexpr uint8_t kBridgeMac = 0x72;
constexpr uint8_t kPortMac = 0x73;

int64_t now_ns() {
  timespec now{};
  ::clock_gettime(CLOCK_MONOTONIC, &now);
  return now.tv_sec * 1'000'000'000LL + now.tv_nsec;
}

/** A NETLINK_ROUTE socket in `target`, where the thread then is. */
Result<rtnl::Socket> socket_in(const netns::Netns& target, const char* where) {
  if (Status entered = netns::enter(target); !entered) return entered;
  return rtnl::Socket::open(where);
}

/** Index of a link by name; ENODEV where there is none. */
Result<int> find_link(rtnl::Socket& socket, const std::string& name, const char* where) {
  int index = 0;
  rtnl::Batch request;
  rtnl::list_links(request);
  Status listed = socket.dump(
      request,
      [&](const rtnl::Message& message) {
        const auto news = rtnl::read_link(message);
        if (news && news->name == name) index = news->index;
      },
      [&] { index = 0; });
  if (!listed) return listed;
  if (index == 0) return Status::failed(ENODEV, "RTM_GETLINK " + name, where, "there is no such interface");
  return index;
}

/** Something that is undone at the end of its scope, unless it is kept. */
class Undo {
 public:
  explicit Undo(std::function<void()> undo) : undo_(std::move(undo)) {}
  ~Undo() {
    if (undo_) undo_();
  }
  Undo(const Undo&) = delete;
  Undo& operator=(const Undo&) = delete;
  void keep() { undo_ = nullptr; }

 private:
  std::function<void()> undo_;
};

Status make_pair(rtnl::Socket& segment, const netns::Netns& root, const Spec& spec) {
  auto bridge = find_link(segment, spec.bridge, kSegment);
  if (!bridge) return bridge.take_status();
  rtnl::VethLink veth;
  veth.name = spec.port;
  veth.mac = spec.mac;
  veth.mac[1] = kPortMac;
  veth.bridge = *bridge;
  veth.mtu = spec.mtu;
  veth.peer_name = spec.name;
  veth.peer_mac = spec.mac;
  veth.peer_netns_fd = root.fd();
  rtnl::Batch batch;
  rtnl::add_veth(batch, veth);
  return segment.execute(batch);
}

/** Whether the link is up and, of a bridge, forwards: what the kernel's news and a listing say so far. */
class Carrier {
 public:
  Carrier(int index, bool is_port) : index_(index), forwarding_(!is_port) {}
  void take(const rtnl::Message& message) {
    const auto news = rtnl::read_link(message);
    if (!news || news->index != index_) return;
    up_ = !news->removed && (news->flags & IFF_LOWER_UP) != 0;
    if (news->port_state) forwarding_ = *news->port_state == BR_STATE_FORWARDING;
  }
  [[nodiscard]] bool there() const { return up_ && forwarding_; }

 private:
  int index_;
  bool up_ = false;
  bool forwarding_;
};

/** Waits until `name` carries packets. The thread must be in its namespace. */
Status await_carrier(rtnl::Socket& socket, const std::string& name, bool is_port, const char* where) {
  // Before the listing, so that no change is missed.
  auto monitor = rtnl::Monitor::open(where);
  if (!monitor) return monitor.take_status();
  auto index = find_link(socket, name, where);
  if (!index) return index.take_status();
  Carrier carrier(*index, is_port);
  const auto take = [&](const rtnl::Message& message) { carrier.take(message); };
  bool listing = true;
  for (const int64_t deadline = now_ns() + kCarrierNs;;) {
    if (listing) {
      rtnl::Batch request;
      rtnl::list_links(request);
      if (Status listed = socket.dump(request, take, [] {}); !listed) return listed;
    }
    if (carrier.there()) return {};
    const int64_t left_ms = (deadline - now_ns()) / 1'000'000;
    if (left_ms <= 0) return Status::failed(ETIMEDOUT, "carrier of " + name, where, "nothing answers at its other end");
    pollfd news{monitor->fd(), POLLIN, 0};
    if (::poll(&news, 1, static_cast<int>(left_ms)) < 0 && errno != EINTR) return Status::from_errno("poll", where);
    auto lost = monitor->drain(take);
    if (!lost) return lost.take_status();
    listing = *lost;
  }
}

/** Everything of the interface itself, once it is in the root, where the thread is. */
Status configure(rtnl::Socket& socket, int index, const Spec& spec) {
  auto ipv6 = netns::has_ipv6(kRoot);
  if (!ipv6) return ipv6.take_status();
  rtnl::Batch batch;
  if (*ipv6) rtnl::set_no_ipv6_address(batch, index);
  rtnl::set_address(batch, index, spec.mac, spec.mtu);
  rtnl::add_address(batch, index, spec.address, spec.prefix_length);
  rtnl::set_up(batch, rtnl::kLoopbackIndex);
  rtnl::set_up(batch, index);
  for (const Route& route : spec.routes) rtnl::set_route(batch, route.to, route.via);
  if (Status sent = socket.execute(batch); !sent) return sent;
  return netns::forward_ipv4(kRoot);
}

/** Configures the interface, which is in the root now, and waits for its carrier there. */
Status settle(rtnl::Socket& root_socket, const netns::Netns& root, const Spec& spec) {
  if (Status entered = netns::enter(root); !entered) return entered;
  auto index = find_link(root_socket, spec.name, kRoot);
  if (!index) return index.take_status();
  if (Status configured = configure(root_socket, *index, spec); !configured) return configured;
  return await_carrier(root_socket, spec.name, false, kRoot);
}

Status add_veth(const netns::Netns& root, const Spec& spec) {
  auto segment = socket_in(*spec.segment, kSegment);
  if (!segment) return segment.take_status();
  auto root_socket = socket_in(root, kRoot);
  if (!root_socket) return root_socket.take_status();
  if (Status made = make_pair(*segment, root, spec); !made) return made;
  Undo undo([&] {
    // Either end takes the other with it.
    rtnl::Batch removal;
    if (auto port = find_link(*segment, spec.port, kSegment)) rtnl::delete_link(removal, *port);
    (void)segment->execute(removal);
  });
  rtnl::Batch batch;
  rtnl::set_up(batch, spec.port);
  if (Status up = segment->execute(batch); !up) return up;
  if (Status settled = settle(*root_socket, root, spec); !settled) return settled;
  if (Status entered = netns::enter(*spec.segment); !entered) return entered;
  if (Status ready = await_carrier(*segment, spec.port, true, kSegment); !ready) return ready;
  undo.keep();
  return {};
}

Status add_moved(const netns::Netns& root, const Spec& spec) {
  constexpr const char* where = "this process' namespace";
  netns::come_back();
  auto base = netns::Netns::current();
  if (!base) return base.take_status();
  auto outside = rtnl::Socket::open(where);
  if (!outside) return outside.take_status();
  auto root_socket = socket_in(root, kRoot);
  if (!root_socket) return root_socket.take_status();
  auto index = find_link(*outside, spec.moved, where);
  if (!index) return index.take_status();
  rtnl::Batch batch;
  rtnl::move_link(batch, *index, root.fd(), spec.name);
  if (Status moved = outside->execute(batch); !moved) return moved;
  Undo undo([&] {
    auto moved = find_link(*root_socket, spec.name, kRoot);
    if (!moved) return;
    rtnl::move_link(batch, *moved, base->fd(), spec.moved);
    (void)root_socket->execute(batch);
  });
  if (Status settled = settle(*root_socket, root, spec); !settled) return settled;
  undo.keep();
  return {};
}

}  // namespace

Status add(const netns::Netns& root, const Spec& spec) {
  const netns::Visit visit;
  return spec.segment ? add_veth(root, spec) : add_moved(root, spec);
}

Status remove(const netns::Netns& root, const std::string& name) {
  const netns::Visit visit;
  auto socket = socket_in(root, kRoot);
  if (!socket) return socket.take_status();
  auto index = find_link(*socket, name, kRoot);
  if (!index) return index.error().number == ENODEV ? Status() : index.take_status();
  rtnl::Batch batch;
  rtnl::delete_link(batch, *index);
  return socket->execute(batch);
}

Status add_routes(const netns::Netns& root, const std::vector<Route>& routes) {
  const netns::Visit visit;
  auto socket = socket_in(root, kRoot);
  if (!socket) return socket.take_status();
  // One by one: after a refused one the kernel would go on with those behind it.
  for (const Route& route : routes) {
    rtnl::Batch batch;
    rtnl::set_route(batch, route.to, route.via);
    if (Status added = socket->execute(batch); !added) return added;
  }
  return {};
}

Status remove_routes(const netns::Netns& root, const std::vector<Route>& routes) {
  const netns::Visit visit;
  auto socket = socket_in(root, kRoot);
  if (!socket) return socket.take_status();
  for (const Route& route : routes) {
    rtnl::Batch batch;
    rtnl::delete_route(batch, route.to, route.via);
    if (Status removed = socket->execute(batch); !removed && removed.error().number != ESRCH) return removed;
  }
  return {};
}

Status add_bridge(const netns::Netns& segment, const std::string& name, uint32_t mtu) {
  const netns::Visit visit;
  auto socket = socket_in(segment, kSegment);
  if (!socket) return socket.take_status();
  rtnl::Batch batch;
  rtnl::add_bridge(batch, {0, name, {0x02, kBridgeMac, 0, 0, 0, 1}, mtu});
  if (Status made = socket->execute(batch); !made) return made;
  auto index = find_link(*socket, name, kSegment);
  if (!index) return index.take_status();
  auto ipv6 = netns::has_ipv6(kSegment);
  if (!ipv6) return ipv6.take_status();
  if (*ipv6) rtnl::set_no_ipv6_address(batch, *index);
  rtnl::set_up(batch, *index);
  return socket->execute(batch);
}

Status set_bridge_port(const netns::Netns& segment, const std::string& port, bool carries) {
  const netns::Visit visit;
  auto socket = socket_in(segment, kSegment);
  if (!socket) return socket.take_status();
  auto index = find_link(*socket, port, kSegment);
  if (!index) return index.take_status();
  rtnl::Batch batch;
  rtnl::set_port_state(batch, *index, carries ? BR_STATE_FORWARDING : BR_STATE_DISABLED);
  return socket->execute(batch);
}

}  // namespace nslab::uplink
