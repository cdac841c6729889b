// The queue of a link: one list a flow, served by deficit round robin in bytes, or one list for all (FIFO). Source:
// Shreedhar and Varghese, "Efficient Fair Queuing using Deficit Round Robin", 1995. A flow's quantum is its weight
// times the largest packet seen, so each turn gives at least one packet and no flow can stall another. Entries and
// flows lie in arrays that grow by doubling to the most that ever waited, and are used again.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <unordered_map>
#include <vector>

#include "engine/packets/pool.h"

namespace nslab::engine {

class DrrQueue {
 public:
  struct Entry {
    PacketRef packet;
    uint32_t flow = 0;
    /** Of the packet, without header. */
    uint32_t bytes = 0;
    int64_t arrived_ns = 0;
    uint64_t sequence = 0;
    uint32_t next = 0;
  };

  DrrQueue();
  /** One list for all, or one a flow. What waits keeps its order within its flow. */
  void set_round_robin(bool round_robin);
  /** From its next turn on. From 1; kWeightMax at most. */
  void set_weight(uint32_t flow, uint32_t weight);

  void push(PacketRef packet, uint32_t flow, uint32_t bytes, int64_t now_ns);
  [[nodiscard]] size_t size() const { return size_; }
  /** The packet whose turn it is; stays so until pop() or remove_if(). Not of an empty queue. */
  [[nodiscard]] const Entry& front();
  Entry pop();
  /** Calls for each in the order of arrival within its flow; those for which it says true are gone. */
  void remove_if(const std::function<bool(const Entry&)>& gone);

  static constexpr uint32_t kWeightMax = 65'536;

 private:
  static constexpr uint32_t kNone = 0xffff'ffff;
  struct Flow {
    uint32_t id = 0;
    uint32_t first = kNone;
    uint32_t last = kNone;
    uint32_t weight = 1;
    int64_t deficit = 0;
    /** In the ring of those that have packets; of the free ones. */
    uint32_t next = kNone;
    uint32_t chained = kNone;
  };

  [[nodiscard]] uint32_t flow_of(uint32_t id);
  [[nodiscard]] uint32_t* bucket_of(uint32_t id);
  void put(uint32_t entry);
  void leave(uint32_t flow);
  void grow_buckets();

  bool round_robin_ = false;
  size_t size_ = 0;
  uint64_t sequence_ = 0;
  int64_t quantum_ = 1;
  /** The first of the ring has been given its quantum for this turn. */
  bool turn_given_ = false;
  std::vector<Entry> entries_;
  uint32_t free_entry_ = kNone;
  std::vector<Flow> flows_;
  uint32_t free_flow_ = kNone;
  uint32_t active_first_ = kNone;
  uint32_t active_last_ = kNone;
  size_t active_ = 0;
  /** First flow of each chain, by a hash of its id. */
  std::vector<uint32_t> buckets_;
  std::unordered_map<uint32_t, uint32_t> weights_;
};

}  // namespace nslab::engine
