// What was resolved, remembered: a table of fixed size where a new entry takes the place of the older of two. An entry
// counts as long as the generation of what it came from does, so that a change forgets what it touches and nothing
// else, without looking for it.
#pragma once

#include <cstdint>
#include <vector>

#include "engine/packets/mix.h"

namespace nslab::engine {

/** Source, destination (or group), and what tells apart beyond: the flow, or the tree. */
struct CacheKey {
  uint32_t source = 0;
  uint32_t destination = 0;
  uint32_t third = 0;
  bool operator==(const CacheKey&) const = default;
};

class RouteCache {
 public:
  struct Entry {
    CacheKey key;
    /** Where it came from: index and generation of a pair; 0 is no generation of any. */
    uint32_t pair = 0;
    uint32_t generation = 0;
    uint32_t count = 0;
    const uint32_t* next = nullptr;
    bool local = false;
  };

  /** `entries`: a power of two, from 2. Their memory is there from the first one on: most nodes need none. */
  explicit RouteCache(uint32_t entries) : mask_(entries - 2) {}

  [[nodiscard]] const Entry* find(const CacheKey& key) const {
    if (entries_.empty()) return nullptr;
    const Entry* two = &entries_[slot(key)];
    if (two[0].key == key) return &two[0];
    return two[1].key == key ? &two[1] : nullptr;
  }
  /** The older of the two goes. */
  void put(const Entry& entry) {
    if (entries_.empty()) [[unlikely]]
      entries_.resize(mask_ + 2);
    Entry* two = &entries_[slot(entry.key)];
    if (two[0].key != entry.key) two[1] = two[0];
    two[0] = entry;
  }
  void forget(const CacheKey& key) {
    if (entries_.empty()) return;
    Entry* two = &entries_[slot(key)];
    for (int i = 0; i < 2; i++)
      if (two[i].key == key) two[i] = {};
  }
  void clear() { entries_.assign(entries_.size(), {}); }

 private:
  /** Of the first of two. */
  [[nodiscard]] size_t slot(const CacheKey& key) const {
    return mix(uint64_t{key.source} << 32 ^ uint64_t{key.destination} << 13 ^ key.third) & mask_;
  }

  std::vector<Entry> entries_;
  const size_t mask_;
};

}  // namespace nslab::engine
