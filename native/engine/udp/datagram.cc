#include "engine/udp/datagram.h"

#include <algorithm>

#include "engine/packets/big_endian.h"

namespace nslab::engine::udp {
namespace {

constexpr uint32_t kMagic = 0x4e53'4c55;

uint64_t read_u64(const uint8_t* bytes) { return uint64_t{read_u32(bytes)} << 32 | read_u32(bytes + 4); }
void write_u64(uint8_t* bytes, uint64_t value) {
  write_u32(bytes, static_cast<uint32_t>(value >> 32));
  write_u32(bytes + 4, static_cast<uint32_t>(value));
}

bool is_handshake(Kind kind) { return kind <= Kind::reject; }

FrameKind frame_of(Kind kind) {
  if (kind == Kind::reject) return FrameKind::reject;
  return kind == Kind::hello || kind == Kind::challenge ? FrameKind::hello : FrameKind::ready;
}

}  // namespace

void encode(const Header& header, uint8_t* out) {
  write_u32(out, kMagic);
  out[4] = kVersion;
  out[5] = static_cast<uint8_t>(header.kind);
  out[6] = header.part;
  out[7] = header.parts;
  write_u64(out + 8, header.key);
  write_u64(out + 16, header.number);
  write_u64(out + 24, header.packets);
}

bool decode(std::span<const uint8_t> bytes, Header& header) {
  if (bytes.size() < kHeaderBytes || read_u32(bytes.data()) != kMagic || bytes[4] != kVersion) return false;
  if (bytes[5] < 1 || bytes[5] > kKindMax) return false;
  header.kind = static_cast<Kind>(bytes[5]);
  header.part = bytes[6];
  header.parts = bytes[7];
  header.key = read_u64(bytes.data() + 8);
  header.number = read_u64(bytes.data() + 16);
  header.packets = read_u64(bytes.data() + 24);
  const size_t rest = bytes.size() - kHeaderBytes;
  if (header.kind != Kind::data) {
    const bool has_frame = is_handshake(header.kind) || header.kind == Kind::token;
    return header.part == 0 && header.parts == 0 && rest == (has_frame ? kFrameBytes : 0);
  }
  if (header.packets == 0 || rest == 0) return false;
  if (header.parts == 0) return header.part == 0;
  if (header.parts == 1 || header.part >= header.parts) return false;
  return header.part + 1 == header.parts || rest >= kPartBytesMin;
}

HandshakeDatagram encode_handshake(const Header& header, const Frame& frame) {
  HandshakeDatagram bytes;
  encode(header, bytes.data());
  const FrameBytes own = engine::encode(frame);
  std::ranges::copy(own, bytes.begin() + kHeaderBytes);
  return bytes;
}

Reason decode_handshake(std::span<const uint8_t> bytes, Header& header, Frame& frame) {
  if (bytes.size() >= 5 && read_u32(bytes.data()) == kMagic && bytes[4] != kVersion) return Reason::wrong_version;
  if (bytes.size() < kHandshakeBytes) return Reason::truncated;
  if (!decode(bytes, header) || !is_handshake(header.kind)) return Reason::malformed;
  FrameBytes own;
  std::copy_n(bytes.begin() + kHeaderBytes, kFrameBytes, own.begin());
  if (const Reason fault = engine::decode(own, frame); fault != Reason::none) return fault;
  return frame.kind == frame_of(header.kind) ? Reason::none : Reason::malformed;
}

}  // namespace nslab::engine::udp
