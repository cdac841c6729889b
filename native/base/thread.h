// A thread whose start may fail. std::thread throws where the machine has no room for one more, and without exceptions
// that ends the process.
#pragma once

#include <pthread.h>

#include <functional>
#include <string>
#include <utility>

#include "base/status.h"

namespace nslab {

class Thread {
 public:
  /**
   * Runs `work` in a thread called `name` (at most 15 bytes), which takes no signals but those that say its own fault.
   * Fails with EAGAIN where a limit on threads is reached (RLIMIT_NPROC, pids.max, threads-max); `where` says whose.
   */
  static Result<Thread> start(const char* name, std::string where, std::function<void()> work);

  Thread() = default;
  /** join() */
  ~Thread() { join(); }
  Thread(Thread&& other) noexcept : thread_(other.thread_), joinable_(std::exchange(other.joinable_, false)) {}
  Thread& operator=(Thread&& other) noexcept {
    join();
    thread_ = other.thread_;
    joinable_ = std::exchange(other.joinable_, false);
    return *this;
  }
  Thread(const Thread&) = delete;
  Thread& operator=(const Thread&) = delete;

  /** Whether it was started and nobody has waited for its end. */
  [[nodiscard]] bool joinable() const { return joinable_; }
  /** Waits for its end. Does nothing where there is none. */
  void join();

 private:
  pthread_t thread_{};
  bool joinable_ = false;
};

}  // namespace nslab
