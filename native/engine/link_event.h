// What the link engine tells its owner.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "base/status.h"
#include "netns/socket.h"

namespace nslab::engine {

enum class EventKind : uint8_t {
  up,
  down,
  refused,
  dial_failed,
  /** `node` was handed a token by `peer`. */
  token,
  /** A token that `node` should have handed to `peer` was not sent. */
  token_unsent,
};
inline constexpr size_t kEventKinds = 6;

struct LinkEvent {
  EventKind kind = EventKind::up;
  uint32_t node = 0;
  /** 0 where the other side never proved an id. */
  uint32_t peer = 0;
  /**
   * A handshake reason, an errno name, or closed, replaced, peer_removed, peer_dropped, protocol_error; listener_gone
   * (down, peer 0) where the node accepts no more; no_link or queue_full where a token was not sent. Static.
   */
  const char* reason = "";
  /** CLOCK_MONOTONIC. */
  int64_t at_ns = 0;
  /** Of a token; 0 otherwise. */
  uint32_t walk = 0;
  uint32_t hops = 0;
};

/** One end of a link that is up, as the kernel has it. */
struct LinkEnd {
  uint32_t node = 0;
  uint32_t peer = 0;
  netns::Endpoint local;
  netns::Endpoint remote;
};

/** The answer to List. */
struct Listing {
  uint64_t id = 0;
  std::vector<LinkEnd> ends;
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
  std::vector<Listing> listings;
  /** The thread has closed everything and ends now; nothing will follow. */
  bool ended = false;
};

}  // namespace nslab::engine
