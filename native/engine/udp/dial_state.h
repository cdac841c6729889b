// What the link engine holds of a connection over UDP, from its first hello until it is handed over; of an accepted one
// also afterwards, for a dialler that hasn't heard of it.
#pragma once

#include <cstdint>

#include "engine/udp/datagram.h"
#include "netns/socket.h"

namespace nslab::engine::udp {

/** First pause before a datagram of the handshake is said again; it doubles. */
inline constexpr int64_t kAgainMinNs = 100'000'000;
inline constexpr int64_t kAgainMaxNs = 800'000'000;

struct DialState {
  /** Drawn here, and by the other side. */
  uint64_t own_key = 0;
  uint64_t peer_key = 0;
  /** A dial's: said again until it is answered. An accepted one's: said again when its ready comes again. */
  HandshakeDatagram last{};
  int64_t pause_ns = kAgainMinNs;
  /** Of the timer that counts. */
  uint64_t timer = 0;
  netns::Endpoint peer;
};

}  // namespace nslab::engine::udp
