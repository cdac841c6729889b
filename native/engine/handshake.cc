// The codec of the links' frame.
#include "engine/handshake.h"

#include <algorithm>

namespace nslab::engine {
namespace {

constexpr std::array<uint8_t, 4> kMagic = {'N', 'S', 'L', 'K'};
constexpr size_t kVersionAt = 4, kKindAt = 5, kReasonAt = 6, kReservedAt = 7;
constexpr size_t kRunIdAt = 8, kSenderAt = 24, kIntendedAt = 28, kIncarnationAt = 32;

void put(uint8_t* at, uint64_t value, size_t size) {
  for (size_t i = size; i-- > 0; value >>= 8) at[i] = static_cast<uint8_t>(value);
}

uint64_t get(const uint8_t* at, size_t size) {
  uint64_t value = 0;
  for (size_t i = 0; i < size; i++) value = value << 8 | at[i];
  return value;
}

}  // namespace

const char* reason_name(Reason reason) {
  constexpr const char* kNames[] = {"none",         "malformed", "wrong_version",     "wrong_run", "wrong_peer",
                                    "unknown_peer", "duplicate", "stale_incarnation", "timeout",   "truncated"};
  static_assert(std::size(kNames) == kReasonMax + 1);
  return kNames[static_cast<uint8_t>(reason)];
}

FrameBytes encode(const Frame& frame) {
  FrameBytes bytes{};
  std::copy(kMagic.begin(), kMagic.end(), bytes.begin());
  bytes[kVersionAt] = kHandshakeVersion;
  bytes[kKindAt] = static_cast<uint8_t>(frame.kind);
  bytes[kReasonAt] = static_cast<uint8_t>(frame.reason);
  std::copy(frame.run_id.begin(), frame.run_id.end(), bytes.begin() + kRunIdAt);
  put(&bytes[kSenderAt], frame.sender, 4);
  put(&bytes[kIntendedAt], frame.intended, 4);
  put(&bytes[kIncarnationAt], frame.incarnation, 8);
  return bytes;
}

Reason check_start(const FrameBytes& bytes, size_t count) {
  const size_t magic = std::min(count, kMagic.size());
  if (!std::equal(bytes.begin(), bytes.begin() + magic, kMagic.begin())) return Reason::malformed;
  return count > kVersionAt && bytes[kVersionAt] != kHandshakeVersion ? Reason::wrong_version : Reason::none;
}

Reason decode(const FrameBytes& bytes, Frame& frame) {
  if (const Reason start = check_start(bytes, kFrameBytes); start != Reason::none) return start;
  const uint8_t kind = bytes[kKindAt], reason = bytes[kReasonAt];
  if (kind < 1 || kind > kFrameKindMax || reason > kReasonMax || bytes[kReservedAt] != 0) return Reason::malformed;
  if ((kind == static_cast<uint8_t>(FrameKind::reject)) != (reason != 0)) return Reason::malformed;
  frame.kind = static_cast<FrameKind>(kind);
  frame.reason = static_cast<Reason>(reason);
  std::copy_n(bytes.begin() + kRunIdAt, frame.run_id.size(), frame.run_id.begin());
  frame.sender = static_cast<uint32_t>(get(&bytes[kSenderAt], 4));
  frame.intended = static_cast<uint32_t>(get(&bytes[kIntendedAt], 4));
  frame.incarnation = get(&bytes[kIncarnationAt], 8);
  return Reason::none;
}

}  // namespace nslab::engine
