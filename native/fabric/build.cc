// Building a fabric: root, bridges, then node after node while the kernel raises the carriers of those before.
#include <poll.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

#include "fabric/fabric.h"
#include "netns/setting.h"
#include "rtnl/address.h"
#include "rtnl/link.h"
#include "rtnl/neighbour.h"
#include "rtnl/route.h"

namespace nslab::fabric {
namespace {

/** Undoing waits for the kernel's word at most so long. */
constexpr int64_t kUndoNs = 20'000'000'000;
/** Neighbour entries in one sendmsg: 44 bytes each, far below the smallest default send buffer. */
constexpr size_t kNeighboursPerBatch = 1000;
/** The kernel's news is read, and nodes that are complete are told of, once for so many nodes made: whoever is told is
 * woken, and does sixteen nodes at once with far less work than one at a time. */
constexpr uint32_t kNodesPerReport = 16;

}  // namespace

int64_t now_ns() {
  timespec now{};
  ::clock_gettime(CLOCK_MONOTONIC, &now);
  return now.tv_sec * 1'000'000'000LL + now.tv_nsec;
}

Result<BuildTimings> Fabric::build() {
  if (built_) return Status::failed(EALREADY, "build", "fabric", "it was built already");
  BuildTimings timings;
  timings.started_ns = now_ns();
  Status status = check(spec_);
  {
    const sys::Metered metered(&meter_);
    const netns::Visit visit;
    if (status.ok()) status = build_all(timings);
  }
  if (status.ok()) {
    built_ = true;
    timings.ended_ns = now_ns();
    timings.kernel_calls = meter_.calls();
    return timings;
  }
  release();
  if (!await_gone(now_ns() + kUndoNs))
    status = Status::failed(status.error().number, status.error().operation, status.error().where,
                            status.error().reason + "; and what was made could not be undone in time");
  close_sockets();
  cancelled_ = false;
  return status;
}

Status Fabric::build_all(BuildTimings& timings) {
  int64_t phase = timings.started_ns;
  const auto end_phase = [&](const char* name) {
    const int64_t now = now_ns();
    timings.phases_ns[name] = now - std::exchange(phase, now);
  };
  if (Status root = prepare_root(); !root) return root;
  end_phase("root");
  if (Status nodes = make_nodes(timings); !nodes) return nodes;
  end_phase("nodes");
  Status ready = await_ready();
  end_phase("carrier");
  return ready;
}

Status Fabric::prepare_root() {
  if (Status wake = open_wake(); !wake) return wake;
  const auto root = root_.lock();
  if (!root) return Status::failed(EBADF, "build", "fabric", "its root namespace was closed");
  if (Status entered = netns::enter(*root); !entered) return entered;
  auto watch = Watch::open(spec_.bridges.size(), spec_.nodes.size(), options_.watch_bytes);
  if (!watch) return watch.take_status();
  watch_ = std::move(*watch);
  auto socket = rtnl::Socket::open("fabric root");
  if (!socket) return socket.take_status();
  root_socket_ = std::move(*socket);
  if (Status settings = write_root_settings(); !settings) return settings;
  return make_bridges();
}

Status Fabric::write_root_settings() {
  auto ipv6 = netns::has_ipv6("fabric root");
  if (!ipv6) return ipv6.take_status();
  has_ipv6_ = *ipv6;
  // Before any link exists: later, each of these walks all links.
  for (const char* path : {"/proc/sys/net/ipv6/conf/all/disable_ipv6", "/proc/sys/net/ipv6/conf/default/disable_ipv6"})
    if (Status written = netns::write_setting(path, "1", true, "fabric root"); !written) return written;
  // Where a machine's firewall has br_netfilter loaded, each frame between two ports would go through the root's
  // (empty) iptables as well. The file is there only then.
  const char* filter = "/proc/sys/net/bridge/bridge-nf-call-iptables";
  if (Status written = netns::write_setting(filter, "0", true, "fabric root"); !written) return written;
  return netns::forward_ipv4("fabric root");
}

Status Fabric::make_bridges() {
  rtnl::Batch batch;
  rtnl::set_up(batch, rtnl::kLoopbackIndex);
  for (uint32_t index = 0; index < spec_.bridges.size(); ++index) {
    const BridgeSpec& bridge = spec_.bridges[index];
    rtnl::add_bridge(batch, {bridge_index(index), bridge.name, bridge.mac, spec_.mtu});
    rtnl::add_address(batch, bridge_index(index), bridge.address, bridge.prefix_length);
    rtnl::set_up(batch, bridge_index(index));
    if (bridge.proxy_arp) rtnl::set_proxy_arp(batch, bridge_index(index));
  }
  return root_socket_->execute(batch);
}

Status Fabric::make_nodes(BuildTimings& timings) {
  Maker maker(spec_.nodes.size(), options_.threads > 1, &meter_, log_);
  int64_t& waited = timings.phases_ns["netns_wait"];
  for (uint32_t node = 0; node < spec_.nodes.size(); ++node) {
    if (cancelled_) return Status::failed(ECANCELED, "build", "fabric");
    const int64_t before = now_ns();
    auto made = maker.take();
    waited += now_ns() - before;
    if (!made) return made.take_status();
    if (Status linked = link_node(node, std::move(*made)); !linked) return linked;
    if ((node + 1) % kNodesPerReport != 0) continue;
    if (Status news = watch_->drain(); !news) return news;
    report_changes();
  }
  return {};
}

Status Fabric::link_node(uint32_t index, MadeNetns made) {
  const NodeSpec& node = spec_.nodes[index];
  rtnl::Batch batch;
  rtnl::VethLink veth;
  veth.index = host_index(index);
  veth.name = node.host_interface;
  veth.mac = host_mac(node.address);
  veth.bridge = bridge_index(node.bridge);
  veth.mtu = spec_.mtu;
  veth.peer_index = kNodeIndex;
  veth.peer_name = node.node_interface;
  veth.peer_mac = node.mac;
  veth.peer_netns_fd = made.netns->fd();
  rtnl::add_veth(batch, veth);
  rtnl::set_up(batch, veth.index);
  rtnl::set_neighbour(batch, veth.bridge, node.address, node.mac);
  {
    const std::lock_guard lock(nodes_mutex_);
    nodes_[index] = Node{std::move(made.netns), false, false};
  }
  if (Status linked = root_socket_->execute(batch); !linked) return linked;
  return configure_node(index, std::move(made.netlink));
}

Status Fabric::configure_node(uint32_t index, UniqueFd netlink) {
  const NodeSpec& node = spec_.nodes[index];
  auto socket = rtnl::Socket::adopt(std::move(netlink), "node " + std::to_string(node.node_id));
  if (!socket) return socket.take_status();
  rtnl::Batch batch;
  rtnl::set_up(batch, rtnl::kLoopbackIndex);
  if (has_ipv6_) rtnl::set_no_ipv6_address(batch, kNodeIndex);
  rtnl::add_address(batch, kNodeIndex, node.address, node.prefix_length);
  // The second end to go up: the carrier comes now, and the queue of this end is active at once.
  rtnl::set_up(batch, kNodeIndex);
  rtnl::add_default_route(batch, kNodeIndex, node.gateway);
  rtnl::set_neighbour(batch, kNodeIndex, node.gateway, spec_.bridges[node.bridge].mac);
  for (const uint32_t neighbour : spec_.neighbours[index]) {
    const NodeSpec& other = spec_.nodes[neighbour];
    rtnl::set_neighbour(batch, kNodeIndex, other.address, other.mac);
    if (batch.size() < kNeighboursPerBatch) continue;
    if (Status sent = socket->execute(batch); !sent) return sent;
  }
  return socket->execute(batch);
}

Status Fabric::await_ready() {
  int64_t deadline = now_ns() + options_.carrier_wait_ns;
  while (ready_count_ < spec_.nodes.size()) {
    const size_t before = ready_count_;
    if (cancelled_) return Status::failed(ECANCELED, "build", "fabric");
    if (now_ns() >= deadline)
      return Status::failed(ETIMEDOUT, "carrier", "fabric root",
                            std::to_string(spec_.nodes.size() - ready_count_) +
                                " nodes did not become ready, and none in " +
                                std::to_string(options_.carrier_wait_ns / 1'000'000) + " ms");
    if (Status waited = wait(deadline); !waited) return waited;
    if (Status news = watch_->drain(); !news) return news;
    report_changes();
    if (ready_count_ > before) deadline = now_ns() + options_.carrier_wait_ns;
  }
  return {};
}

Status Fabric::open_wake() {
  UniqueFd fd(sys::call([] { return ::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK); }));
  if (!fd) return Status::from_errno("eventfd", "fabric");
  const std::lock_guard lock(wake_mutex_);
  wake_ = std::move(fd);
  return {};
}

void Fabric::ring() {
  const uint64_t one = 1;
  const std::lock_guard lock(wake_mutex_);
  // A counter that is full wakes as well.
  if (wake_) [[maybe_unused]]
    const ssize_t written = ::write(wake_.get(), &one, sizeof one);
}

Status Fabric::wait(std::optional<int64_t> deadline_ns) {
  pollfd fds[] = {{watch_->fd(), POLLIN, 0}, {wake_.get(), POLLIN, 0}};
  int timeout_ms = -1;
  if (deadline_ns) timeout_ms = static_cast<int>(std::max<int64_t>(*deadline_ns - now_ns(), 0) / 1'000'000) + 1;
  // Not through sys::call: a retry after EINTR would begin the whole time again; callers loop anyway.
  if (const int injected = sys::count_call(); injected != 0) return Status::failed(injected, "poll", "fabric");
  if (::poll(fds, 2, timeout_ms) < 0 && errno != EINTR) return Status::from_errno("poll", "fabric");
  // Emptied, or the next wait would not wait.
  uint64_t count = 0;
  if ((fds[1].revents & POLLIN) != 0) [[maybe_unused]]
    const ssize_t got = ::read(wake_.get(), &count, sizeof count);
  return {};
}

}  // namespace nslab::fabric
