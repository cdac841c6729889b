// What waits for a link's socket, in order. Frames that lie one behind the other in a block are one run: a relay hands
// whole reads on, with one slice, and counts by walking over what was written only where that ends within a run.
#pragma once

#include <cstdint>
#include <functional>
#include <vector>

#include "engine/packets/drop.h"
#include "engine/packets/pool.h"

namespace nslab::engine::lanes {

/** Where a lane's links pack what waits long, all of them into the same blocks. */
struct Parking {
  explicit Parking(uint32_t blocks);
  ~Parking() { let_go(); }
  /** Where so many bytes may be written; null where no block is free. */
  [[nodiscard]] uint8_t* place(uint32_t bytes);
  void let_go();
  [[nodiscard]] bool is_low() const { return pool.free_count() < pool.count() / 2; }

  Pool pool;
  Block* block = nullptr;
  uint32_t filled = 0;
};

class OutQueue {
 public:
  enum class Flushed : uint8_t { all, blocked, broken };

  OutQueue() = default;
  ~OutQueue();
  OutQueue(const OutQueue&) = delete;
  OutQueue& operator=(const OutQueue&) = delete;

  /** One frame with a packet. Takes a share of the block where it doesn't continue the last run. */
  void append(Block* block, uint32_t offset, uint32_t size);
  /** A frame without a packet: counted nowhere. */
  void append_control(Block* block, uint32_t offset, uint32_t size);

  [[nodiscard]] bool empty() const { return count_ == 0; }
  [[nodiscard]] uint32_t packets() const { return packets_; }
  [[nodiscard]] uint32_t runs() const { return count_; }

  /** What waits, frame by frame in its order, until `take` says that it wants no more. Of links without control. */
  template <typename Take>
  void each(Take take) {
    for (uint32_t i = 0; i < count_; i++) {
      const Run& run = at(i);
      for (uint32_t done = 0; done < run.size;) {
        const uint8_t* frame = run.block->bytes() + run.offset + done;
        const uint32_t size = frame_bytes(frame);
        if (!take(frame, size)) return;
        done += size;
      }
    }
  }
  /** So many bytes of it have left, all of them of whole frames. */
  void sent(uint64_t bytes, Account& account) { written(bytes, account); }

  /** Writes until all is written or the socket takes no more; errno says why it broke. */
  Flushed flush(int fd, Account& account);
  /** Moves what waits in blocks of many into blocks of its own. False where no block is free: the rest stays. */
  bool park(Parking& parking);
  /** Drops what is not parked, but never the rest of a frame whose beginning has left. */
  void shed(Account& account);
  [[nodiscard]] bool parked() const { return parked_ == count_; }
  [[nodiscard]] bool has_parked() const { return parked_ > 0; }
  /** Drops those for which it is true, but never the rest of a frame whose beginning has left. */
  void withdraw(const std::function<bool(const uint8_t* frame)>& is_stale, Account& account);
  /** Drops all. */
  void clear(Drop reason, Account& account);

 private:
  struct Run {
    Block* block = nullptr;
    uint32_t offset = 0;
    uint32_t size = 0;
    /** 0: control. */
    uint32_t packets = 0;
  };

  [[nodiscard]] Run& at(uint32_t index) { return ring_[(first_ + index) & (ring_.size() - 1)]; }
  void push(const Run& run);
  void replace(std::vector<Run>&& runs, uint32_t parked);
  void pop();
  void written(size_t bytes, Account& account);
  static uint32_t frame_bytes(const uint8_t* frame);
  static void count_out(Account& account, uint32_t packets, uint32_t bytes);

  /** A ring whose size is a power of two; grows, and stays. */
  std::vector<Run> ring_;
  uint32_t first_ = 0;
  uint32_t count_ = 0;
  /** Runs from the front that lie in blocks of their own. */
  uint32_t parked_ = 0;
  uint32_t packets_ = 0;
  /** Bytes of the first frame that have left. */
  uint32_t front_done_ = 0;
};

}  // namespace nslab::engine::lanes
