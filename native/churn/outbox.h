// Lines on their way to whoever reads them.
#pragma once

#include <functional>
#include <mutex>
#include <utility>
#include <vector>

#include "churn/operation.h"

namespace nslab::churn {

/** Filled by native threads, emptied by one reader. */
class Outbox {
 public:
  /** `ring` is called by the thread whose line is the first to wait. */
  explicit Outbox(std::function<void()> ring) : ring_(std::move(ring)) {}

  void put(Line line) {
    bool first = false;
    {
      const std::lock_guard lock(mutex_);
      first = lines_.empty();
      lines_.push_back(std::move(line));
    }
    if (first) ring_();
  }

  [[nodiscard]] std::vector<Line> take() {
    const std::lock_guard lock(mutex_);
    return std::exchange(lines_, {});
  }

 private:
  const std::function<void()> ring_;
  std::mutex mutex_;
  std::vector<Line> lines_;
};

}  // namespace nslab::churn
