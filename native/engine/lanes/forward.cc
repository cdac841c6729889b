// Where packets go: to links, to other lanes, and to the node's own ends.
#include <algorithm>
#include <cstring>
#include <utility>

#include "engine/lanes/lane.h"
#include "engine/lanes/limits.h"

namespace nslab::engine::lanes {
namespace {

/** Source, destination and flow, and flags and tree: what a way depends on, and not the hops between. */
void key_of(const uint8_t* frame, std::array<uint8_t, 16>& key) {
  std::memcpy(key.data(), frame + 8, 12);
  std::memcpy(key.data() + 12, frame + 20, 4);
  // Without the hops that it has left.
  key[12] &= 0xc0;
  key[13] = 0;
}

}  // namespace

const Lane::Memo& Lane::resolve(NodePart& part, const uint8_t* frame, const PacketHeader& header) {
  std::array<uint8_t, 16> key;
  key_of(frame, key);
  if (memo_.part == &part && memo_.key == key) return memo_;
  memo_.part = &part;
  memo_.key = key;
  memo_.ways.clear();
  memo_.lost_ways = 0;
  Hops hops;
  memo_.drop = part.routes.resolve(header, hops);
  memo_.local = memo_.drop == Drop::none && hops.local;
  if (memo_.drop != Drop::none) return memo_;
  if (const uint32_t hop = stream_hop(part, header); hop != 0) {
    Way* way = stream_to(part, header, hop);
    if (way) memo_.ways.push_back(way);
    else memo_.lost_ways++;
    // Another may have ended to make room.
    memo_.part = &part;
    return memo_;
  }
  for (const uint32_t hop : hops.next) {
    if (hop == part.id) memo_.local = true;
    else if (Way* way = part.way_to(hop)) memo_.ways.push_back(way);
    else memo_.lost_ways++;
  }
  return memo_;
}

bool Lane::forward(NodePart& part, const Slice& slice, const PacketHeader& header, bool is_origin, Input& from) {
  Account& account = part.account;
  const bool came = from.kind != InputKind::channel;
  const auto count_in = [&] {
    if (!came) return;
    account.in_packets++;
    account.in_bytes += slice.packet_bytes();
  };
  const auto drop = [&](Drop reason) {
    count_in();
    count_drop(account, reason);
    return true;
  };
  const auto crossing = [&](Errand what, uint32_t peer) {
    slice.block->holders.fetch_add(1, std::memory_order_relaxed);
    return Crossing{PacketRef(slice.block, slice.offset, slice.size), part.id, part.epoch, peer, what, is_origin};
  };
  const bool waits =
      came && (hub_.options.backpressure || from.kind == InputKind::source || from.kind == InputKind::transfer);
  uint32_t home = index_;
  if (part.processors > 1) home = hub_.lane_of(part.id, part.processors, header.flow);
  const bool goes_home = came && home != index_ && !hub_.options.concurrent;
  const auto go_home = [&] {
    count_in();
    cross(part, home, crossing(Errand::route, 0));
    return true;
  };
  // Who lets packets wait looks ahead, for the lane that will route it: only what comes in can be held back.
  if (goes_home && !waits) return go_home();
  const Memo& memo = resolve(part, slice.frame(), header);
  if (memo.drop == Drop::no_route) note_miss(part, header);
  if (memo.drop != Drop::none) return drop(memo.drop);

  const bool spent = !is_origin && header.hops_left == 0;
  const uint32_t end_lane = part.processors > 1 ? transfer_lane(part, slice).value_or(home) : home;
  const uint32_t sink_lane = memo.local ? end_lane : index_;
  if (waits) {
    // All or nothing: a packet that went one way must not be taken up again for the other.
    if (!spent)
      for (Way* way : memo.ways) {
        if (way->link) {
          const bool room = has_room(*way->link);
          // Looking for it may have lost a link, be it the one that this came from.
          if (memo_.part != &part) {
            if (from.kind == InputKind::link && !static_cast<Link&>(from).part) return drop(Drop::ended);
            return forward(part, slice, header, is_origin, from);
          }
          if (room) continue;
          // A paced flow keeps its pace: what finds no room is lost, unless links hold back here.
          const bool keeps_pace = from.kind == InputKind::source && !static_cast<Source&>(from).flow.unpaced();
          if (!hub_.options.backpressure && keeps_pace) continue;
          wait_for(*way->link, from);
          return false;
        }
        if (!hub_.options.backpressure) continue;
        if (!may_cross(way->outside->lane, from)) return false;
        if (!way->outside->is_full.load()) continue;
        way->outside->waiting.fetch_or(uint64_t{1} << index_);
        if (!way->outside->is_full.load()) continue;
        from.waiting = true;
        far_waiters_.push_back(&from);
        return false;
      }
    if ((goes_home || sink_lane != index_) && !may_cross(goes_home ? home : sink_lane, from)) return false;
    if (goes_home) return go_home();
  }

  count_in();
  const uint32_t copies = static_cast<uint32_t>(memo.ways.size()) + memo.lost_ways + (memo.local ? 1 : 0);
  if (copies == 0) {
    count_drop(account, Drop::no_route);
    return true;
  }
  account.made_packets += copies - 1;
  count_drop(account, Drop::no_link, memo.lost_ways);
  if (memo.local) {
    if (sink_lane != index_) {
      cross(part, sink_lane, crossing(Errand::deliver, 0));
    } else {
      deliver(part, slice);
    }
  }
  if (memo.ways.empty()) return true;
  if (spent) {
    count_drop(account, Drop::hops_exceeded, memo.ways.size());
    return true;
  }
  // Its own until here: before it is shared.
  if (!is_origin) take_hop(slice.frame());
  // By index: a link that breaks takes its way out, and the memo with it.
  const std::vector<Way*>& ways = memo.ways;
  for (size_t i = 0; i < ways.size(); i++) {
    if (memo_.part != &part) {
      count_drop(account, Drop::no_link, ways.size() - i);
      break;
    }
    Way& way = *ways[i];
    if (!way.link) {
      cross(part, way.outside->lane, crossing(Errand::send, way.peer));
      continue;
    }
    account.out_packets++;
    account.out_bytes += slice.packet_bytes();
    offer(*way.link, slice, header.flow, !came && hub_.options.backpressure);
  }
  return true;
}

void Lane::note_miss(const NodePart& part, const PacketHeader& header) {
  misses_++;
  if (now_ns_ < miss_due_ns_) return;
  miss_due_ns_ = now_ns_ + kMissGapNs;
  const bool is_group = (header.flags & kFlagGroup) != 0;
  outbox_.missed.push_back({part.id, header.source, header.destination, is_group, std::exchange(misses_, 0)});
}

bool Lane::may_cross(uint32_t lane, Input& from) {
  if (!hub_.options.backpressure) return true;
  Channel& channel = hub_.channel(index_, lane);
  const auto free = [&] { return channel.has_room() && (channel.empty() || !is_scarce()); };
  if (free()) return true;
  channel.awaited.store(true);
  if (free()) return true;
  // It may have slept since it was last given something.
  given_ |= uint64_t{1} << lane;
  from.waiting = true;
  far_waiters_.push_back(&from);
  return false;
}

void Lane::cross(NodePart& part, uint32_t lane, Crossing&& crossing) {
  Channel& channel = hub_.channel(index_, lane);
  const bool held_back = !hub_.options.backpressure && !channel.empty() && is_scarce();
  if (held_back || !channel.push(std::move(crossing), hub_.options.backpressure)) {
    count_drop(part.account, Drop::lane_full);
    return;
  }
  part.crossed_out++;
  if (channel.has_spilled()) {
    channel.awaited.store(true);
    (void)channel.refill();
  }
  given_ |= uint64_t{1} << lane;
}

void Lane::serve(ChannelEnd& end) {
  for (size_t i = 0; i < kCrossBatch; i++) {
    Crossing crossing;
    if (!end.channel->pop(crossing)) break;
    take(end, crossing);
  }
  if (end.channel->awaited.exchange(false)) hub_.lanes[end.from]->tell_room();
  if (!end.channel->empty()) make_ready(end);
}

void Lane::take(ChannelEnd& end, Crossing& crossing) {
  // A node that was removed keeps no account.
  NodePart* part = part_of(crossing.node);
  if (!part) return;
  Slice slice{crossing.packet.block(), 0, crossing.packet.size()};
  slice.offset = static_cast<uint32_t>(crossing.packet.data() - slice.block->bytes());
  PacketHeader header;
  (void)decode_header(slice.frame(), header);
  Account& account = part->account;
  const auto done = [&](Drop reason) {
    part->crossed_in++;
    if (reason != Drop::none) {
      count_drop(account, reason);
    } else {
      account.out_packets++;
      account.out_bytes += slice.packet_bytes();
    }
  };
  switch (crossing.errand) {
    case Errand::route:
      part->crossed_in++;
      return (void)forward(*part, slice, header, crossing.is_origin, end);
    case Errand::deliver:
      part->crossed_in++;
      return deliver(*part, slice);
    case Errand::send:
      break;
  }
  if (crossing.epoch < part->epoch) {
    Hops hops;
    const bool still = part->routes.resolve(header, hops) == Drop::none &&
                       std::ranges::find(hops.next, crossing.peer) != hops.next.end();
    if (!still) return done(Drop::withdrawn);
  }
  Way* way = part->way_to(crossing.peer);
  if (!way || !way->link) return done(Drop::no_link);
  offer(*way->link, slice, header.flow, hub_.options.backpressure);
  return done(Drop::none);
}

}  // namespace nslab::engine::lanes
