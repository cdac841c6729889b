// What the tests of the packet engine's units share: checks that print TAP, and packets to offer.
#pragma once

#include <cstdint>
#include <cstdio>
#include <cstring>
#include <random>
#include <string>
#include <vector>

#include "engine/packets/big_endian.h"
#include "engine/packets/frame.h"
#include "engine/packets/pool.h"
#include "test/check.h"

namespace nslab::test {

/** Calls of operator new so far (packets_test.cc). */
inline uint64_t allocations = 0;

/** Frames of any size, each with a number of its own in the first bytes of its packet. */
class Frames {
 public:
  explicit Frames(uint32_t block_bytes, uint32_t count) : pool(block_bytes, count) {}

  /** `bytes`: of the packet. Nothing where the pool is empty. */
  engine::PacketRef make(uint32_t bytes, uint32_t flow = 1) {
    engine::Block* block = pool.take();
    if (!block) return {};
    const auto size = static_cast<uint32_t>(engine::kPacketHeaderBytes + bytes);
    engine::PacketHeader header;
    header.packet_bytes = static_cast<uint16_t>(bytes);
    header.source = 1;
    header.destination = 2;
    header.flow = flow;
    engine::encode_header(header, block->bytes());
    std::memset(block->bytes() + engine::kPacketHeaderBytes, 0, bytes);
    engine::write_u32(block->bytes() + engine::kPacketHeaderBytes, made_++);
    return {block, 0, size};
  }
  static uint32_t number(const engine::PacketRef& packet) { return number(packet.data()); }
  static uint32_t number(const uint8_t* frame) { return engine::read_u32(frame + engine::kPacketHeaderBytes); }

  engine::Pool pool;

 private:
  uint32_t made_ = 0;
};

}  // namespace nslab::test
