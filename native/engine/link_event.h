// What the link engine tells its owner.
#pragma once

#include <cstdint>
#include <vector>

#include "base/status.h"

namespace nslab::engine {

enum class EventKind : uint8_t { up, down, refused, dial_failed };

struct LinkEvent {
  EventKind kind = EventKind::up;
  uint32_t node = 0;
  /** 0 where the other side never proved an id. */
  uint32_t peer = 0;
  /**
   * A handshake reason, an errno name, or closed, replaced, peer_removed, peer_dropped, protocol_error; listener_gone
   * (down, peer 0) where the node accepts no more. Static.
   */
  const char* reason = "";
  /** CLOCK_MONOTONIC. */
  int64_t at_ns = 0;
};

/** The outcome of a command that has one. */
struct Reply {
  uint64_t id = 0;
  Status status;
};

/** Everything since the last collection, in order of happening. */
struct Outbox {
  std::vector<LinkEvent> events;
  std::vector<Reply> replies;
  /** The thread has closed everything and ends now; nothing will follow. */
  bool ended = false;
};

}  // namespace nslab::engine
