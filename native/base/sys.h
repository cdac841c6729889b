// The one way to the kernel: retries EINTR, counts calls, and lets tests make the k-th call fail.
#pragma once

#include <atomic>
#include <cerrno>
#include <cstdint>
#include <utility>

namespace nslab::sys {

/** Repeats `call` while it fails with EINTR. */
template <typename Call>
auto retry_eintr(Call&& call) {
  decltype(call()) result;
  do result = call();
  while (result == -1 && errno == EINTR);
  return result;
}

/** Counts the kernel calls of the threads that work under it, and fails one of them on demand. Shared by threads. */
class CallMeter {
 public:
  CallMeter() = default;
  /** The `fail_call`-th call (from 1; 0: none) is not made and fails with `fail_errno`. */
  CallMeter(uint64_t fail_call, int fail_errno) : fail_call_(fail_call), fail_errno_(fail_errno) {}

  /** Counts one call. Returns the errno it must fail with, or 0. */
  [[nodiscard]] int count() {
    const uint64_t number = calls_.fetch_add(1, std::memory_order_relaxed) + 1;
    return number == fail_call_ ? fail_errno_ : 0;
  }
  [[nodiscard]] uint64_t calls() const { return calls_.load(std::memory_order_relaxed); }

 private:
  std::atomic<uint64_t> calls_{0};
  uint64_t fail_call_ = 0;
  int fail_errno_ = 0;
};

/** While alive, the calling thread's kernel calls go through `meter` (nullptr: none, for undoing). Nests. */
class [[nodiscard]] Metered {
 public:
  explicit Metered(CallMeter* meter);
  ~Metered();
  Metered(const Metered&) = delete;
  Metered& operator=(const Metered&) = delete;

 private:
  CallMeter* outer_;
};

/** Counts one call of this thread. Returns the errno it must fail with instead of being made, or 0. */
[[nodiscard]] int count_call();

/** Makes a system call: counted, failed on demand, EINTR retried. Returns what it returns; -1 sets errno. */
template <typename Call>
auto call(Call&& make) -> decltype(make()) {
  if (const int injected = count_call(); injected != 0) {
    errno = injected;
    return -1;
  }
  return retry_eintr(std::forward<Call>(make));
}

}  // namespace nslab::sys
