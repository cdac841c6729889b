// Memory for packets that wait or that are changed: blocks in three sizes, so that a packet which waits keeps about as
// much memory as it has, and not the block of many that it came in. Of one lane, like its pool.
#pragma once

#include <array>
#include <cstdint>

#include "engine/packets/pool.h"

namespace nslab::engine {

class Spares {
 public:
  struct Counts {
    uint32_t small = 4096;
    uint32_t medium = 4096;
    uint32_t large = 64;
  };
  static constexpr uint32_t kSmallBytes = 232;
  static constexpr uint32_t kMediumBytes = 2024;
  /** The largest frame there is. */
  static constexpr uint32_t kLargeBytes = 65'559;

  explicit Spares(const Counts& counts);

  /** The smallest free block that holds `bytes`; null where there is none. */
  [[nodiscard]] Block* take(uint32_t bytes);
  /** One's own, to write to; nothing where there is no free block. */
  [[nodiscard]] PacketRef copy(const PacketRef& packet);
  /**
   * The packet as it may wait: itself where that keeps no more than twice its bytes from use, else a copy. Where no
   * spare is free it stays where it is, as long as its pool has more than a quarter of its blocks free: what waits
   * never stops the lane's reading. Otherwise nothing.
   */
  [[nodiscard]] PacketRef settle(PacketRef packet);

 private:
  std::array<Pool, 3> pools_;
};

}  // namespace nslab::engine
