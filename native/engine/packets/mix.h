// Numbers that look like chance and are the same on every machine: hashes of what a packet is part of, and the draws of
// a link. Source of the finalizer and of the increment: SplitMix64 (Steele, Lea, Flood 2014).
#pragma once

#include <cstdint>

namespace nslab::engine {

inline constexpr uint64_t kGolden = 0x9e37'79b9'7f4a'7c15;

[[nodiscard]] constexpr uint64_t mix(uint64_t value) {
  value = (value ^ (value >> 30)) * 0xbf58'476d'1ce4'e5b9;
  value = (value ^ (value >> 27)) * 0x94d0'49bb'1331'11eb;
  return value ^ (value >> 31);
}

/** One of `buckets` for a key: of one bucket more, only a share of keys moves. Source: Lamping and Veach 2014. */
[[nodiscard]] inline uint32_t jump_hash(uint64_t key, uint32_t buckets) {
  int64_t last = -1;
  int64_t at = 0;
  while (at < buckets) {
    last = at;
    key = key * 2'862'933'555'777'941'757 + 1;
    at = static_cast<int64_t>(static_cast<double>(last + 1) *
                              (static_cast<double>(int64_t{1} << 31) / static_cast<double>((key >> 33) + 1)));
  }
  return static_cast<uint32_t>(last);
}

/**
 * The draws of one link. Each is a function of seed, packet and purpose: counter-based, so that turning on one
 * impairment leaves the outcomes of the others as they were.
 */
class Chance {
 public:
  enum Purpose : uint8_t { early, loss, duplicate, corrupt, corrupt_bit, reorder, jitter, jitter_copy, kPurposes };

  explicit Chance(uint64_t seed) : seed_(mix(seed + kGolden)) {}

  /** Uniform in all 64 bits. */
  [[nodiscard]] uint64_t draw(uint64_t packet, Purpose purpose) const {
    return mix(seed_ + kGolden * (packet * kPurposes + purpose + 1));
  }
  /** Never for 0, always for 1. */
  [[nodiscard]] bool happens(double ratio, uint64_t packet, Purpose purpose) const {
    return ratio > 0 && static_cast<double>(draw(packet, purpose) >> 11) * 0x1p-53 < ratio;
  }

 private:
  uint64_t seed_;
};

}  // namespace nslab::engine
