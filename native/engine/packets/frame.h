// The frame that carries a packet over a link. It shares its first six bytes with the frames of the handshake
// (src/protocol/link-handshake.ts), so that a link is one stream of frames. Layout and rules are documented once, here;
// src/protocol/packet-frame.ts is the slow and obvious second codec, held to this one by a test.
//
// Numbers in network byte order:
//
//    0  4  magic "NSLK"                8  4  source node id
//    4  1  version (kPacketVersion)   12  4  destination node id, or group number where flagged
//    5  1  kind (kPacketKind)         16  4  flow: a hash of what the packet is part of, the same for all its packets
//    6  2  bytes of the packet        20  2  from the highest bit: 1 group, 1 tree, 14 hops left; who receives a frame
//          that follows                     with 0 left may deliver, not forward
//                                     22  2  tree; 0 unless flagged
//
// The packet is an IPv4 or IPv6 packet as it came from, or goes to, the node's TUN interface. The header is made where
// it enters the overlay, and relays read nothing beyond it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>

namespace nslab::engine {

inline constexpr uint32_t kFrameMagic = 0x4e53'4c4b;
inline constexpr uint8_t kPacketVersion = 1;
inline constexpr uint8_t kPacketKind = 5;
inline constexpr size_t kPacketHeaderBytes = 24;
/** An IPv4 header without options. */
inline constexpr size_t kPacketBytesMin = 20;
/** What IPv4 can say of itself; a TUN interface with segmentation offload hands over so much at once. */
inline constexpr size_t kPacketBytesMax = 65'535;
/** Half-way round a ring of 32,766. */
inline constexpr uint16_t kHopsMax = 0x3fff;
/** Where a relay writes. */
inline constexpr size_t kHopsOffset = 20;

inline constexpr uint8_t kFlagGroup = 1;
inline constexpr uint8_t kFlagTree = 2;

struct PacketHeader {
  uint16_t packet_bytes = 0;
  uint32_t source = 0;
  /** Node id or, with kFlagGroup, group number. */
  uint32_t destination = 0;
  uint32_t flow = 0;
  uint16_t hops_left = kHopsMax;
  uint8_t flags = 0;
  uint16_t tree = 0;
};

enum class FrameFault : uint8_t { none, magic, version, kind, length, flags, tree, node };

/** "magic", …: as in events. */
[[nodiscard]] const char* fault_name(FrameFault fault);

void encode_header(const PacketHeader& header, uint8_t* out);
/** Of a frame that has hops left. */
void take_hop(uint8_t* frame);
/** Of kPacketHeaderBytes; `header` is whole only where the answer is none. */
[[nodiscard]] FrameFault decode_header(const uint8_t* bytes, PacketHeader& header);

}  // namespace nslab::engine
