#include "engine/packets/offload.h"

#include <netinet/in.h>

#include <algorithm>
#include <cstring>

#include "engine/packets/big_endian.h"
#include "engine/packets/frame.h"
#include "engine/packets/ip.h"

namespace nslab::engine {
namespace {

constexpr uint32_t kIp4Bytes = 20;
constexpr uint32_t kIp6Bytes = 40;
constexpr uint32_t kTcpBytes = 20;
constexpr uint32_t kUdpBytes = 8;
constexpr uint32_t kTcpChecksumAt = 16;
constexpr uint32_t kUdpChecksumAt = 6;
constexpr uint32_t kTcpFlagsAt = 13;
constexpr uint8_t kFin = 1, kPsh = 8, kAck = 16, kCwr = 128;

/** What TCP and UDP cover beside themselves, of either version of IP. */
uint32_t pseudo_sum(const uint8_t* packet, bool is_ip6, uint8_t protocol, uint32_t bytes) {
  uint32_t sum = protocol + bytes;
  const uint32_t from = is_ip6 ? 8 : 12, to = is_ip6 ? kIp6Bytes : kIp4Bytes;
  for (uint32_t at = from; at < to; at += 2) sum += read_u16(packet + at);
  return sum;
}

uint16_t folded(uint32_t sum) {
  while (sum >> 16) sum = (sum & 0xffff) + (sum >> 16);
  return static_cast<uint16_t>(sum);
}

}  // namespace

const char* fault_name(OffloadFault fault) {
  switch (fault) {
    case OffloadFault::none:
      return "none";
    case OffloadFault::type:
      return "type";
    case OffloadFault::header:
      return "header";
    case OffloadFault::size:
      return "size";
    case OffloadFault::checksum:
      return "checksum";
  }
  return "unknown";
}

OffloadFault complete_checksum(const VnetHeader& vnet, std::span<uint8_t> packet) {
  if (vnet.gso_type != kVnetGsoNone) return OffloadFault::type;
  if ((vnet.flags & kVnetNeedsChecksum) == 0) return OffloadFault::none;
  const size_t start = vnet.checksum_start, at = start + vnet.checksum_offset;
  if (start < kIp4Bytes || at + 2 > packet.size()) return OffloadFault::checksum;
  // There stands what the sum begins with: the part that is not of the packet.
  const uint16_t sum = checksum(packet.subspan(start));
  // Of UDP, where 0 says that there is none.
  write_u16(&packet[at], sum == 0 && vnet.checksum_offset == kUdpChecksumAt ? 0xffff : sum);
  return OffloadFault::none;
}

OffloadFault Segments::open(const VnetHeader& vnet, std::span<const uint8_t> packet) {
  *this = {};
  const uint8_t type = vnet.gso_type & static_cast<uint8_t>(~kVnetGsoEcn);
  const bool is_tcp = type == kVnetGsoTcp4 || type == kVnetGsoTcp6;
  if (!is_tcp && vnet.gso_type != kVnetGsoUdp) return OffloadFault::type;
  if (vnet.gso_bytes == 0) return OffloadFault::size;
  if (packet.empty()) return OffloadFault::header;
  const uint8_t version = packet[0] >> 4;
  if (version != 4 && version != 6) return OffloadFault::header;
  const bool is_ip6 = version == 6;
  if (is_tcp && is_ip6 != (type == kVnetGsoTcp6)) return OffloadFault::header;
  const uint32_t ip_bytes = is_ip6 ? kIp6Bytes : (packet[0] & 15u) * 4;
  if (ip_bytes < kIp4Bytes || packet.size() < ip_bytes) return OffloadFault::header;
  const size_t said = is_ip6 ? kIp6Bytes + read_u16(&packet[4]) : read_u16(&packet[2]);
  const bool is_fragment = !is_ip6 && (read_u16(&packet[6]) & 0x3fff) != 0;
  if (said != packet.size() || is_fragment || packet[is_ip6 ? 6 : 9] != (is_tcp ? IPPROTO_TCP : IPPROTO_UDP))
    return OffloadFault::header;
  uint32_t header_bytes = ip_bytes + (is_tcp ? kTcpBytes : kUdpBytes);
  if (packet.size() < header_bytes) return OffloadFault::header;
  if (is_tcp) {
    const uint32_t own = (packet[ip_bytes + 12] >> 4) * 4u;
    if (own < kTcpBytes || packet.size() < ip_bytes + own) return OffloadFault::header;
    header_bytes = ip_bytes + own;
  } else if (read_u16(&packet[ip_bytes + 4]) != packet.size() - ip_bytes) {
    return OffloadFault::header;
  }
  const uint32_t checksum_at = is_tcp ? kTcpChecksumAt : kUdpChecksumAt;
  const bool has_place = vnet.checksum_start == ip_bytes && vnet.checksum_offset == checksum_at;
  if ((vnet.flags & kVnetNeedsChecksum) != 0 && !has_place) return OffloadFault::checksum;
  if (packet.size() == header_bytes) return OffloadFault::size;
  packet_ = packet.data();
  ip_bytes_ = ip_bytes;
  header_bytes_ = header_bytes;
  payload_bytes_ = static_cast<uint32_t>(packet.size()) - header_bytes;
  segment_bytes_ = vnet.gso_bytes;
  is_ip6_ = is_ip6;
  is_tcp_ = is_tcp;
  return OffloadFault::none;
}

uint32_t Segments::next_bytes() const { return header_bytes_ + std::min(segment_bytes_, payload_bytes_ - at_); }

void Segments::write(uint8_t* out) {
  const uint32_t bytes = next_bytes(), transport_bytes = bytes - ip_bytes_;
  std::memcpy(out, packet_, header_bytes_);
  std::memcpy(out + header_bytes_, packet_ + header_bytes_ + at_, bytes - header_bytes_);
  uint8_t* transport = out + ip_bytes_;
  if (is_ip6_) {
    write_u16(out + 4, static_cast<uint16_t>(bytes - kIp6Bytes));
  } else {
    write_u16(out + 2, static_cast<uint16_t>(bytes));
    write_u16(out + 4, static_cast<uint16_t>(read_u16(packet_ + 4) + at_ / segment_bytes_));
    write_u16(out + 10, 0);
    write_u16(out + 10, checksum({out, ip_bytes_}));
  }
  const bool is_first = at_ == 0;
  at_ += bytes - header_bytes_;
  uint8_t* sum_at = transport + kUdpChecksumAt;
  if (is_tcp_) {
    sum_at = transport + kTcpChecksumAt;
    write_u32(transport + 4, read_u32(transport + 4) + at_ - (bytes - header_bytes_));
    if (!done()) transport[kTcpFlagsAt] &= static_cast<uint8_t>(~(kFin | kPsh));
    if (!is_first) transport[kTcpFlagsAt] &= static_cast<uint8_t>(~kCwr);
  } else {
    write_u16(transport + 4, static_cast<uint16_t>(transport_bytes));
  }
  write_u16(sum_at, 0);
  const uint16_t sum = checksum({transport, transport_bytes},
                                pseudo_sum(out, is_ip6_, is_tcp_ ? IPPROTO_TCP : IPPROTO_UDP, transport_bytes));
  write_u16(sum_at, sum == 0 && !is_tcp_ ? 0xffff : sum);
}

bool Joined::begin(std::span<const uint8_t> packet) {
  packets_ = 0;
  const uint8_t* bytes = packet.data();
  if (packet.size() <= kIp4Bytes + kTcpBytes || bytes[0] != 0x45 || bytes[9] != IPPROTO_TCP) return false;
  // Whole, and not a byte more than it says; fragments are joined by whoever is at the end.
  if (read_u16(bytes + 2) != packet.size() || (read_u16(bytes + 6) & 0x3fff) != 0) return false;
  const uint32_t header_bytes = kIp4Bytes + (bytes[kIp4Bytes + 12] >> 4) * 4u;
  if (header_bytes < kIp4Bytes + kTcpBytes || header_bytes >= packet.size()) return false;
  if ((bytes[kIp4Bytes + kTcpFlagsAt] & ~kPsh) != kAck) return false;
  if (checksum(packet.first(kIp4Bytes)) != 0) return false;
  const auto tcp = packet.subspan(kIp4Bytes);
  if (checksum(tcp, pseudo_sum(bytes, false, IPPROTO_TCP, static_cast<uint32_t>(tcp.size()))) != 0) return false;
  std::memcpy(head_.data(), bytes, header_bytes);
  header_bytes_ = header_bytes;
  segment_bytes_ = payload_bytes_ = static_cast<uint32_t>(packet.size()) - header_bytes;
  packets_ = 1;
  closed_ = (bytes[kIp4Bytes + kTcpFlagsAt] & kPsh) != 0;
  return true;
}

bool Joined::add(std::span<const uint8_t> packet) {
  if (packets_ == 0 || closed_ || packet.size() <= header_bytes_) return false;
  const uint8_t *bytes = packet.data(), *head = head_.data();
  const auto payload_bytes = static_cast<uint32_t>(packet.size()) - header_bytes_;
  if (payload_bytes > segment_bytes_ || header_bytes_ + payload_bytes_ + payload_bytes > kPacketBytesMax) return false;
  // Version and service, flags and time to live, protocol, addresses; identifications may be any.
  const bool same_ip = std::memcmp(bytes, head, 2) == 0 && std::memcmp(bytes + 6, head + 6, 4) == 0 &&
                       std::memcmp(bytes + 12, head + 12, 8) == 0;
  const uint8_t *tcp = bytes + kIp4Bytes, *first = head + kIp4Bytes;
  // Ports; acknowledgement; length; window and, behind the checksum, urgent pointer and options.
  const bool same_tcp = std::memcmp(tcp, first, 4) == 0 && std::memcmp(tcp + 8, first + 8, 5) == 0 &&
                        std::memcmp(tcp + 14, first + 14, 2) == 0 &&
                        std::memcmp(tcp + 18, first + 18, header_bytes_ - kIp4Bytes - 18) == 0;
  if (!same_ip || !same_tcp || read_u32(tcp + 4) != read_u32(first + 4) + payload_bytes_) return false;
  Joined alone;
  if (!alone.begin(packet)) return false;
  payload_bytes_ += payload_bytes;
  packets_++;
  // Only the last may be shorter, and what was pushed is not to wait.
  closed_ = alone.closed_ || payload_bytes < segment_bytes_;
  if (alone.closed_) head_[kIp4Bytes + kTcpFlagsAt] |= kPsh;
  return true;
}

void Joined::head(VnetHeader& vnet, uint8_t* out) const {
  std::memcpy(out, head_.data(), header_bytes_);
  vnet = {};
  if (packets_ == 1) return;
  const uint32_t bytes = header_bytes_ + payload_bytes_;
  write_u16(out + 2, static_cast<uint16_t>(bytes));
  write_u16(out + 10, 0);
  write_u16(out + 10, checksum({out, kIp4Bytes}));
  write_u16(out + kIp4Bytes + kTcpChecksumAt, folded(pseudo_sum(out, false, IPPROTO_TCP, bytes - kIp4Bytes)));
  vnet.flags = kVnetNeedsChecksum;
  vnet.gso_type = kVnetGsoTcp4;
  vnet.header_bytes = static_cast<uint16_t>(header_bytes_);
  vnet.gso_bytes = static_cast<uint16_t>(segment_bytes_);
  vnet.checksum_start = kIp4Bytes;
  vnet.checksum_offset = kTcpChecksumAt;
}

}  // namespace nslab::engine
