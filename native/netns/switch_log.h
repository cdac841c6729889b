// Where threads went: the recorded switch trace, for bench/setns. One log an environment, one list a thread.
#pragma once

#include <cstdint>
#include <memory>
#include <mutex>
#include <vector>

namespace nslab::netns {

/** What one thread did. Written by its thread, read by any. */
struct ThreadSwitches {
  std::mutex mutex;
  /** Cookie of each namespace asked for, in order, at most kTraceMax of them; later ones are only counted. */
  std::vector<uint64_t> cookies;
  uint64_t switches = 0;
  uint64_t skipped = 0;
};

/**
 * 64 KiB a thread: three times what wiring a ring of 800 takes. A collector of churning namespaces would fill any
 * trace, and grow by it for hours.
 */
inline constexpr size_t kTraceMax = 1 << 13;

class SwitchLog {
 public:
  struct Totals {
    /** Namespaces in order of asking, numbered by first use; one thread after another. */
    std::vector<uint32_t> netns;
    uint64_t switches = 0;
    uint64_t skipped = 0;
  };

  /** A list for one more thread. */
  [[nodiscard]] std::shared_ptr<ThreadSwitches> add_thread();
  [[nodiscard]] Totals totals();

 private:
  std::mutex mutex_;
  std::vector<std::shared_ptr<ThreadSwitches>> threads_;
};

/** While alive, the calling thread's switches are recorded in `log`. Put one at the top of every native thread. */
class [[nodiscard]] RecordSwitches {
 public:
  explicit RecordSwitches(const std::shared_ptr<SwitchLog>& log);
  ~RecordSwitches();
  RecordSwitches(const RecordSwitches&) = delete;
  RecordSwitches& operator=(const RecordSwitches&) = delete;

 private:
  std::shared_ptr<ThreadSwitches> outer_;
};

/** Notes that the calling thread asked to be in a namespace. For enter() only. */
void record_switch(uint64_t cookie, bool skipped);

}  // namespace nslab::netns
