// From (source, destination) to the number of a pair: open addressing in one array, so that a look-up is one cache line
// in the common case. Numbers are dense, from 0, and used again after they were freed.
#pragma once

#include <cstdint>
#include <vector>

#include "engine/packets/mix.h"

namespace nslab::engine {

inline constexpr uint32_t kNoPair = 0xffff'ffff;

class PairIndex {
 public:
  PairIndex() : slots_(16) {}

  [[nodiscard]] size_t size() const { return size_; }
  [[nodiscard]] uint32_t find(uint32_t source, uint32_t destination) const {
    const uint64_t key = key_of(source, destination);
    for (size_t at = mix(key);; at++) {
      const Slot& slot = slots_[at & (slots_.size() - 1)];
      if (slot.pair == kNoPair) return kNoPair;
      if (slot.key == key) return slot.pair;
    }
  }
  /** Of a pair that is not there yet. */
  void put(uint32_t source, uint32_t destination, uint32_t pair) {
    // Never more than half full: a miss, the common case where routes are derived, ends early.
    if (++size_ * 2 > slots_.size()) {
      std::vector<Slot> old(slots_.size() * 2);
      old.swap(slots_);
      for (const Slot& slot : old)
        if (slot.pair != kNoPair) slots_[free_for(slot.key)] = slot;
    }
    const uint64_t key = key_of(source, destination);
    slots_[free_for(key)] = {key, pair};
  }
  /** Of a pair that is there. */
  void remove(uint32_t source, uint32_t destination) {
    const size_t mask = slots_.size() - 1;
    const uint64_t key = key_of(source, destination);
    size_t hole = mix(key) & mask;
    while (slots_[hole].key != key || slots_[hole].pair == kNoPair) hole = (hole + 1) & mask;
    // Those that follow move up where that brings them no further from home than it may: no marks stay behind.
    for (size_t at = (hole + 1) & mask; slots_[at].pair != kNoPair; at = (at + 1) & mask) {
      const size_t home = mix(slots_[at].key) & mask;
      if (((at - home) & mask) < ((at - hole) & mask)) continue;
      slots_[hole] = slots_[at];
      hole = at;
    }
    slots_[hole] = {};
    size_--;
  }

 private:
  struct Slot {
    uint64_t key = 0;
    uint32_t pair = kNoPair;
  };
  static uint64_t key_of(uint32_t source, uint32_t destination) { return uint64_t{source} << 32 | destination; }
  [[nodiscard]] size_t free_for(uint64_t key) const {
    size_t at = mix(key) & (slots_.size() - 1);
    while (slots_[at].pair != kNoPair) at = (at + 1) & (slots_.size() - 1);
    return at;
  }

  std::vector<Slot> slots_;
  size_t size_ = 0;
};

}  // namespace nslab::engine
