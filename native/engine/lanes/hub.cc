#include "engine/lanes/hub.h"

#include <algorithm>
#include <iterator>
#include <utility>

#include "engine/lanes/lane.h"
#include "engine/lanes/limits.h"

namespace nslab::engine::lanes {
namespace {

template <typename T>
void move_to(std::vector<T>& to, std::vector<T>& from) {
  std::move(from.begin(), from.end(), std::back_inserter(to));
}

void add(Account& to, const Account& from) {
  to.in_packets += from.in_packets;
  to.in_bytes += from.in_bytes;
  to.out_packets += from.out_packets;
  to.out_bytes += from.out_bytes;
  to.made_packets += from.made_packets;
  to.held_packets += from.held_packets;
  for (size_t i = 0; i < kDropReasons; i++) to.dropped[i] += from.dropped[i];
}

void add(Counts& to, Counts& from) {
  to.links.merge(from.links);
  to.streams.merge(from.streams);
  // What crosses is held: more came in there than here, or the other way round; the sum is right.
  for (const auto& [node, account] : from.nodes) add(to.nodes[node], account);
  move_to(to.sources, from.sources);
  move_to(to.sinks, from.sinks);
  move_to(to.senders, from.senders);
  move_to(to.receivers, from.receivers);
  move_to(to.app_flows, from.app_flows);
  for (const auto& [node, excess] : from.app_excess) {
    to.app_excess[node].packets += excess.packets;
    to.app_excess[node].bytes += excess.bytes;
  }
  to.blocks += from.blocks;
  to.blocks_free += from.blocks_free;
}

/** Whichever lane answered first. */
void in_order(Counts& counts) {
  const auto before = [](const auto& one, const auto& other) {
    return std::pair(one.node, one.flow) < std::pair(other.node, other.flow);
  };
  std::ranges::sort(counts.sources, before);
  std::ranges::sort(counts.sinks, before);
  std::ranges::sort(counts.senders, before);
  std::ranges::sort(counts.receivers, before);
}

}  // namespace

Hub::Hub(const Options& wanted, PacketEngine::Tell tell) : options(wanted), tell_(std::move(tell)) {
  const uint32_t pairs = options.lanes * options.lanes;
  for (uint32_t i = 0; i < pairs; i++) channels_.push_back(std::make_unique<Channel>(options.channel_capacity));
}

// What is still on its way lies in blocks of the lanes.
Hub::~Hub() { channels_.clear(); }

void Hub::tell_links(PacketEngine::OnLinks on_links) {
  const std::lock_guard lock(links_mutex_);
  on_links_ = std::move(on_links);
}

void Hub::tell_streams(PacketEngine::OnStreams on_streams) {
  const std::lock_guard lock(links_mutex_);
  on_streams_ = std::move(on_streams);
}

void Hub::deliver(Outbox&& more) {
  if (!more.links.empty()) {
    const std::lock_guard lock(links_mutex_);
    if (on_links_) on_links_(std::exchange(more.links, {}));
  }
  if (!more.streams.empty()) {
    const std::lock_guard lock(links_mutex_);
    if (on_streams_) on_streams_(std::exchange(more.streams, {}));
  }
  if (more.links.empty() && more.finished.empty() && more.missed.empty() && more.replies.empty()) return;
  bool first;
  {
    const std::lock_guard lock(mutex_);
    for (const FrameArrived& frame : more.links.frames)
      if (outbox_.links.frames.size() < kPendingTokensMax) outbox_.links.frames.push_back(frame);
    move_to(outbox_.links.lost, more.links.lost);
    move_to(outbox_.links.unsent, more.links.unsent);
    move_to(outbox_.finished, more.finished);
    move_to(outbox_.missed, more.missed);
    move_to(outbox_.replies, more.replies);
    first = !std::exchange(told_, true);
  }
  if (first) tell_();
}

void Hub::answer(const std::shared_ptr<Pending>& pending, Status status, Counts* counts) {
  if (!pending) return;
  Outbox outbox;
  {
    const std::lock_guard lock(mutex_);
    if (!status.ok() && pending->status.ok()) pending->status = std::move(status);
    if (counts) {
      if (!pending->counts) pending->counts = std::make_unique<Counts>();
      add(*pending->counts, *counts);
    }
    if (--pending->left > 0) return;
    if (pending->counts) in_order(*pending->counts);
    outbox.replies.push_back({pending->reply, std::move(pending->status), std::move(pending->counts)});
  }
  deliver(std::move(outbox));
}

Outbox Hub::collect() {
  const std::lock_guard lock(mutex_);
  told_ = false;
  return std::exchange(outbox_, {});
}

}  // namespace nslab::engine::lanes
