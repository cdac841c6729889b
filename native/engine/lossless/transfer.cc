#include "engine/lossless/transfer.h"

#include <algorithm>
#include <cstring>

#include "engine/packets/mix.h"

namespace nslab::engine::lossless {

const char* outcome_name(Outcome outcome) {
  switch (outcome) {
    case Outcome::pending:
      return "pending";
    case Outcome::delivered:
      return "delivered";
    case Outcome::mismatch:
      return "mismatch";
    case Outcome::left:
      return "left";
    case Outcome::silent:
      return "silent";
    case Outcome::stopped:
      return "stopped";
  }
  return "pending";
}

uint32_t window_of(const Cut& cut) {
  const uint64_t symbols = cut.source_symbols + cut.parity_symbols;
  const uint64_t most = std::min<uint64_t>(kWindowPackets / symbols, kWindowBytes / (symbols * cut.symbol_bytes));
  return static_cast<uint32_t>(std::clamp<uint64_t>(most, 2, kWindowBlocksMax));
}

void make_payload(uint64_t seed, uint64_t offset, uint8_t* to, uint32_t bytes) {
  uint64_t number = offset / 8;
  for (uint32_t at = 0; at < bytes; at += 8) {
    const uint64_t word = mix(seed + kGolden * ++number);
    std::memcpy(to + at, &word, std::min<uint32_t>(8, bytes - at));
  }
}

}  // namespace nslab::engine::lossless
