// Reads frames' headers as lines of hex, and says what each is: `fault NAME`, or its fields and the header that they
// make again. test/protocol/packet-frame.test.ts holds the codec of src/protocol/packet-frame.ts to this.

#include <array>
#include <cstdio>
#include <iostream>
#include <string>

#include "engine/packets/frame.h"

int main() {
  using namespace nslab::engine;
  for (std::string line; std::getline(std::cin, line);) {
    std::array<uint8_t, kPacketHeaderBytes> bytes{};
    if (line.size() != bytes.size() * 2) return 2;
    for (size_t i = 0; i < bytes.size(); i++)
      bytes[i] = static_cast<uint8_t>(std::stoul(line.substr(i * 2, 2), nullptr, 16));
    PacketHeader header;
    if (const FrameFault fault = decode_header(bytes.data(), header); fault != FrameFault::none) {
      std::printf("fault %s\n", fault_name(fault));
      continue;
    }
    std::array<uint8_t, kPacketHeaderBytes> again{};
    encode_header(header, again.data());
    std::printf("%u %u %u %u %u %u %u ", header.packet_bytes, header.source, header.destination, header.flow,
                header.hops_left, header.flags, header.tree);
    for (const uint8_t byte : again) std::printf("%02x", byte);
    std::printf("\n");
  }
  return 0;
}
