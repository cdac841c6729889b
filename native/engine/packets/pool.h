// Memory of packets: blocks of a fixed size, all made at start. A link's bytes are read into a block, and frames are
// slices of it: a relay copies nothing. A block is free again when its last slice is.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <utility>

namespace nslab::engine {

class Pool;

/** Header of a block; its bytes follow. Counted from any thread. */
struct Block {
  std::atomic<uint32_t> holders{0};
  uint32_t capacity = 0;
  Pool* pool = nullptr;
  Block* next = nullptr;
  uint8_t* bytes() { return reinterpret_cast<uint8_t*>(this + 1); }
};

/**
 * One frame (header and packet) within a block. Copying shares it. A frame that has more than one holder is not
 * written to: make it one's own first (Spares::copy).
 */
class PacketRef {
 public:
  PacketRef() = default;
  /** Takes over a share that was counted already. */
  PacketRef(Block* block, uint32_t offset, uint32_t size) : block_(block), offset_(offset), size_(size) {}
  PacketRef(const PacketRef& other) : block_(other.block_), offset_(other.offset_), size_(other.size_) {
    if (block_) block_->holders.fetch_add(1, std::memory_order_relaxed);
  }
  PacketRef(PacketRef&& other) noexcept
      : block_(std::exchange(other.block_, nullptr)), offset_(other.offset_), size_(other.size_) {}
  PacketRef& operator=(PacketRef other) noexcept {
    std::swap(block_, other.block_);
    offset_ = other.offset_;
    size_ = other.size_;
    return *this;
  }
  ~PacketRef() { reset(); }

  void reset();
  [[nodiscard]] explicit operator bool() const { return block_ != nullptr; }
  [[nodiscard]] uint8_t* data() const { return block_->bytes() + offset_; }
  /** Header and packet, in bytes. */
  [[nodiscard]] uint32_t size() const { return size_; }
  [[nodiscard]] Block* block() const { return block_; }

 private:
  Block* block_ = nullptr;
  uint32_t offset_ = 0;
  uint32_t size_ = 0;
};

/**
 * Blocks of one size, taken by one thread (the lane that owns the pool) and given back by any. Empty is no error: who
 * reads from a link stops reading until blocks come back, and the kernel holds the peer back. Memory that is never
 * needed is never touched: a pool's headers alone lie in as many pages as it has blocks.
 */
class Pool {
 public:
  Pool(uint32_t block_bytes, uint32_t count);
  ~Pool();
  Pool(const Pool&) = delete;
  Pool& operator=(const Pool&) = delete;

  /** With one holder, the caller; null where none is free. Owner's thread. */
  [[nodiscard]] Block* take();
  /** From any thread, by the last holder. */
  void give_back(Block* block);
  [[nodiscard]] uint32_t free_count() const;
  [[nodiscard]] uint32_t count() const { return count_; }

 private:
  const uint32_t block_bytes_;
  const uint32_t count_;
  std::unique_ptr<uint8_t[]> memory_;
  /** Where the first block is that was never taken, and how many are. Owner's thread. */
  uint8_t* fresh_ = nullptr;
  uint32_t fresh_count_;
  /** The owner's own, and what others gave back since it last looked. */
  Block* mine_ = nullptr;
  std::atomic<Block*> returned_{nullptr};
  std::atomic<uint32_t> free_{0};
};

inline void PacketRef::reset() {
  Block* block = std::exchange(block_, nullptr);
  if (block && block->holders.fetch_sub(1, std::memory_order_acq_rel) == 1) block->pool->give_back(block);
}

}  // namespace nslab::engine
