#include "engine/packets/ip.h"

#include <algorithm>

#include "engine/packets/big_endian.h"
#include "engine/packets/mix.h"

namespace nslab::engine {
namespace {

constexpr uint8_t kTcp = 6;
constexpr uint8_t kUdp = 17;
constexpr uint8_t kSctp = 132;
constexpr uint8_t kUdpLite = 136;
constexpr size_t kHeader6Bytes = 40;
/** More extension headers than any program sends. */
constexpr int kExtensionsMax = 8;

bool has_ports(uint8_t protocol) {
  return protocol == kTcp || protocol == kUdp || protocol == kSctp || protocol == kUdpLite;
}

uint64_t add(uint64_t hash, uint64_t value) { return mix((hash ^ value) + kGolden); }

uint32_t fold(uint64_t hash) { return static_cast<uint32_t>(hash ^ hash >> 32); }

/** Both ports as one number; 0 where the packet is cut off before their end. */
uint32_t ports_at(std::span<const uint8_t> packet, size_t at, uint8_t protocol) {
  return has_ports(protocol) && packet.size() >= at + 4 ? read_u32(&packet[at]) : 0;
}

uint32_t offset_in(uint32_t address, uint32_t base, uint32_t mask) {
  return (address & mask) == (base & mask) && address > base ? address - base : 0;
}

IpFault set_ends(uint32_t source, uint32_t node, uint32_t group, PacketHeader& header) {
  if (source == 0) return IpFault::source;
  if (node == 0 && group == 0) return IpFault::destination;
  header.source = source;
  header.destination = node != 0 ? node : group;
  header.flags = node != 0 ? 0 : kFlagGroup;
  return IpFault::none;
}

IpFault read_ip4(std::span<const uint8_t> bytes, const AddressRule& rule, PacketHeader& header) {
  if (bytes.size() < kPacketBytesMin) return IpFault::header;
  const size_t header_bytes = size_t{bytes[0] & 0x0fU} * 4;
  const uint16_t total = read_u16(&bytes[2]);
  if (header_bytes < kPacketBytesMin || header_bytes > bytes.size()) return IpFault::header;
  if (total < header_bytes || total > bytes.size()) return IpFault::length;
  if (checksum(bytes.first(header_bytes)) != 0) return IpFault::checksum;
  const uint32_t source = read_u32(&bytes[12]);
  const uint32_t destination = read_u32(&bytes[16]);
  const uint8_t protocol = bytes[9];
  // More fragments, or not the first.
  const bool fragment = (read_u16(&bytes[6]) & 0x3fff) != 0;
  const uint32_t ports = fragment ? 0 : ports_at(bytes.first(total), header_bytes, protocol);
  header.packet_bytes = total;
  header.flow = fold(add(add(mix(uint64_t{source} << 32 | destination), protocol), ports));
  return set_ends(node_of(source, rule), node_of(destination, rule), group_of(destination, rule), header);
}

bool is_extension(uint8_t kind) { return kind == 0 || kind == 43 || kind == 60 || kind == 44; }

struct Upper {
  uint8_t protocol = 0;
  uint32_t ports = 0;
  bool whole = false;
};

/** Past the extension headers. */
Upper read_upper(std::span<const uint8_t> packet) {
  Upper upper{packet[6], 0, true};
  size_t at = kHeader6Bytes;
  bool fragment = false;
  for (int i = 0; i < kExtensionsMax && is_extension(upper.protocol); i++) {
    if (packet.size() < at + 8) return {};
    const bool splits = upper.protocol == 44;
    // More fragments, or not the first: what follows may be the middle of anything.
    fragment = fragment || (splits && (read_u16(&packet[at + 2]) & 0xfff9) != 0);
    upper.protocol = packet[at];
    at += splits ? 8 : size_t{packet[at + 1]} * 8 + 8;
    if (at > packet.size()) return {};
    if (fragment) return upper;
  }
  upper.ports = ports_at(packet, at, upper.protocol);
  return upper;
}

uint32_t number6(const uint8_t* address, const std::array<uint8_t, 12>& base) {
  return std::equal(base.begin(), base.end(), address) ? read_u32(address + base.size()) : 0;
}

IpFault read_ip6(std::span<const uint8_t> bytes, const AddressRule& rule, PacketHeader& header) {
  if (bytes.size() < kHeader6Bytes) return IpFault::header;
  const size_t total = kHeader6Bytes + read_u16(&bytes[4]);
  if (total > bytes.size() || total > kPacketBytesMax) return IpFault::length;
  const Upper upper = read_upper(bytes.first(total));
  if (!upper.whole) return IpFault::header;
  uint64_t hash = upper.protocol;
  for (size_t at = 8; at < kHeader6Bytes; at += 4) hash = add(hash, read_u32(&bytes[at]));
  header.packet_bytes = static_cast<uint16_t>(total);
  header.flow = fold(add(hash, upper.ports));
  const uint8_t* destination = &bytes[24];
  return set_ends(number6(&bytes[8], rule.base6), number6(destination, rule.base6),
                  number6(destination, rule.group_base6), header);
}

/** What UDP's checksum covers beside itself. */
uint32_t pseudo_sum(const uint8_t* packet, size_t udp_bytes) {
  uint32_t sum = kUdp + static_cast<uint32_t>(udp_bytes);
  for (size_t at = 12; at < 20; at += 2) sum += read_u16(packet + at);
  return sum;
}

}  // namespace

const char* fault_name(IpFault fault) {
  switch (fault) {
    case IpFault::none:
      return "none";
    case IpFault::version:
      return "version";
    case IpFault::header:
      return "header";
    case IpFault::length:
      return "length";
    case IpFault::checksum:
      return "checksum";
    case IpFault::source:
      return "source";
    case IpFault::destination:
      return "destination";
  }
  return "unknown";
}

uint32_t node_of(uint32_t address, const AddressRule& rule) { return offset_in(address, rule.base, rule.mask); }

uint32_t group_of(uint32_t address, const AddressRule& rule) {
  return offset_in(address, rule.group_base, rule.group_mask);
}

IpFault read_ip(std::span<const uint8_t> bytes, const AddressRule& rule, PacketHeader& header) {
  if (bytes.empty()) return IpFault::header;
  switch (bytes[0] >> 4) {
    case 4:
      return read_ip4(bytes, rule, header);
    case 6:
      return read_ip6(bytes, rule, header);
    default:
      return IpFault::version;
  }
}

uint16_t checksum(std::span<const uint8_t> bytes, uint32_t start) {
  uint64_t sum = start;
  size_t at = 0;
  // In fours, each as two words: they fold into the same.
  for (; at + 4 <= bytes.size(); at += 4) sum += read_u32(&bytes[at]);
  if (at + 2 <= bytes.size()) {
    sum += read_u16(&bytes[at]);
    at += 2;
  }
  if (at < bytes.size()) sum += uint32_t{bytes[at]} << 8;
  while (sum >> 16) sum = (sum & 0xffff) + (sum >> 16);
  return static_cast<uint16_t>(~sum);
}

void write_udp(uint8_t* packet, size_t payload_bytes, const UdpEnds& ends, uint16_t identification,
               uint8_t time_to_live) {
  const auto udp_bytes = static_cast<uint16_t>(payload_bytes + 8);
  packet[0] = 0x45;
  packet[1] = 0;
  write_u16(packet + 2, static_cast<uint16_t>(udp_bytes + 20));
  write_u16(packet + 4, identification);
  // Not to be fragmented.
  write_u16(packet + 6, 0x4000);
  packet[8] = time_to_live;
  packet[9] = kUdp;
  write_u16(packet + 10, 0);
  write_u32(packet + 12, ends.source_address);
  write_u32(packet + 16, ends.destination_address);
  write_u16(packet + 10, checksum({packet, 20}));
  uint8_t* udp = packet + 20;
  write_u16(udp, ends.source_port);
  write_u16(udp + 2, ends.destination_port);
  write_u16(udp + 4, udp_bytes);
  write_u16(udp + 6, 0);
  const uint16_t sum = checksum({udp, udp_bytes}, pseudo_sum(packet, udp_bytes));
  // 0 means that there is none.
  write_u16(udp + 6, sum == 0 ? 0xffff : sum);
}

bool read_udp(std::span<const uint8_t> bytes, UdpEnds& ends, std::span<const uint8_t>& payload) {
  if (bytes.size() < kUdpHeadersBytes || bytes[0] >> 4 != 4) return false;
  const size_t header_bytes = size_t{bytes[0] & 0x0fU} * 4;
  const size_t total = read_u16(&bytes[2]);
  if (header_bytes < 20 || total > bytes.size() || total < header_bytes + 8) return false;
  if (checksum(bytes.first(header_bytes)) != 0) return false;
  if (bytes[9] != kUdp || (read_u16(&bytes[6]) & 0x3fff) != 0) return false;
  const std::span<const uint8_t> udp = bytes.subspan(header_bytes, total - header_bytes);
  if (read_u16(&udp[4]) != udp.size()) return false;
  if (checksum(udp, pseudo_sum(bytes.data(), udp.size())) != 0) return false;
  ends = {read_u32(&bytes[12]), read_u32(&bytes[16]), read_u16(&udp[0]), read_u16(&udp[2])};
  payload = udp.subspan(8);
  return true;
}

}  // namespace nslab::engine
