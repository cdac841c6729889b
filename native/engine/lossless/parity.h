// Forward error correction: any `k` symbols of k + r tell a block. Reed-Solomon over GF(256) with a Cauchy matrix, by
// Intel's ISA-L, which is looked for when it is first wanted: nothing of it is needed to build or start.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "base/status.h"

namespace nslab::engine::lossless {

/** Of a block, source and parity together: GF(256) has no more rows. */
inline constexpr uint32_t kSymbolsMax = 255;

struct IsaL;

/** The library; ENOENT, with what to do, where it is not on this machine. Once found it stays. */
[[nodiscard]] Result<const IsaL*> isa_l();

/** Of one number of source and parity symbols. Of one thread; allocates when it is made and never after. */
class Parity {
 public:
  /** `library` may be null where there is no parity. */
  Parity(const IsaL* library, uint32_t source_symbols, uint32_t parity_symbols);

  /** `rows`: k + r, each of `bytes`; the last r are written. */
  void encode(uint8_t* rows, uint32_t bytes);
  /**
   * Makes the source symbols that are absent of k that are there; `has` says which of the k + r. False: too few, or
   * the library refuses.
   */
  [[nodiscard]] bool restore(uint8_t* rows, uint32_t bytes, std::span<const bool> has);

 private:
  const IsaL* const library_;
  const uint32_t k_, r_;
  std::vector<uint8_t> matrix_, tables_, part_, inverse_, decode_, decode_tables_;
  std::vector<uint8_t*> from_, to_;
};

}  // namespace nslab::engine::lossless
