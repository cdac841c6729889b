#include "engine/packets/stream.h"

#include <algorithm>
#include <cstring>

#include "engine/packets/big_endian.h"

namespace nslab::engine {
namespace {

constexpr uint8_t kTokenKind = static_cast<uint8_t>(FrameKind::token);

/** Of magic, version and kind, as far as they are there. */
FrameFault check_prefix(std::span<const uint8_t> bytes) {
  std::array<uint8_t, 4> magic;
  write_u32(magic.data(), kFrameMagic);
  const size_t known = std::min(bytes.size(), magic.size());
  if (!std::equal(magic.begin(), magic.begin() + known, bytes.begin())) return FrameFault::magic;
  // One number for both: kPacketVersion and kHandshakeVersion differ when one of the layouts has changed.
  if (bytes.size() <= 4) return FrameFault::none;
  const bool packet = bytes[4] == kPacketVersion;
  const bool token = bytes[4] == kHandshakeVersion;
  if (!packet && !token) return FrameFault::version;
  if (bytes.size() <= 5) return FrameFault::none;
  if (bytes[5] == kPacketKind) return packet ? FrameFault::none : FrameFault::version;
  if (bytes[5] == kTokenKind) return token ? FrameFault::none : FrameFault::version;
  return FrameFault::kind;
}

NextFrame faulty(FrameFault fault) { return {Found::fault, fault, 0, {}}; }

}  // namespace

NextFrame next_frame(std::span<const uint8_t> bytes) {
  // The common case first: a packet's whole header is there.
  const bool whole_header = bytes.size() >= kPacketHeaderBytes;
  if (!whole_header || bytes[5] != kPacketKind) {
    if (const FrameFault fault = check_prefix(bytes); fault != FrameFault::none) return faulty(fault);
    if (bytes.size() > 5 && bytes[5] == kTokenKind) {
      const bool whole = bytes.size() >= kFrameBytes;
      return {whole ? Found::token : Found::more, FrameFault::none, kFrameBytes, {}};
    }
    // Either kind has more than these.
    if (bytes.size() >= 8 && read_u16(&bytes[6]) < kPacketBytesMin) return faulty(FrameFault::length);
    return {Found::more, FrameFault::none, kPacketHeaderBytes, {}};
  }
  NextFrame next;
  if (next.fault = decode_header(bytes.data(), next.header); next.fault != FrameFault::none) {
    next.found = Found::fault;
    return next;
  }
  next.size = kPacketHeaderBytes + next.header.packet_bytes;
  next.found = bytes.size() >= next.size ? Found::packet : Found::more;
  return next;
}

StreamParser::StreamParser() : buffer_(new uint8_t[kStreamFrameMax]) {}

void StreamParser::reset() {
  kept_ = 0;
  given_ = false;
  piece_ = {};
  fault_ = FrameFault::none;
}

void StreamParser::feed(std::span<const uint8_t> piece) {
  if (fault_ == FrameFault::none) piece_ = piece;
}

void StreamParser::keep(size_t upto) {
  const size_t count = std::min(upto - kept_, piece_.size());
  std::memcpy(buffer_.get() + kept_, piece_.data(), count);
  kept_ += count;
  piece_ = piece_.subspan(count);
}

bool StreamParser::next(Frame& frame) {
  if (given_) {
    given_ = false;
    kept_ = 0;
  }
  if (fault_ != FrameFault::none || piece_.empty()) return false;
  if (kept_ == 0) return next_of_piece(frame);
  while (!piece_.empty()) {
    // No byte more than the frame has: what follows it is read from the piece. Magic, version, kind and length are the
    // same eight bytes of either kind, and say how many.
    NextFrame next = next_frame({buffer_.get(), kept_});
    keep(kept_ < 8 ? 8 : next.size);
    next = next_frame({buffer_.get(), kept_});
    if (next.found == Found::fault) {
      fault_ = next.fault;
      return false;
    }
    if (next.found == Found::more) continue;
    frame = {next.found, next.header, {buffer_.get(), kept_}};
    given_ = true;
    return true;
  }
  return false;
}

bool StreamParser::next_of_piece(Frame& frame) {
  const NextFrame next = next_frame(piece_);
  if (next.found == Found::fault) {
    fault_ = next.fault;
    return false;
  }
  if (next.found == Found::more) {
    keep(piece_.size());
    return false;
  }
  frame = {next.found, next.header, piece_.first(next.size)};
  piece_ = piece_.subspan(next.size);
  return true;
}

}  // namespace nslab::engine
