// libFuzzer target: what a TUN interface with offloads hands over, and what is joined for it. A packet that is taken
// apart gives packets that are whole, and all bytes of its payload; what was joined is taken apart into the same.

#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <vector>

#include "engine/packets/big_endian.h"
#include "engine/packets/ip.h"
#include "engine/packets/offload.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace nslab::engine;
  VnetHeader vnet;
  if (size < sizeof vnet) return 0;
  std::memcpy(&vnet, data, sizeof vnet);
  std::vector<uint8_t> packet(data + sizeof vnet, data + size);
  // Of one half of the inputs what chance alone would hardly find is right: version, protocol, lengths and type.
  if (packet.size() >= 60 && (vnet.flags & 2) != 0) {
    const bool is_ip6 = (vnet.flags & 4) != 0, is_udp = (vnet.flags & 8) != 0;
    const size_t ip_bytes = is_ip6 ? 40 : 20;
    packet[0] = is_ip6 ? 0x60 : 0x45;
    packet[is_ip6 ? 6 : 9] = is_udp ? 17 : 6;
    write_u16(&packet[is_ip6 ? 4 : 2], static_cast<uint16_t>(packet.size() - (is_ip6 ? 40 : 0)));
    if (!is_ip6) write_u16(&packet[6], 0x4000);
    if (is_udp) write_u16(&packet[ip_bytes + 4], static_cast<uint16_t>(packet.size() - ip_bytes));
    else if (packet.size() > ip_bytes + 20) packet[ip_bytes + 12] |= 0x50;
    vnet.gso_type = is_udp ? kVnetGsoUdp : is_ip6 ? kVnetGsoTcp6 : kVnetGsoTcp4;
    vnet.checksum_start = static_cast<uint16_t>(ip_bytes);
    vnet.checksum_offset = is_udp ? 6 : 16;
  }
  std::vector<uint8_t> single = packet;
  (void)complete_checksum(vnet, single);
  Segments segments;
  if (segments.open(vnet, packet) != OffloadFault::none) {
    if (!segments.done()) std::abort();
    return 0;
  }
  Joined joined;
  size_t total = 0, packets = 0;
  for (; !segments.done(); packets++) {
    std::vector<uint8_t> one(segments.next_bytes());
    segments.write(one.data());
    if (one.size() > packet.size()) std::abort();
    const uint32_t ip_bytes = (one[0] & 15u) * 4;
    if (one[0] >> 4 == 4 && (checksum({one.data(), ip_bytes}) != 0 || read_u16(&one[2]) != one.size())) std::abort();
    if (!joined.add(one)) (void)joined.begin(one);
    if (joined.packets() > 0 && joined.header_bytes() >= one.size()) std::abort();
    total += one.size();
  }
  // Each has the headers, and all together the payload once.
  const size_t more = total - packet.size();
  if (packets == 0 || (packets == 1 ? more != 0 : more % (packets - 1) != 0 || more / (packets - 1) < 28)) std::abort();
  if (joined.packets() == 0) return 0;
  std::vector<uint8_t> head(Joined::kHeadMax);
  VnetHeader made;
  joined.head(made, head.data());
  if (checksum({head.data(), 20}) != 0) std::abort();
  return 0;
}
