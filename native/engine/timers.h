// Deadlines of the link engine: one heap, whose first entry is the wait's timeout. A timer is never taken out; what it
// was for says by a number whether it still counts.
#pragma once

#include <cstdint>
#include <queue>
#include <vector>

namespace nslab::engine {

enum class TimerKind : uint8_t {
  handshake,
  dial,
  accept,
  /** Over UDP: what was not answered is said again. */
  again,
};

struct Timer {
  int64_t due_ns = 0;
  TimerKind kind = TimerKind::handshake;
  /** Slot of a connection, or node id. */
  uint32_t subject = 0;
  /** Peer id of a dial; generation of a connection whose number is of its own. */
  uint32_t peer = 0;
  /** Generation of the connection, or number of the retry. */
  uint64_t number = 0;

  [[nodiscard]] bool operator>(const Timer& other) const { return due_ns > other.due_ns; }
};

class Timers {
 public:
  void add(const Timer& timer) { heap_.push(timer); }

  /** Takes the first timer that is due at `now_ns`; false where none is. */
  [[nodiscard]] bool take_due(int64_t now_ns, Timer& timer) {
    if (heap_.empty() || heap_.top().due_ns > now_ns) return false;
    timer = heap_.top();
    heap_.pop();
    return true;
  }

  /** For epoll_wait: milliseconds until the first, rounded up; -1 for none. */
  [[nodiscard]] int wait_ms(int64_t now_ns) const {
    if (heap_.empty()) return -1;
    const int64_t left = heap_.top().due_ns - now_ns;
    return left <= 0 ? 0 : static_cast<int>((left + 999'999) / 1'000'000);
  }

 private:
  std::priority_queue<Timer, std::vector<Timer>, std::greater<>> heap_;
};

}  // namespace nslab::engine
