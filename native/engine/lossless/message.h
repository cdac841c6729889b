// What the two ends of a lossless transfer say to each other: the bytes behind the UDP header, in network byte order.
//
//    0  4  magic "NSLL"      13  1  flags               16  4  symbol: its block; poll: blocks that were sent whole;
//    4  4  flow              14  2  symbol: its place          report: blocks that are here, without a gap
//    8  4  start                    in the block;       20  4  check over all, this being 0
//   12  1  kind                     report: entries
//
//   symbol: its bytes follow.
//   poll:   24  8  bytes of the payload    36  2  blocks in flight at most    44   4  group; 0: none
//           32  2  bytes of a symbol       38  2  blocks that were sent       48  32  SHA-256 of the payload, where
//           34  1  source symbols                 whole and that it has              flagged: all was sent
//           35  1  parity symbols                 not acknowledged
//                                      40  4  node that is asked
//   report: of each block that is not whole 4 bytes of its number and 32 of which symbols are here, lowest bit first.
//
// The check is no proof against a forger: it finds what a link has damaged, which then is as good as lost.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

#include "engine/lossless/sha256.h"

namespace nslab::engine::lossless {

enum class Kind : uint8_t { symbol = 1, poll = 2, report = 3 };

inline constexpr uint32_t kMessageMagic = 0x4e53'4c4c;
inline constexpr uint32_t kHeadBytes = 24;
inline constexpr uint32_t kPollBytes = 80;
inline constexpr uint32_t kMapBytes = 32;
inline constexpr uint32_t kEntryBytes = 4 + kMapBytes;
/** A report fits where IPv4 must carry a packet in practice (1,280 with its headers). */
inline constexpr uint32_t kEntriesMax = 32;

/** Of a poll: its digest holds. Of a report: what became of the transfer there. */
inline constexpr uint8_t kFlagAllSent = 1;
inline constexpr uint8_t kFlagDelivered = 1;
inline constexpr uint8_t kFlagMismatch = 2;
inline constexpr uint8_t kFlagLeft = 4;

struct Head {
  uint32_t flow = 0;
  uint32_t start = 0;
  Kind kind = Kind::symbol;
  uint8_t flags = 0;
  uint16_t index = 0;
  uint32_t block = 0;
};

/** How the payload is cut; the same at both ends. */
struct Cut {
  uint64_t payload_bytes = 0;
  uint32_t symbol_bytes = 0;
  /** Of a block but the last. */
  uint32_t source_symbols = 0;
  uint32_t parity_symbols = 0;
  uint32_t window_blocks = 0;
  uint32_t group = 0;

  [[nodiscard]] bool good() const;
  [[nodiscard]] uint32_t blocks() const;
  [[nodiscard]] uint64_t block_bytes() const { return uint64_t{symbol_bytes} * source_symbols; }
  [[nodiscard]] uint32_t bytes_of(uint32_t block) const;
  [[nodiscard]] uint32_t sources_of(uint32_t block) const;
  [[nodiscard]] uint32_t symbols_of(uint32_t block) const { return sources_of(block) + parity_symbols; }
  bool operator==(const Cut&) const = default;
};

struct Poll {
  Cut cut;
  /** Whom it is for: a tree brings it to others, too. */
  uint32_t to = 0;
  Digest digest{};
  /** Of the blocks that were sent whole: those that it has not acknowledged. */
  uint32_t open_blocks = 0;
};

using SymbolMap = std::array<uint8_t, kMapBytes>;
inline bool has_bit(const uint8_t* map, uint32_t index) { return (map[index / 8] >> index % 8 & 1) != 0; }
inline void set_bit(SymbolMap& map, uint32_t index) { map[index / 8] |= static_cast<uint8_t>(1U << index % 8); }

/** Whether these may be a message: of a packet that goes to the port of built-in flows. */
[[nodiscard]] bool is_message(std::span<const uint8_t> bytes);
/** The flow it says it is of. Of what is_message(). */
[[nodiscard]] uint32_t flow_of(std::span<const uint8_t> bytes);
/** False where its check, its kind or its length is wrong. */
[[nodiscard]] bool read_head(std::span<const uint8_t> bytes, Head& head);
/** Of what read_head() says is one; false where it can't be. */
[[nodiscard]] bool read_poll(std::span<const uint8_t> bytes, Poll& poll);
/** Of a report, `index` below the head's. */
struct Entry {
  uint32_t block;
  const uint8_t* map;
};
[[nodiscard]] Entry entry_of(std::span<const uint8_t> bytes, uint32_t index);

/** Writes all but what follows the head; seal() is the last step. */
void write_head(const Head& head, uint8_t* to);
void write_poll(const Poll& poll, uint8_t* to);
void write_entry(uint32_t at, uint32_t block, const SymbolMap& map, uint8_t* to);
void seal(std::span<uint8_t> bytes);

}  // namespace nslab::engine::lossless
