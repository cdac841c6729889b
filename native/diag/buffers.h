// The buffers that rows are handed over in: a fixed number of them, so that a reader who does not keep up is waited
// for.
#pragma once

#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <vector>

#include "diag/row.h"

namespace nslab::diag {

/** Filled by the poller's thread, given back by any. */
class Buffers {
 public:
  Buffers(uint32_t count, uint32_t rows) : rows_(rows), with_reader_(count) {
    for (uint32_t i = 0; i < count; ++i) {
      buffers_.emplace_back(std::make_shared<Row[]>(rows));
      free_.push_back(count - 1 - i);
    }
  }

  /** A buffer to fill. */
  [[nodiscard]] std::optional<uint32_t> take() {
    const std::lock_guard lock(mutex_);
    if (free_.empty()) return std::nullopt;
    const uint32_t index = free_.back();
    free_.pop_back();
    return index;
  }
  /** The reader's from now on. */
  void hand_over(uint32_t index) {
    const std::lock_guard lock(mutex_);
    with_reader_[index] = true;
  }
  /** False where it is not with the reader. */
  [[nodiscard]] bool give_back(uint32_t index) {
    const std::lock_guard lock(mutex_);
    if (index >= with_reader_.size() || !with_reader_[index]) return false;
    with_reader_[index] = false;
    free_.push_back(index);
    return true;
  }

  /** Shared, so that a reader may hold one for longer than the poller lives. */
  [[nodiscard]] const std::shared_ptr<Row[]>& rows_of(uint32_t index) const { return buffers_[index]; }
  [[nodiscard]] uint32_t rows() const { return rows_; }
  [[nodiscard]] uint32_t count() const { return static_cast<uint32_t>(buffers_.size()); }

 private:
  const uint32_t rows_;
  std::vector<std::shared_ptr<Row[]>> buffers_;
  std::mutex mutex_;
  std::vector<uint32_t> free_;
  std::vector<bool> with_reader_;
};

}  // namespace nslab::diag
