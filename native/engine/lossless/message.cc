#include "engine/lossless/message.h"

#include <algorithm>
#include <cstring>

#include "engine/lossless/parity.h"
#include "engine/packets/big_endian.h"
#include "engine/packets/mix.h"

namespace nslab::engine::lossless {
namespace {

constexpr size_t kCheckAt = 20;

/** Sees every bit of every byte; 32 bits miss one damage of four thousand millions. */
uint32_t check_of(std::span<const uint8_t> bytes) {
  uint64_t sum = bytes.size() * kGolden;
  size_t at = 0;
  // Behind the check's own eight bytes.
  const auto take = [&](size_t to) {
    for (; at + 8 <= to; at += 8) {
      uint64_t word;
      std::memcpy(&word, bytes.data() + at, 8);
      sum = (sum ^ word) * 0x9fb2'1c65'1e98'df25;
      sum ^= sum >> 29;
    }
  };
  take(kCheckAt - kCheckAt % 8);
  sum = (sum ^ read_u32(bytes.data() + kCheckAt - 4)) * kGolden;
  at = kCheckAt + 4;
  take(bytes.size());
  uint64_t last = 0;
  if (at < bytes.size()) std::memcpy(&last, bytes.data() + at, bytes.size() - at);
  return static_cast<uint32_t>(mix(sum ^ last * kGolden));
}

}  // namespace

bool Cut::good() const {
  return payload_bytes > 0 && symbol_bytes > 0 && source_symbols > 0 &&
         source_symbols + parity_symbols <= kSymbolsMax && window_blocks > 0 &&
         (payload_bytes + block_bytes() - 1) / block_bytes() < UINT32_MAX;
}

uint32_t Cut::blocks() const { return static_cast<uint32_t>((payload_bytes + block_bytes() - 1) / block_bytes()); }

uint32_t Cut::bytes_of(uint32_t block) const {
  return static_cast<uint32_t>(std::min(block_bytes(), payload_bytes - block * block_bytes()));
}

uint32_t Cut::sources_of(uint32_t block) const { return (bytes_of(block) + symbol_bytes - 1) / symbol_bytes; }

bool is_message(std::span<const uint8_t> bytes) {
  return bytes.size() >= kHeadBytes && read_u32(bytes.data()) == kMessageMagic;
}

uint32_t flow_of(std::span<const uint8_t> bytes) { return read_u32(bytes.data() + 4); }

bool read_head(std::span<const uint8_t> bytes, Head& head) {
  if (!is_message(bytes) || read_u32(bytes.data() + kCheckAt) != check_of(bytes)) return false;
  head.flow = flow_of(bytes);
  head.start = read_u32(bytes.data() + 8);
  head.kind = static_cast<Kind>(bytes[12]);
  head.flags = bytes[13];
  head.index = read_u16(bytes.data() + 14);
  head.block = read_u32(bytes.data() + 16);
  switch (head.kind) {
    case Kind::symbol:
      return true;
    case Kind::poll:
      return bytes.size() == kPollBytes;
    case Kind::report:
      return head.index <= kEntriesMax && bytes.size() == kHeadBytes + size_t{head.index} * kEntryBytes;
  }
  return false;
}

bool read_poll(std::span<const uint8_t> bytes, Poll& poll) {
  const uint8_t* from = bytes.data() + kHeadBytes;
  poll.cut.payload_bytes = uint64_t{read_u32(from)} << 32 | read_u32(from + 4);
  poll.cut.symbol_bytes = read_u16(from + 8);
  poll.cut.source_symbols = from[10];
  poll.cut.parity_symbols = from[11];
  poll.cut.window_blocks = read_u16(from + 12);
  poll.open_blocks = read_u16(from + 14);
  poll.to = read_u32(from + 16);
  poll.cut.group = read_u32(from + 20);
  std::memcpy(poll.digest.data(), from + 24, poll.digest.size());
  return poll.cut.good();
}

Entry entry_of(std::span<const uint8_t> bytes, uint32_t index) {
  const uint8_t* from = bytes.data() + kHeadBytes + size_t{index} * kEntryBytes;
  return {read_u32(from), from + 4};
}

void write_head(const Head& head, uint8_t* to) {
  write_u32(to, kMessageMagic);
  write_u32(to + 4, head.flow);
  write_u32(to + 8, head.start);
  to[12] = static_cast<uint8_t>(head.kind);
  to[13] = head.flags;
  write_u16(to + 14, head.index);
  write_u32(to + 16, head.block);
  write_u32(to + kCheckAt, 0);
}

void write_poll(const Poll& poll, uint8_t* to) {
  uint8_t* at = to + kHeadBytes;
  write_u32(at, static_cast<uint32_t>(poll.cut.payload_bytes >> 32));
  write_u32(at + 4, static_cast<uint32_t>(poll.cut.payload_bytes));
  write_u16(at + 8, static_cast<uint16_t>(poll.cut.symbol_bytes));
  at[10] = static_cast<uint8_t>(poll.cut.source_symbols);
  at[11] = static_cast<uint8_t>(poll.cut.parity_symbols);
  write_u16(at + 12, static_cast<uint16_t>(poll.cut.window_blocks));
  write_u16(at + 14, static_cast<uint16_t>(poll.open_blocks));
  write_u32(at + 16, poll.to);
  write_u32(at + 20, poll.cut.group);
  std::memcpy(at + 24, poll.digest.data(), poll.digest.size());
}

void write_entry(uint32_t at, uint32_t block, const SymbolMap& map, uint8_t* to) {
  uint8_t* entry = to + kHeadBytes + size_t{at} * kEntryBytes;
  write_u32(entry, block);
  std::memcpy(entry + 4, map.data(), map.size());
}

void seal(std::span<uint8_t> bytes) { write_u32(bytes.data() + kCheckAt, check_of(bytes)); }

}  // namespace nslab::engine::lossless
