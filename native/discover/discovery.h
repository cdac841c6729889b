// Finds the network namespaces of the machine, and notices their end, on a native thread of its own.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "base/fd.h"
#include "base/status.h"
#include "base/thread.h"
#include "discover/scanner.h"
#include "netns/switch_log.h"

namespace nslab::discover {

struct Options {
  /** Absolute paths of folders of named namespaces. */
  std::vector<std::string> directories;
  /** Between two looks at what may have changed, and between two at everything. */
  int64_t interval_ns = 0;
  int64_t reconcile_ns = 0;
};

/** What it cost so far. */
struct Totals {
  uint64_t ticks = 0;
  uint64_t reconciles = 0;
  /** CPU of the thread. */
  int64_t cpu_ns = 0;
  /** Of the last tick, and of the last reconcile. */
  int64_t tick_ns = 0;
  int64_t reconcile_ns = 0;
  Work work;
};

/** What is new since the last report. A namespace that is in both lists was found and is gone. */
struct Report {
  std::vector<Found> found;
  std::vector<netns::Identity> gone;
  /** After a look at everything. */
  std::optional<Blind> blind;
  /** Requests for a look at everything, up to this one, are fulfilled. */
  uint64_t reconciled = 0;
};

class Discovery {
 public:
  /** `report` is called on the thread, after each tick that has something to say. */
  using Tell = std::function<void(Report)>;

  Discovery(Options options, std::shared_ptr<netns::SwitchLog> log, Tell tell)
      : options_(std::move(options)), log_(std::move(log)), tell_(std::move(tell)) {}
  /** stop() */
  ~Discovery() { stop(); }
  Discovery(const Discovery&) = delete;
  Discovery& operator=(const Discovery&) = delete;

  /** Starts the thread. Its first report is that of a look at everything; `failed` is called where it can't begin. */
  Status start(std::function<void(Status)> failed);
  /** Asks for a look at everything. Returns the number that Report::reconciled will have reached then. */
  uint64_t reconcile();
  /** Ends the thread, at once, in the middle of a look, and lets go of every namespace. Idempotent. */
  void stop();

  [[nodiscard]] Totals totals();

 private:
  void run(const std::function<void(Status)>& failed);
  /** What a tick looks at. */
  enum class Look : uint8_t { mounts, rested, changed, everything };
  void tick(Scanner& scanner, Look look);
  /** Until the next look is due, or something has changed: true then. */
  bool wait(Scanner& scanner, bool watch, int64_t until_ns);
  void wake();

  const Options options_;
  const std::shared_ptr<netns::SwitchLog> log_;
  const Tell tell_;
  UniqueFd wake_;
  std::atomic<bool> stop_ = false;
  std::atomic<uint64_t> wanted_ = 1;
  uint64_t done_ = 0;
  std::mutex mutex_;
  Totals totals_;
  Thread thread_;
};

}  // namespace nslab::discover
