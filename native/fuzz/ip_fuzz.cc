// libFuzzer target: what a TUN interface hands over. A packet that is accepted has ends that a frame may have, and
// bytes that follow it change nothing; what a built-in flow receives is within what there is.

#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <vector>

#include "engine/packets/big_endian.h"
#include "engine/packets/ip.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace nslab::engine;
  const AddressRule rule;
  std::vector<uint8_t> bytes(data, data + size);
  // Of one half of the inputs what chance alone would hardly find is right: addresses of nodes, and the checksum.
  if (size >= 20 && (bytes[1] & 1) != 0 && bytes[0] >> 4 == 4) {
    const uint16_t base = static_cast<uint16_t>(rule.base >> 16);
    write_u16(&bytes[12], base);
    if ((bytes[1] & 2) != 0) write_u16(&bytes[16], base);
    write_u16(&bytes[10], 0);
    write_u16(&bytes[10], checksum({bytes.data(), std::min(size, size_t{bytes[0] & 0x0fU} * 4)}));
  }
  PacketHeader header;
  const IpFault fault = read_ip(bytes, rule, header);
  if (fault == IpFault::none) {
    if (header.packet_bytes > size || header.packet_bytes < kPacketBytesMin) std::abort();
    uint8_t encoded[kPacketHeaderBytes];
    encode_header(header, encoded);
    PacketHeader decoded;
    if (decode_header(encoded, decoded) != FrameFault::none) std::abort();
    const std::vector<uint8_t> alone(bytes.begin(), bytes.begin() + header.packet_bytes);
    if (read_ip(alone, rule, decoded) != IpFault::none || decoded.flow != header.flow) std::abort();
  }
  UdpEnds ends;
  std::span<const uint8_t> payload;
  if (!read_udp(bytes, ends, payload)) return 0;
  if (payload.data() < bytes.data() || payload.data() + payload.size() > bytes.data() + size) std::abort();
  std::vector<uint8_t> again(kUdpHeadersBytes + payload.size());
  std::ranges::copy(payload, again.begin() + kUdpHeadersBytes);
  write_udp(again.data(), payload.size(), ends);
  if (!read_udp(again, ends, payload)) std::abort();
  return 0;
}
