#include "engine/lanes/lane.h"

#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <string>
#include <utility>

#include "base/sys.h"
#include "engine/lanes/limits.h"

namespace nslab::engine::lanes {

int64_t monotonic_ns() {
  timespec time{};
  (void)::clock_gettime(CLOCK_MONOTONIC, &time);
  return int64_t{time.tv_sec} * 1'000'000'000 + time.tv_nsec;
}

Lane::Lane(uint32_t index, Hub& hub)
    : index_(index),
      hub_(hub),
      reads_(kBlockBytes, hub.options.read_blocks),
      parking_(hub.options.park_blocks),
      spares_(hub.options.spares),
      default_setting_(hub.options.link) {
  for (uint32_t from = 0; from < hub.options.lanes; from++) {
    ChannelEnd& end = ends_.emplace_back();
    end.channel = &hub.channel(from, index);
    end.from = from;
  }
}

Lane::~Lane() { clear(); }

Status Lane::open() {
  const std::string where = "lane " + std::to_string(index_);
  epoll_ = UniqueFd(sys::call([] { return ::epoll_create1(EPOLL_CLOEXEC); }));
  if (!epoll_) return Status::from_errno("epoll_create1", where);
  wake_ = UniqueFd(sys::call([] { return ::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK); }));
  if (!wake_) return Status::from_errno("eventfd", where);
  timer_ = UniqueFd(sys::call([] { return ::timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK); }));
  if (!timer_) return Status::from_errno("timerfd_create", where);
  for (const auto& [fd, tag] : {std::pair{wake_.get(), kWakeTag}, std::pair{timer_.get(), kTimerTag}}) {
    epoll_event event{};
    event.events = EPOLLIN | EPOLLET;
    event.data.u64 = tag;
    if (sys::call([&] { return ::epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, fd, &event); }) != 0)
      return Status::from_errno("epoll_ctl", where);
  }
  return {};
}

Status Lane::start() {
  const std::string name = "nslab-lane-" + std::to_string(index_);
  auto thread = Thread::start(name.c_str(), "lane " + std::to_string(index_), [this] { hub_.turns.run(index_); });
  if (!thread) return thread.take_status();
  thread_ = std::move(*thread);
  return {};
}

void Lane::post(Order order) {
  {
    const std::lock_guard lock(mutex_);
    orders_.push_back(std::move(order));
  }
  wake();
}

void Lane::wake() {
  if (awake_.exchange(true)) return;
  const uint64_t one = 1;
  (void)!::write(wake_.get(), &one, sizeof one);
}

void Lane::tell_room() {
  room_told_.store(true);
  wake();
}

void Lane::stop() {
  stopping_.store(true);
  wake();
}

int Lane::wait_ms() const {
  if (ready_.empty()) return -1;
  return starved_ && !flushed_ ? kStarvedWaitMs : 0;
}

void Lane::turn(int wait_ms) {
  std::array<epoll_event, kEpollBatch> events;
  if (wait_ms != 0) add_busy(monotonic_ns());
  const int count = ::epoll_wait(epoll_.get(), events.data(), kEpollBatch, wait_ms);
  now_ns_ = monotonic_ns();
  if (wait_ms != 0) busy_from_ns_ = now_ns_;
  else add_busy(now_ns_);
  for (int i = 0; i < count; i++)
    if (events[i].data.u64 == kWakeTag) take_wake();
  // After the read, which would take the write of whoever has raised the flag since, and leave it raised: nobody
  // would wake this again. Before looking at anything: what comes from here on wakes again.
  (void)awake_.exchange(false);
  for (int i = 0; i < count; i++) on_event(events[i].data.u64, events[i].events);
  take_orders();
  if (room_told_.exchange(false)) {
    refill_channels();
    for (Input* input : std::exchange(far_waiters_, {})) {
      input->waiting = false;
      make_ready(*input);
    }
  }
  for (ChannelEnd& end : ends_)
    if (!end.channel->empty()) make_ready(end);
  serve_timers();
  serve_ready();
  write_all_joined();
  flush_dirty();
  if (starved_ && !flushed_) shed();
  for (uint64_t given = std::exchange(given_, 0); given != 0; given &= given - 1)
    hub_.lanes[static_cast<size_t>(__builtin_ctzll(given))]->wake();
  set_timer();
  if (!watches_.empty()) write_captures();
  tell();
}

void Lane::add_busy(int64_t now_ns) {
  // Its only writer.
  if (busy_from_ns_ != 0)
    busy_ns_.store(busy_ns_.load(std::memory_order_relaxed) + now_ns - busy_from_ns_, std::memory_order_relaxed);
  busy_from_ns_ = now_ns;
}

void Lane::take_wake() {
  uint64_t count;
  (void)!::read(wake_.get(), &count, sizeof count);
}

void Lane::on_event(uint64_t tag, uint32_t what) {
  if (tag == kWakeTag) return;
  if (tag == kTimerTag) {
    armed_ns_ = kNever;
    uint64_t count;
    return (void)!::read(timer_.get(), &count, sizeof count);
  }
  if (tag & kTunBit) {
    NodePart* part = part_of(static_cast<uint32_t>(tag));
    if (!part || !part->tun || !part->tun->reads) return;
    part->tun->readable = true;
    if (!part->tun->waiting) make_ready(*part->tun);
    return;
  }
  Link& link = links_[static_cast<uint32_t>(tag)];
  if (!link.part || link.generation != static_cast<uint32_t>(tag >> 32)) return;
  if (what & EPOLLOUT) {
    link.blocked = false;
    mark_dirty(link);
  }
  if (what & ~uint32_t{EPOLLOUT}) {
    link.readable = true;
    if (what & (EPOLLRDHUP | EPOLLHUP | EPOLLERR)) link.hung_up = true;
    if (!link.waiting) make_ready(link);
  }
}

void Lane::take_orders() {
  std::vector<Order> orders;
  {
    const std::lock_guard lock(mutex_);
    orders.swap(orders_);
  }
  for (const Order& order : orders) {
    // Whatever it changes: remembered ways may be gone.
    memo_.part = nullptr;
    carry_out(order);
    memo_.part = nullptr;
  }
}

void Lane::serve_ready() {
  starved_ = false;
  // Those that become ready while this turns have theirs in the next.
  for (size_t left = ready_.size(); left > 0 && !ready_.empty(); left--) {
    Input* input = ready_.front();
    ready_.pop_front();
    input->ready = false;
    switch (input->kind) {
      case InputKind::link:
        serve(static_cast<Link&>(*input));
        break;
      case InputKind::source:
        serve(static_cast<Source&>(*input));
        break;
      case InputKind::tun:
        serve(static_cast<Tun&>(*input));
        break;
      case InputKind::channel:
        serve(static_cast<ChannelEnd&>(*input));
        break;
      case InputKind::transfer:
        serve(static_cast<Transfer&>(*input));
        break;
    }
  }
}

void Lane::serve_timers() {
  while (!timers_.empty() && timers_.top().due_ns <= now_ns_) {
    const Timer timer = timers_.top();
    timers_.pop();
    if (timer.is_link && timer.subject == kTickSubject) {
      tick_datagrams();
      continue;
    }
    if (timer.is_link) {
      Link& link = links_[timer.subject];
      if (!link.part || link.generation != timer.number || link.timer_ns != timer.due_ns) continue;
      link.timer_ns = kNever;
      mark_dirty(link);
      continue;
    }
    NodePart* part = part_of(timer.subject);
    if (!part) continue;
    if (const auto own = part->transfers.find(timer.number); own != part->transfers.end()) {
      if (own->second->timer_ns == timer.due_ns && !own->second->waiting) make_ready(*own->second);
      continue;
    }
    const auto found = part->sources.find(timer.number);
    if (found == part->sources.end() || found->second->timer_ns != timer.due_ns) continue;
    found->second->timer_ns = kNever;
    if (!found->second->waiting) make_ready(*found->second);
  }
}

void Lane::flush_dirty() {
  // Flushing may end links, and what waited for room may become ready; nothing becomes dirty by it.
  std::vector<Link*> dirty;
  dirty.swap(dirty_);
  flushed_ = !dirty.empty();
  for (Link* link : dirty) {
    if (!std::exchange(link->dirty, false) || !link->part) continue;
    flush(*link);
  }
  if (dirty_.empty()) {
    dirty.clear();
    dirty_.swap(dirty);
  }
}

void Lane::refill_channels() {
  for (uint32_t to = 0; to < hub_.options.lanes; to++) {
    Channel& channel = hub_.channel(index_, to);
    if (!channel.has_spilled()) continue;
    if (channel.refill()) given_ |= uint64_t{1} << to;
    if (!channel.has_spilled()) continue;
    channel.awaited.store(true);
    // Emptied meanwhile: nobody would tell.
    if (channel.refill()) given_ |= uint64_t{1} << to;
  }
}

void Lane::set_timer() {
  const int64_t due_ns = timers_.empty() ? kNever : timers_.top().due_ns;
  // One that comes too early does no harm; one that is set already needs no call.
  if (due_ns >= armed_ns_) return;
  itimerspec at{};
  at.it_value.tv_sec = due_ns / 1'000'000'000;
  at.it_value.tv_nsec = due_ns % 1'000'000'000;
  if (::timerfd_settime(timer_.get(), TFD_TIMER_ABSTIME, &at, nullptr) == 0) armed_ns_ = due_ns;
}

void Lane::tell() {
  if (outbox_.links.empty() && outbox_.streams.empty() && outbox_.finished.empty() && outbox_.missed.empty()) return;
  hub_.deliver(std::exchange(outbox_, {}));
}

void Lane::make_ready(Input& input) {
  if (std::exchange(input.ready, true)) return;
  ready_.push_back(&input);
}

void Lane::forget(Input& input) {
  if (std::exchange(input.ready, false)) std::erase(ready_, &input);
  if (!std::exchange(input.waiting, false)) return;
  std::erase(far_waiters_, &input);
  for (Link& link : links_) std::erase(link.waiters, &input);
}

void Lane::clear() {
  while (!nodes_.empty()) remove(*nodes_.begin()->second);
  for (ChannelEnd& end : ends_) {
    end.channel->clear();
  }
  ready_.clear();
  if (Block* block = std::exchange(current_, nullptr)) PacketRef(block, 0, 0).reset();
  parking_.let_go();
}

uint64_t Lane::blocks_missing() const {
  return uint64_t{reads_.count()} - reads_.free_count() + parking_.pool.count() - parking_.pool.free_count();
}

}  // namespace nslab::engine::lanes
