// From an IP packet, as a TUN interface hands it over, to the header of its frame; and the packets that built-in flows
// make. Reads IPv4 and IPv6 as far as the overlay needs it, and trusts no length.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

#include "engine/packets/frame.h"

namespace nslab::engine {

/** Which address is whose. IPv4 in host byte order. */
struct AddressRule {
  /** A node's address is base + node id, a group's is base + group number; within the mask. */
  uint32_t base = 0x0a00'0000;
  uint32_t mask = 0xffff'0000;
  uint32_t group_base = 0xefff'0000;
  uint32_t group_mask = 0xffff'0000;
  /** IPv6: the first 12 bytes, and the id or number in the last four. */
  std::array<uint8_t, 12> base6{0xfd, 0x6e, 0x73, 0x6c};
  std::array<uint8_t, 12> group_base6{0xff, 0x18, 0x6e, 0x73, 0x6c};
};

enum class IpFault : uint8_t {
  none,
  /** Neither 4 nor 6. */
  version,
  /** A header that is cut off, or shorter than it may be. */
  header,
  /** The packet says it is longer than what there is, or than a frame can carry. */
  length,
  /** Of the IPv4 header. */
  checksum,
  /** Not of a node. */
  source,
  /** Neither of a node nor of a group. */
  destination,
};

/** "version", …: as in events. */
[[nodiscard]] const char* fault_name(IpFault fault);

/** The node id that an address has, 0: none. */
[[nodiscard]] uint32_t node_of(uint32_t address, const AddressRule& rule);
/** The group's number, 0: none. */
[[nodiscard]] uint32_t group_of(uint32_t address, const AddressRule& rule);

/**
 * Fills all of `header` but hops and tree. Where bytes follow the packet, they are no part of it. The flow is a hash of
 * addresses, protocol and ports, the same in every run and on every machine; of a fragment, which may have no ports, of
 * addresses and protocol.
 */
[[nodiscard]] IpFault read_ip(std::span<const uint8_t> bytes, const AddressRule& rule, PacketHeader& header);

/** The Internet checksum: of whole 16-bit words in network byte order, an odd byte last. Source: RFC 1071. */
[[nodiscard]] uint16_t checksum(std::span<const uint8_t> bytes, uint32_t start = 0);

inline constexpr size_t kUdpHeadersBytes = 28;
inline constexpr size_t kUdpPayloadMax = kPacketBytesMax - kUdpHeadersBytes;

/** Ends of a built-in flow, in host byte order. */
struct UdpEnds {
  uint32_t source_address = 0;
  uint32_t destination_address = 0;
  uint16_t source_port = 0;
  uint16_t destination_port = 0;
};

/** Writes IPv4 and UDP headers in front of a payload that is there: `packet` has kUdpHeadersBytes of room before it. */
void write_udp(uint8_t* packet, size_t payload_bytes, const UdpEnds& ends, uint16_t identification = 0,
               uint8_t time_to_live = 64);
/** An unfragmented IPv4 packet with UDP whose lengths and checksums are right. */
[[nodiscard]] bool read_udp(std::span<const uint8_t> bytes, UdpEnds& ends, std::span<const uint8_t>& payload);

}  // namespace nslab::engine
