#include "engine/packets/pool.h"

#include <new>

namespace nslab::engine {
namespace {

/** Two threads never write to one cache line for two blocks. */
constexpr size_t kLine = 64;

constexpr size_t stride_of(uint32_t block_bytes) { return (sizeof(Block) + block_bytes + kLine - 1) / kLine * kLine; }

}  // namespace

Pool::Pool(uint32_t block_bytes, uint32_t count)
    : block_bytes_(block_bytes),
      count_(count),
      memory_(new uint8_t[stride_of(block_bytes) * count + kLine]),
      fresh_(memory_.get()),
      fresh_count_(count),
      free_(count) {
  fresh_ += (kLine - reinterpret_cast<uintptr_t>(fresh_) % kLine) % kLine;
}

// Who holds a block holds its pool: lanes end after what they carry. Blocks have nothing to destroy.
Pool::~Pool() = default;

Block* Pool::take() {
  // The whole list at once: with one thread that takes away, no block can come back under a comparison (ABA).
  if (!mine_) mine_ = returned_.exchange(nullptr, std::memory_order_acquire);
  Block* block = mine_;
  if (block) {
    mine_ = block->next;
    block->next = nullptr;
  } else {
    if (fresh_count_ == 0) return nullptr;
    block = new (fresh_) Block;
    block->capacity = block_bytes_;
    block->pool = this;
    fresh_ += stride_of(block_bytes_);
    fresh_count_--;
  }
  block->holders.store(1, std::memory_order_relaxed);
  free_.fetch_sub(1, std::memory_order_relaxed);
  return block;
}

void Pool::give_back(Block* block) {
  // Counted first: the owner must not take it before it is counted.
  free_.fetch_add(1, std::memory_order_relaxed);
  Block* first = returned_.load(std::memory_order_relaxed);
  do block->next = first;
  while (!returned_.compare_exchange_weak(first, block, std::memory_order_release, std::memory_order_relaxed));
}

uint32_t Pool::free_count() const { return free_.load(std::memory_order_relaxed); }

}  // namespace nslab::engine
