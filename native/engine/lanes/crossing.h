// From lane to lane: one bounded queue for each ordered pair, whose ends are one thread each; and the outside of links
// and lanes that others see.
#pragma once

#include <atomic>
#include <bit>
#include <cstdint>
#include <deque>
#include <memory>
#include <vector>

#include "engine/lanes/command.h"
#include "engine/packets/pool.h"

namespace nslab::engine::lanes {

enum class Errand : uint8_t {
  /** Routed by the lane of its flow. */
  route,
  /** Routed: to the link that the other lane owns. */
  send,
  /** Routed: to the flow's sink or the TUN interface here. */
  deliver,
};

struct Crossing {
  PacketRef packet;
  uint32_t node = 0;
  /** Of the node's routes when it was routed; what was routed before a change is looked at again. */
  uint32_t epoch = 0;
  uint32_t peer = 0;
  Errand errand = Errand::route;
  /** Made at this node: its hops don't count yet. */
  bool is_origin = false;
};

/**
 * A ring with one producer and one consumer. Of its own: moodycamel's, which orders by fences, can't be watched by
 * ThreadSanitizer, and what was let in must have a place beyond the bound.
 */
class Channel {
 public:
  explicit Channel(uint32_t capacity) : capacity_(capacity), ring_(std::bit_ceil(capacity)) {}

  /** Producer's: whether push() would take one more. */
  [[nodiscard]] bool has_room() const { return spill_.empty() && has_room_in_ring(); }
  /**
   * Producer's. False where it is full, unless it takes what `was_let_in`: that goes beyond by what other lanes have
   * let in meanwhile, and is not lost. It leaves by refill(), when the consumer tells that there is room.
   */
  bool push(Crossing&& crossing, bool was_let_in) {
    if (has_room()) {
      put(std::move(crossing));
      return true;
    }
    if (was_let_in) spill_.push_back(std::move(crossing));
    return was_let_in;
  }
  /** Producer's. True where something went. */
  bool refill() {
    bool went = false;
    for (; !spill_.empty() && has_room_in_ring(); went = true) {
      put(std::move(spill_.front()));
      spill_.pop_front();
    }
    return went;
  }
  [[nodiscard]] bool has_spilled() const { return !spill_.empty(); }
  /** Consumer's. */
  bool pop(Crossing& crossing) {
    const size_t front = front_.load(std::memory_order_relaxed);
    if (front == back_.load(std::memory_order_acquire)) return false;
    crossing = std::move(ring_[front & (ring_.size() - 1)]);
    front_.store(front + 1, std::memory_order_release);
    return true;
  }
  [[nodiscard]] bool empty() const {
    return front_.load(std::memory_order_acquire) == back_.load(std::memory_order_acquire);
  }
  /** Once both threads are gone. */
  void clear() {
    for (Crossing crossing; pop(crossing);) crossing = {};
    spill_.clear();
  }

  /** Set by a producer that waits for room, taken by the consumer, who then wakes it. */
  std::atomic<bool> awaited{false};

 private:
  [[nodiscard]] bool has_room_in_ring() const {
    return back_.load(std::memory_order_relaxed) - front_.load(std::memory_order_acquire) < capacity_;
  }
  void put(Crossing&& crossing) {
    const size_t back = back_.load(std::memory_order_relaxed);
    ring_[back & (ring_.size() - 1)] = std::move(crossing);
    back_.store(back + 1, std::memory_order_release);
  }

  const size_t capacity_;
  std::vector<Crossing> ring_;
  /** The producer's own. */
  std::deque<Crossing> spill_;
  alignas(64) std::atomic<size_t> front_{0};
  alignas(64) std::atomic<size_t> back_{0};
};

/** What other lanes of its node know of a link. */
struct LinkOutside {
  uint32_t lane = 0;
  uint64_t tag = 0;
  std::atomic<bool> is_full{false};
  /** Lanes that wait for room in it, as bits. */
  std::atomic<uint64_t> waiting{0};
};

}  // namespace nslab::engine::lanes
