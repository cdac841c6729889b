// SHA-256 as it comes: FIPS 180-4. Of its own, so that the lanes' programs link no library of ciphers for one function.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

namespace nslab::engine::lossless {

using Digest = std::array<uint8_t, 32>;

class Sha256 {
 public:
  void add(std::span<const uint8_t> bytes);
  /** Of all that was added; nothing may be added after. */
  [[nodiscard]] Digest finish();

 private:
  void block(const uint8_t* bytes);

  std::array<uint32_t, 8> state_{0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a,
                                 0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19};
  std::array<uint8_t, 64> rest_{};
  uint64_t count_ = 0;
};

}  // namespace nslab::engine::lossless
