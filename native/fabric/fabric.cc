// A fabric's life after building: news, changes to single nodes, and its end.
#include "fabric/fabric.h"

#include <linux/if_link.h>

#include <algorithm>
#include <utility>

#include "rtnl/link.h"
#include "rtnl/neighbour.h"

namespace nslab::fabric {
namespace {

/** What the kernel may take to remove a node that is made again. */
constexpr int64_t kRemoveNs = 20'000'000'000;

Status canceled(const char* operation) { return Status::failed(ECANCELED, operation, "fabric"); }

}  // namespace

Fabric::Fabric(std::weak_ptr<const netns::Netns> root, Spec spec, Options options,
               std::shared_ptr<netns::SwitchLog> log)
    : root_(std::move(root)),
      spec_(std::move(spec)),
      options_(std::move(options)),
      log_(std::move(log)),
      meter_(options_.fail_call, options_.fail_errno),
      nodes_(spec_.nodes.size()) {}

Fabric::~Fabric() { abandon(); }

void Fabric::cancel() {
  cancelled_ = true;
  ring();
}

std::shared_ptr<const netns::Netns> Fabric::netns(uint32_t node) const {
  const std::lock_guard lock(nodes_mutex_);
  return node < nodes_.size() && nodes_[node].complete ? nodes_[node].netns : nullptr;
}

void Fabric::report_changes() {
  Watch::Changes changes = watch_->take_changes();
  std::vector<std::pair<uint32_t, const char*>> lost;
  {
    const std::lock_guard lock(nodes_mutex_);
    // One that was dropped meanwhile is not complete, whatever was on its way.
    const auto dropped = [this](uint32_t node) { return nodes_[node].netns == nullptr; };
    for (const uint32_t node : changes.ready) ready_count_ += !std::exchange(nodes_[node].was_ready, true);
    std::erase_if(changes.ready, dropped);
    for (const uint32_t node : changes.ready) nodes_[node].complete = true;
    for (const auto& [node, reason] : changes.lost) {
      if (nodes_[node].complete && !nodes_[node].expected_gone) lost.emplace_back(node, reason);
      nodes_[node].complete = false;
    }
  }
  if (!built_ && !changes.ready.empty() && options_.on_ready) options_.on_ready(std::move(changes.ready));
  for (const auto& [node, reason] : lost)
    if (options_.on_lost) options_.on_lost(node, reason);
}

void Fabric::handle_news() {
  if (!watch_) return;
  Status news = watch_->drain();
  if (!news.ok()) {
    // Blind from here on: every waiting operation is told, and the deadlines of later ones tell theirs.
    for (Waiter& waiter : std::exchange(waiters_, {})) waiter.done(Status(Error(news.error())));
    return;
  }
  report_changes();
  finish_waiters();
}

void Fabric::finish_waiters() {
  // A continuation may add waiters: take out first, then call.
  std::vector<Waiter> finished;
  std::erase_if(waiters_, [&](Waiter& waiter) {
    const bool met = waiter.what == Waiter::For::ready ? watch_->ready(waiter.node) : watch_->gone(waiter.node);
    if (met) finished.push_back(std::move(waiter));
    return met;
  });
  for (Waiter& waiter : finished) waiter.done({});
}

std::optional<int64_t> Fabric::handle_deadlines() {
  std::vector<Waiter> late;
  const int64_t now = now_ns();
  std::erase_if(waiters_, [&](Waiter& waiter) {
    if (waiter.deadline_ns > now) return false;
    late.push_back(std::move(waiter));
    return true;
  });
  for (Waiter& waiter : late)
    waiter.done(Status::failed(ETIMEDOUT, waiter.what == Waiter::For::ready ? "carrier" : "remove",
                               "node " + std::to_string(spec_.nodes[waiter.node].node_id),
                               waiter.what == Waiter::For::ready
                                   ? "none in " + std::to_string(options_.carrier_wait_ns / 1'000'000) + " ms"
                                   : std::string()));
  std::optional<int64_t> next;
  for (const Waiter& waiter : waiters_) next = std::min(next.value_or(waiter.deadline_ns), waiter.deadline_ns);
  return next;
}

bool Fabric::busy(uint32_t node) const {
  return std::ranges::any_of(waiters_, [&](const Waiter& waiter) { return waiter.node == node; });
}

void Fabric::drop_node(uint32_t node) {
  const std::lock_guard lock(nodes_mutex_);
  nodes_[node] = Node{nullptr, false, true};
}

void Fabric::remove_node(uint32_t node, int64_t deadline_ns, Done done) {
  if (!built_) return done(canceled("remove"));
  if (busy(node)) return done(Status::failed(EBUSY, "remove", "node " + std::to_string(spec_.nodes[node].node_id)));
  drop_node(node);
  waiters_.push_back({node, Waiter::For::gone, deadline_ns, std::move(done)});
  finish_waiters();
}

void Fabric::rebuild_node(uint32_t node, Done done) {
  const auto rebuild = [this, node, done](Status gone) {
    if (!gone.ok()) return done(std::move(gone));
    Status started = start_rebuild(node);
    if (started.ok()) {
      waiters_.push_back({node, Waiter::For::ready, now_ns() + options_.carrier_wait_ns, done});
      return finish_waiters();
    }
    // Undone before the failure is told, like a whole build.
    drop_node(node);
    auto failure = std::make_shared<Error>(started.take_error());
    waiters_.push_back(
        {node, Waiter::For::gone, now_ns() + kRemoveNs, [done, failure](Status) { done(Status(*failure)); }});
    finish_waiters();
  };
  remove_node(node, now_ns() + kRemoveNs, rebuild);
}

Status Fabric::start_rebuild(uint32_t node) {
  const netns::Visit visit;
  auto made = make_netns();
  if (!made) return made.take_status();
  if (Status linked = link_node(node, std::move(*made)); !linked) return linked;
  if (Status news = watch_->drain(); !news) return news;
  report_changes();
  return {};
}

rtnl::Mac Fabric::mac_for(uint32_t node, in_addr address) const {
  const NodeSpec& own = spec_.nodes[node];
  return address.s_addr == own.gateway.s_addr ? spec_.bridges[own.bridge].mac : node_mac(address);
}

Status Fabric::add_neighbours(uint32_t node, const std::vector<in_addr>& addresses) {
  const std::string where = "node " + std::to_string(spec_.nodes[node].node_id);
  const auto inside = netns(node);
  if (!inside) return Status::failed(ENONET, "add neighbours", where, "the node is not complete");
  const netns::Visit visit;
  if (Status entered = netns::enter(*inside); !entered) return entered;
  auto socket = rtnl::Socket::open(where);
  if (!socket) return socket.take_status();
  rtnl::Batch batch;
  for (const in_addr address : addresses) rtnl::set_neighbour(batch, kNodeIndex, address, mac_for(node, address));
  return socket->execute(batch);
}

void Fabric::release() {
  const std::lock_guard lock(nodes_mutex_);
  for (Node& node : nodes_) node = Node{nullptr, false, true};
}

void Fabric::delete_bridges() {
  if (!root_socket_ || !watch_) return;
  rtnl::Batch batch;
  for (const uint32_t bridge : watch_->remaining_bridges()) rtnl::delete_link(batch, bridge_index(bridge));
  // One that vanished meanwhile is as good; the watch tells what is left.
  [[maybe_unused]] const Status deleted = root_socket_->execute(batch);
}

bool Fabric::await_gone(int64_t deadline_ns) {
  if (!watch_) return true;
  // What a failed call left unread is read now, so that all bridges made are known.
  if (!watch_->drain().ok()) return false;
  delete_bridges();
  for (;;) {
    if (!watch_->drain().ok()) return false;
    report_changes();
    if (watch_->all_gone()) return true;
    if (now_ns() >= deadline_ns || !wait(deadline_ns).ok()) return false;
  }
}

void Fabric::close_sockets() {
  watch_.reset();
  root_socket_.reset();
  ready_count_ = 0;
  built_ = false;
  const std::lock_guard lock(wake_mutex_);
  wake_.reset();
}

Result<TeardownTimings> Fabric::teardown(int64_t deadline_ns) {
  TeardownTimings timings;
  timings.started_ns = now_ns();
  for (Waiter& waiter : std::exchange(waiters_, {})) waiter.done(canceled("operation"));
  release();
  timings.released_ns = now_ns();
  const bool gone = await_gone(deadline_ns);
  timings.gone_ns = now_ns();
  if (!gone && watch_) {
    for (const uint32_t bridge : watch_->remaining_bridges())
      timings.remaining.push_back({spec_.bridges[bridge].name, std::nullopt, true, false});
    for (const uint32_t node : watch_->remaining_nodes())
      timings.remaining.push_back(
          {spec_.nodes[node].host_interface, node, watch_->has_link(node), watch_->has_netns(node)});
  }
  // What remains is watched on: another teardown may wait for it again.
  if (gone) close_sockets();
  cancelled_ = false;
  return timings;
}

void Fabric::abandon() {
  for (Waiter& waiter : std::exchange(waiters_, {})) waiter.done(canceled("operation"));
  release();
  if (watch_) [[maybe_unused]]
    const Status drained = watch_->drain();
  delete_bridges();
  close_sockets();
}

}  // namespace nslab::fabric
