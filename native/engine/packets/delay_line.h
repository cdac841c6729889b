// Packets under way on a link: each leaves at its own time, times never go back. Memory grows by doubling to the most
// that ever were under way, and is used again.
#pragma once

#include <cstddef>
#include <cstdint>
#include <utility>
#include <vector>

#include "engine/packets/pool.h"

namespace nslab::engine {

class DelayLine {
 public:
  struct Entry {
    PacketRef packet;
    uint32_t bytes = 0;
    int64_t due_ns = 0;
  };

  [[nodiscard]] bool empty() const { return size_ == 0; }
  [[nodiscard]] size_t size() const { return size_; }
  [[nodiscard]] const Entry& front() const { return ring_[first_]; }
  /** The time of the last that came in, gone or not. */
  [[nodiscard]] int64_t last_ns() const { return last_ns_; }

  /** Not before what is in front of it. */
  void push(PacketRef packet, uint32_t bytes, int64_t due_ns) {
    if (due_ns > last_ns_) last_ns_ = due_ns;
    if (size_ == ring_.size()) grow();
    ring_[(first_ + size_) & (ring_.size() - 1)] = {std::move(packet), bytes, last_ns_};
    size_++;
  }
  Entry pop() {
    Entry entry = std::move(ring_[first_]);
    first_ = (first_ + 1) & (ring_.size() - 1);
    size_--;
    return entry;
  }

 private:
  void grow() {
    std::vector<Entry> wider(ring_.empty() ? 16 : ring_.size() * 2);
    for (size_t i = 0; i < size_; i++) wider[i] = std::move(ring_[(first_ + i) & (ring_.size() - 1)]);
    ring_.swap(wider);
    first_ = 0;
  }

  std::vector<Entry> ring_;
  size_t first_ = 0;
  size_t size_ = 0;
  int64_t last_ns_ = INT64_MIN;
};

}  // namespace nslab::engine
