// Writing to links: what a turn brings for a link leaves in one write at the turn's end.
#include <sys/epoll.h>

#include <algorithm>
#include <cstring>
#include <utility>

#include "base/sys.h"
#include "engine/lanes/lane.h"
#include "engine/lanes/limits.h"

namespace nslab::engine::lanes {
namespace {

/** Nothing but a queue before the socket: no shaper is needed. */
bool is_plain(const LinkSetting& setting) {
  const bool exact = setting.loss_ratio == 0 && setting.duplicate_ratio == 0 && setting.corrupt_ratio == 0;
  return exact && setting.discipline == Discipline::fifo && setting.drop == DropStrategy::tail &&
         setting.rate_bytes_per_s == 0 && setting.delay_ns == 0 && setting.jitter_ns == 0 && setting.reorder_ratio == 0;
}

}  // namespace

void Lane::mark_dirty(Link& link) {
  if (std::exchange(link.dirty, true)) return;
  dirty_.push_back(&link);
}

bool Lane::has_room(Link& link) {
  const auto free = [&] {
    // What peers that don't read keep waiting must leave blocks to read with: such a peer may be of this very lane.
    if (link.out.has_parked() && parking_.is_low()) return false;
    return link.egress && !link.egress->transparent() ? !link.egress->full()
                                                      : link.out.packets() < link.setting.queue_packets;
  };
  if (free()) return true;
  if (!link.blocked) {
    flush(link);
    // Lost by it: whoever asks finds no link then.
    if (!link.part || free()) return true;
  }
  if (link.outside) link.outside->is_full.store(true);
  return false;
}

void Lane::offer(Link& link, const Slice& slice, uint32_t flow, bool was_let_in) {
  Account& account = link.count->sent;
  if (link.part->watched) capture(link, slice);
  if (link.egress && !link.egress->transparent()) {
    slice.block->holders.fetch_add(1, std::memory_order_relaxed);
    (void)link.egress->offer(PacketRef(slice.block, slice.offset, slice.size), flow, now_ns_);
    return mark_dirty(link);
  }
  account.in_packets++;
  account.in_bytes += slice.packet_bytes();
  if (!has_room(link) && !was_let_in) {
    count_drop(account, link.out.packets() < link.setting.queue_packets ? Drop::no_spare : Drop::queue_full);
    return;
  }
  if (!link.part) {
    count_drop(account, Drop::ended);
    return;
  }
  link.out.append(slice.block, slice.offset, slice.size);
  mark_dirty(link);
}

bool Lane::take_some(Link& link) {
  std::array<PacketRef, kTakeBatch> packets;
  const size_t taken = link.egress->take(packets.data(), packets.size(), now_ns_);
  for (size_t i = 0; i < taken; i++)
    link.out.append(packets[i].block(), static_cast<uint32_t>(packets[i].data() - packets[i].block()->bytes()),
                    packets[i].size());
  return taken > 0;
}

void Lane::flush(Link& link) {
  Account& account = link.count->sent;
  for (;;) {
    // As many as the socket may take: what it does not take would wait behind the shaper, and not within it.
    const bool taken = link.egress && !link.blocked && link.out.runs() < kTakeBatch && take_some(link);
    if (link.blocked) break;
    const OutQueue::Flushed flushed = link.datagrams ? flush_datagrams(link) : link.out.flush(link.fd->get(), account);
    if (flushed == OutQueue::Flushed::broken) {
      const char* name = ::strerrorname_np(errno);
      return lose(link, name ? name : "unknown errno");
    }
    link.blocked = flushed == OutQueue::Flushed::blocked;
    if (!taken || link.blocked) break;
  }
  // Of a node that spreads, blocks of other lanes: those can't free them from here.
  if (link.stream) {
    if (link.stream->withdrawn && link.out.empty()) return close(link);
    link.stream->used_ns = now_ns_;
  }
  if (link.blocked && link.outside) (void)link.out.park(parking_);
  if (link.egress && !link.blocked) {
    const int64_t next_ns = link.egress->next_ns();
    if (next_ns != kNever && next_ns != link.timer_ns) {
      link.timer_ns = next_ns;
      timers_.push({next_ns, true, link.index, link.generation});
    }
  }
  const bool shaped = link.egress && !link.egress->transparent();
  const bool roomy = shaped ? !link.egress->full() : link.out.packets() <= link.setting.queue_packets / 2;
  if (roomy) wake_waiters(link);
}

void Lane::wake_waiters(Link& link) {
  for (Input* input : std::exchange(link.waiters, {})) {
    input->waiting = false;
    make_ready(*input);
  }
  if (!link.outside) return;
  link.outside->is_full.store(false);
  for (uint64_t waiting = link.outside->waiting.exchange(0); waiting != 0; waiting &= waiting - 1)
    hub_.lanes[static_cast<size_t>(__builtin_ctzll(waiting))]->tell_room();
}

void Lane::wait_for(Link& link, Input& from) {
  from.waiting = true;
  link.waiters.push_back(&from);
}

void Lane::lose(Link& link, const char* reason) {
  if (!link.stream && !link.incoming) outbox_.links.lost.push_back({link.part->id, link.peer, link.tag, reason});
  else count_break(link, reason);
  close(link);
}

void Lane::close(Link& link) {
  NodePart& part = *link.part;
  Account& account = link.count->sent;
  if (link.fd) (void)::epoll_ctl(epoll_.get(), EPOLL_CTL_DEL, link.fd->get(), nullptr);
  // With the count: what it has had of it is exact then.
  if (link.datagrams && link.datagrams->may_speak()) (void)say(link, udp::Kind::close);
  link.datagrams.reset();
  drop(link.in);
  link.out.clear(Drop::ended, account);
  if (link.egress) {
    link.egress->clear();
    const Account& shaper = link.egress->account();
    account.in_packets += shaper.in_packets;
    account.in_bytes += shaper.in_bytes;
    account.made_packets += shaper.made_packets;
    for (size_t i = 0; i < kDropReasons; i++) account.dropped[i] += shaper.dropped[i];
    link.egress.reset();
  }
  forget(link);
  std::erase_if(part.ways, [&](const Way& way) { return way.link == &link; });
  const bool is_link = !link.stream && !link.incoming;
  const uint32_t peer = link.peer;
  end_stream(link);
  memo_.part = nullptr;
  wake_waiters(link);
  if (is_link) {
    link.count->up = false;
    link.count->breaks++;
  }
  link.count = nullptr;
  link.outside.reset();
  link.fd.reset();
  link.part = nullptr;
  link.readable = link.hung_up = link.was_seen = link.blocked = false;
  link.timer_ns = kNever;
  link.generation = (link.generation + 1) & kGenerationMask;
  free_links_.push_back(link.index);
  if (is_link) cut_streams(part, peer);
}

void Lane::shape(Link& link, const LinkSetting& setting) {
  link.setting = setting;
  if (link.egress) link.egress->configure(setting);
  else if (!is_plain(setting)) {
    link.egress = std::make_unique<Egress>(setting, link.seed, spares_);
    for (const auto& [flow, weight] : link.part->weights) link.egress->set_weight(flow, weight);
  }
  mark_dirty(link);
}

}  // namespace nslab::engine::lanes
