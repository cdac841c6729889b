#include "engine/lanes/turns.h"

#include <sys/epoll.h>

#include <algorithm>
#include <array>
#include <numeric>
#include <string>

#include "base/sys.h"
#include "engine/lanes/hub.h"
#include "engine/lanes/lane.h"
#include "engine/lanes/limits.h"

namespace nslab::engine::lanes {

Status Turns::open() {
  epoll_ = UniqueFd(sys::call([] { return ::epoll_create1(EPOLL_CLOEXEC); }));
  if (!epoll_) return Status::from_errno("epoll_create1", "lanes");
  for (uint32_t i = 0; i < hub_.lanes.size(); i++) {
    epoll_event event{};
    event.events = EPOLLIN;
    event.data.u32 = i;
    if (sys::call([&] { return ::epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, hub_.lanes[i]->epoll(), &event); }) != 0)
      return Status::from_errno("epoll_ctl", "lanes");
  }
  return {};
}

void Turns::run(uint32_t index) {
  Lane& lane = *hub_.lanes[index];
  if (hub_.lanes.size() == 1) {
    while (!lane.stopping()) lane.turn(lane.wait_ms());
    return;
  }
  if (index == 0) lead();
  else follow(lane);
}

void Turns::stop() {
  {
    const std::lock_guard lock(mutex_);
    stopped_ = true;
  }
  changed_.notify_all();
}

void Turns::follow(Lane& lane) {
  for (;;) {
    {
      std::unique_lock lock(mutex_);
      asleep_++;
      changed_.notify_all();
      changed_.wait(lock, [&] { return stopped_ || !gathered_.load(); });
      asleep_--;
      if (stopped_) return;
    }
    while (!gathered_.load() && !lane.stopping()) lane.turn(lane.wait_ms());
  }
}

bool Turns::gather() {
  std::unique_lock lock(mutex_);
  gathered_.store(true);
  for (size_t i = 1; i < hub_.lanes.size(); i++) hub_.lanes[i]->wake();
  changed_.wait(lock, [&] { return stopped_ || asleep_ == hub_.lanes.size() - 1; });
  return !stopped_;
}

void Turns::spread() {
  {
    const std::lock_guard lock(mutex_);
    gathered_.store(false);
  }
  changed_.notify_all();
}

void Turns::lead() {
  Lane& own = *hub_.lanes[0];
  while (!own.stopping() && gather()) {
    turn_all(own);
    if (own.stopping()) return;
    spread();
    turn_own(own);
  }
}

void Turns::turn_all(Lane& own) {
  std::array<epoll_event, kLanesMax> events;
  int64_t from_ns = monotonic_ns(), rested_ns = 0;
  while (!own.stopping()) {
    int wait_ms = -1;
    uint64_t due = 0;
    for (size_t i = 0; i < hub_.lanes.size(); i++) {
      const int own_ms = hub_.lanes[i]->wait_ms();
      if (own_ms < 0) continue;
      // One that waits for blocks looks again when the time is over.
      due |= uint64_t{1} << i;
      wait_ms = wait_ms < 0 ? own_ms : std::min(wait_ms, own_ms);
    }
    const int64_t before_ns = wait_ms == 0 ? 0 : monotonic_ns();
    const int count = ::epoll_wait(epoll_.get(), events.data(), static_cast<int>(events.size()), wait_ms);
    const int64_t now_ns = monotonic_ns();
    if (wait_ms != 0) rested_ns += now_ns - before_ns;
    for (int i = 0; i < count; i++) due |= uint64_t{1} << events[static_cast<size_t>(i)].data.u32;
    for (; due != 0; due &= due - 1) hub_.lanes[static_cast<size_t>(__builtin_ctzll(due))]->turn(0);
    const int64_t took_ns = now_ns - from_ns;
    if (took_ns < kBusyWindowNs) continue;
    if (rested_ns < took_ns / kRestDivisor) return;
    from_ns = now_ns;
    rested_ns = 0;
  }
}

void Turns::turn_own(Lane& own) {
  const auto busy_ns = [&] {
    return std::accumulate(hub_.lanes.begin(), hub_.lanes.end(), int64_t{0},
                           [](int64_t sum, const auto& lane) { return sum + lane->busy_ns(); });
  };
  int64_t from_ns = monotonic_ns(), before_ns = busy_ns();
  int calm = 0;
  while (!own.stopping()) {
    const int wait_ms = own.wait_ms();
    own.turn(wait_ms < 0 ? kCalmWindowMs : wait_ms);
    const int64_t now_ns = monotonic_ns(), took_ns = now_ns - from_ns;
    if (took_ns < int64_t{kCalmWindowMs} * 1'000'000) continue;
    const int64_t now_busy_ns = busy_ns();
    calm = now_busy_ns - before_ns < took_ns * kCalmFifths / 5 ? calm + 1 : 0;
    if (calm == kCalmWindows) return;
    from_ns = now_ns;
    before_ns = now_busy_ns;
  }
}

}  // namespace nslab::engine::lanes
