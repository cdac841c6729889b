#include "engine/packets/spares.h"

#include <cstring>
#include <utility>

namespace nslab::engine {

Spares::Spares(const Counts& counts)
    : pools_{Pool(kSmallBytes, counts.small), Pool(kMediumBytes, counts.medium), Pool(kLargeBytes, counts.large)} {}

Block* Spares::take(uint32_t bytes) {
  constexpr std::array<uint32_t, 3> sizes{kSmallBytes, kMediumBytes, kLargeBytes};
  for (size_t i = 0; i < pools_.size(); i++) {
    if (bytes > sizes[i]) continue;
    if (Block* block = pools_[i].take()) return block;
  }
  return nullptr;
}

PacketRef Spares::copy(const PacketRef& packet) {
  Block* block = take(packet.size());
  if (!block) return {};
  std::memcpy(block->bytes(), packet.data(), packet.size());
  return {block, 0, packet.size()};
}

PacketRef Spares::settle(PacketRef packet) {
  const Block& block = *packet.block();
  // The smallest blocks are never worth a copy.
  if (block.capacity <= kSmallBytes || block.capacity / 2 <= packet.size()) return packet;
  if (PacketRef own = copy(packet)) return own;
  if (block.pool->free_count() > block.pool->count() / 4) return packet;
  return {};
}

}  // namespace nslab::engine
