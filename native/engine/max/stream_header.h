// What a stream of max mode begins with. Its rest is frames of packets (packets/frame.h) of one flow, which relays move
// on without a look. Layout and rules are documented once, here.
//
// Numbers in network byte order:
//
//    0  4  magic "NSLM"                               24  4  node id of whom it is for
//    4  1  version (kStreamVersion)                   28  4  source node id
//    5  1  hops left: with 0 it is delivered, and     32  4  destination node id
//          never relayed                              36  4  flow, as in its frames
//    6  2  0                                          40  4  node id of who has opened it
//    8 16  run id
//
// Nothing is answered: who refuses a stream resets it.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

#include "engine/handshake.h"

namespace nslab::engine {

inline constexpr uint32_t kStreamMagic = 0x4e53'4c4d;
inline constexpr uint8_t kStreamVersion = 1;
inline constexpr size_t kStreamHeaderBytes = 44;
/** Each hop is a connection of its own: fewer than a packet has. */
inline constexpr uint8_t kStreamHopsMax = 255;

struct StreamHeader {
  uint8_t hops_left = 0;
  RunId run_id{};
  uint32_t intended = 0;
  uint32_t source = 0;
  uint32_t destination = 0;
  uint32_t flow = 0;
  uint32_t sender = 0;
};

using StreamHeaderBytes = std::array<uint8_t, kStreamHeaderBytes>;

[[nodiscard]] StreamHeaderBytes encode(const StreamHeader& header);
/** False where magic, version or the zeros are wrong, or an id is 0; `header` is untouched then. */
[[nodiscard]] bool decode(const StreamHeaderBytes& bytes, StreamHeader& header);

}  // namespace nslab::engine
