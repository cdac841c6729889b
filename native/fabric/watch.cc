// The kernel's news as state.
#include "fabric/watch.h"

#include <linux/if_bridge.h>
#include <net/if.h>

#include <unordered_set>
#include <utility>

#include "rtnl/link.h"
#include "rtnl/nsid.h"

#ifndef IFF_LOWER_UP
#define IFF_LOWER_UP 0x10000
#endif

namespace nslab::fabric {

Result<Watch> Watch::open(size_t bridges, size_t nodes, int room_bytes) {
  auto monitor = rtnl::Monitor::open("fabric root", room_bytes);
  if (!monitor) return monitor.take_status();
  auto socket = rtnl::Socket::open("fabric root");
  if (!socket) return socket.take_status();
  return Watch(std::move(*monitor), std::move(*socket), bridges, nodes);
}

Status Watch::drain() {
  auto lost = monitor_.drain([this](const rtnl::Message& message) { take(message); });
  if (!lost) return lost.take_status();
  return *lost ? read_again() : Status();
}

void Watch::take(const rtnl::Message& message) {
  if (const auto id = rtnl::read_removed_netns_id(message)) return forget_netns(*id);
  if (const auto news = rtnl::read_link(message)) take_link(*news);
}

void Watch::take_link(const rtnl::LinkNews& news) {
  if (const int bridge = news.index - kBridgeIndexBase; bridge >= 0 && std::cmp_less(bridge, bridges_.size())) {
    count(bridges_[bridge], !news.removed);
    bridges_[bridge] = !news.removed;
    return;
  }
  const int index = news.index - kHostIndexBase;
  if (index < 0 || !std::cmp_less(index, nodes_.size())) return;
  const auto node = static_cast<uint32_t>(index);
  NodeLink& link = nodes_[node];
  count(link.present, !news.removed);
  link.present = !news.removed;
  link.up = link.present && (news.flags & IFF_LOWER_UP) != 0 && (news.flags & IFF_UP) != 0;
  if (news.port_state) link.forwarding = *news.port_state == BR_STATE_FORWARDING;
  if (!link.present) link.forwarding = link.netns_gone = false;
  const bool is_new = link.present && !link.netns_id && !link.netns_gone;
  if (is_new && news.peer_netns_id && *news.peer_netns_id >= 0) learn_netns(node, *news.peer_netns_id);
  settle(node, link.present ? "link down" : "link removed");
}

void Watch::learn_netns(uint32_t node, int32_t id) {
  nodes_[node].netns_id = id;
  count(false, true);
  const auto [at, is_free] = node_by_netns_id_.try_emplace(id, node);
  if (is_free) return;
  removals_due_[id]++;
  end_netns(std::exchange(at->second, node));
}

void Watch::forget_netns(int32_t id) {
  if (const auto due = removals_due_.find(id); due != removals_due_.end()) {
    if (--due->second == 0) removals_due_.erase(due);
    return;
  }
  const auto found = node_by_netns_id_.find(id);
  if (found == node_by_netns_id_.end()) return;
  const uint32_t node = found->second;
  node_by_netns_id_.erase(found);
  end_netns(node);
}

void Watch::end_netns(uint32_t node) {
  nodes_[node].netns_id.reset();
  nodes_[node].netns_gone = nodes_[node].present;
  count(true, false);
  settle(node, "namespace removed");
}

void Watch::settle(uint32_t node, const char* reason) {
  NodeLink& link = nodes_[node];
  const bool ready = link.present && link.up && link.forwarding && link.netns_id;
  if (ready == link.ready) return;
  link.ready = ready;
  if (ready) changes_.ready.push_back(node);
  else changes_.lost.emplace_back(node, reason);
}

Status Watch::read_again() {
  std::unordered_set<int> links;
  rtnl::Batch request;
  rtnl::list_links(request);
  Status listed = socket_.dump(
      request,
      [&](const rtnl::Message& message) {
        const auto news = rtnl::read_link(message);
        if (!news) return;
        links.insert(news->index);
        take_link(*news);
      },
      [&] { links.clear(); });
  if (!listed) return listed;
  // All that was on its way has come, or is lost.
  removals_due_.clear();
  const auto remove_absent = [&](int index, bool present) {
    if (!present || links.contains(index)) return;
    rtnl::LinkNews news;
    news.index = index;
    news.removed = true;
    take_link(news);
  };
  for (uint32_t bridge = 0; bridge < bridges_.size(); ++bridge) remove_absent(bridge_index(bridge), bridges_[bridge]);
  for (uint32_t node = 0; node < nodes_.size(); ++node) {
    remove_absent(host_index(node), nodes_[node].present);
    if (!nodes_[node].netns_id) continue;
    auto known = rtnl::has_netns_id(socket_, *nodes_[node].netns_id);
    if (!known) return known.take_status();
    if (!*known) forget_netns(*nodes_[node].netns_id);
  }
  return {};
}

std::vector<uint32_t> Watch::remaining_nodes() const {
  std::vector<uint32_t> nodes;
  for (uint32_t node = 0; node < nodes_.size(); ++node)
    if (!gone(node)) nodes.push_back(node);
  return nodes;
}

std::vector<uint32_t> Watch::remaining_bridges() const {
  std::vector<uint32_t> bridges;
  for (uint32_t bridge = 0; bridge < bridges_.size(); ++bridge)
    if (bridges_[bridge]) bridges.push_back(bridge);
  return bridges;
}

}  // namespace nslab::fabric
