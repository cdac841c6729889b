#include "engine/packets/frame.h"

#include "engine/packets/big_endian.h"

namespace nslab::engine {
namespace {

constexpr uint16_t kGroupBit = 0x8000;
constexpr uint16_t kTreeBit = 0x4000;

}  // namespace

const char* fault_name(FrameFault fault) {
  switch (fault) {
    case FrameFault::none:
      return "none";
    case FrameFault::magic:
      return "magic";
    case FrameFault::version:
      return "version";
    case FrameFault::kind:
      return "kind";
    case FrameFault::length:
      return "length";
    case FrameFault::flags:
      return "flags";
    case FrameFault::tree:
      return "tree";
    case FrameFault::node:
      return "node";
  }
  return "unknown";
}

void encode_header(const PacketHeader& header, uint8_t* out) {
  write_u32(out, kFrameMagic);
  out[4] = kPacketVersion;
  out[5] = kPacketKind;
  write_u16(out + 6, header.packet_bytes);
  write_u32(out + 8, header.source);
  write_u32(out + 12, header.destination);
  write_u32(out + 16, header.flow);
  const uint32_t flags = (header.flags & kFlagGroup ? kGroupBit : 0u) | (header.flags & kFlagTree ? kTreeBit : 0u);
  write_u16(out + kHopsOffset, static_cast<uint16_t>(flags | header.hops_left));
  write_u16(out + 22, header.tree);
}

void take_hop(uint8_t* frame) {
  write_u16(frame + kHopsOffset, static_cast<uint16_t>(read_u16(frame + kHopsOffset) - 1));
}

FrameFault decode_header(const uint8_t* bytes, PacketHeader& header) {
  if (read_u32(bytes) != kFrameMagic) return FrameFault::magic;
  if (bytes[4] != kPacketVersion) return FrameFault::version;
  if (bytes[5] != kPacketKind) return FrameFault::kind;
  header.packet_bytes = read_u16(bytes + 6);
  header.source = read_u32(bytes + 8);
  header.destination = read_u32(bytes + 12);
  header.flow = read_u32(bytes + 16);
  const uint16_t hops = read_u16(bytes + kHopsOffset);
  header.hops_left = hops & kHopsMax;
  header.flags = static_cast<uint8_t>((hops & kGroupBit ? kFlagGroup : 0u) | (hops & kTreeBit ? kFlagTree : 0u));
  header.tree = read_u16(bytes + 22);
  if (header.packet_bytes < kPacketBytesMin) return FrameFault::length;
  // Trees are those of groups.
  if ((header.flags & kFlagTree) != 0 && (header.flags & kFlagGroup) == 0) return FrameFault::flags;
  if ((header.flags & kFlagTree) == 0 && header.tree != 0) return FrameFault::tree;
  if (header.source == 0 || header.destination == 0) return FrameFault::node;
  return FrameFault::none;
}

}  // namespace nslab::engine
