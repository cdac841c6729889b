#include "engine/packets/frame.h"

#include "engine/packets/big_endian.h"

namespace nslab::engine {

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
  out[kHopsOffset] = header.hops_left;
  out[21] = header.flags;
  write_u16(out + 22, header.tree);
}

FrameFault decode_header(const uint8_t* bytes, PacketHeader& header) {
  if (read_u32(bytes) != kFrameMagic) return FrameFault::magic;
  if (bytes[4] != kPacketVersion) return FrameFault::version;
  if (bytes[5] != kPacketKind) return FrameFault::kind;
  header.packet_bytes = read_u16(bytes + 6);
  header.source = read_u32(bytes + 8);
  header.destination = read_u32(bytes + 12);
  header.flow = read_u32(bytes + 16);
  header.hops_left = bytes[kHopsOffset];
  header.flags = bytes[21];
  header.tree = read_u16(bytes + 22);
  if (header.packet_bytes < kPacketBytesMin) return FrameFault::length;
  if ((header.flags & ~kFlagsKnown) != 0) return FrameFault::flags;
  // Trees are those of groups.
  if ((header.flags & kFlagTree) != 0 && (header.flags & kFlagGroup) == 0) return FrameFault::flags;
  if ((header.flags & kFlagTree) == 0 && header.tree != 0) return FrameFault::tree;
  if (header.source == 0 || header.destination == 0) return FrameFault::node;
  return FrameFault::none;
}

}  // namespace nslab::engine
