// What the link engine's thread holds: nodes, their edges, and the connections under them.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "base/fd.h"
#include "engine/handshake.h"
#include "engine/udp/dial_state.h"
#include "netns/socket.h"

namespace nslab::engine {

struct LinkNode;

enum class Stage : uint8_t {
  /** A dial whose TCP connection is not there yet: the other side knows nothing of it. */
  connecting,
  /** A dial has said hello; an accepted connection waits for one. */
  awaiting_hello,
  /** Has verified the other's hello and said ready. */
  awaiting_ready,
  up,
};

/** One TCP connection, or what there is of a link over UDP. Lives in a slot; an event or timer of an earlier tenant is
 * told by its generation. */
struct Connection {
  /** Null: the slot is free. */
  SharedFd fd;
  uint32_t index = 0;
  /** From 1: no tag is 0. */
  uint32_t generation = 1;
  Stage stage = Stage::connecting;
  bool dialled = false;
  /** A lane of the packet engine reads and writes it, and shares its descriptor. */
  bool handed_over = false;
  /** Bytes of an unfinished frame; of a token once up. */
  uint8_t received = 0;
  FrameBytes frame{};
  /** Tokens that the kernel had no room for; null but then. */
  std::unique_ptr<std::vector<uint8_t>> unsent;
  /** Over UDP; else null. */
  std::unique_ptr<udp::DialState> datagrams;
  /** 0 until known: by dial or by hello. */
  uint32_t peer = 0;
  uint64_t peer_incarnation = 0;
  LinkNode* node = nullptr;
  Connection* previous = nullptr;
  Connection* next = nullptr;
};

/** What its events are told by. */
[[nodiscard]] inline uint64_t tag_of(const Connection& connection) {
  return uint64_t{connection.generation} << 32 | connection.index;
}

/** The wish to have a link; gone once it is up. */
struct DialWish {
  netns::Endpoint to;
  Connection* connection = nullptr;
  uint32_t pause_ms = 0;
  uint32_t failures = 0;
  /** Of the retry that counts; others are of the past. */
  uint64_t timer = 0;
};

/** A node's side of one edge. */
struct Edge {
  uint32_t peer = 0;
  /** Highest that was up. */
  uint64_t incarnation = 0;
  /** Over UDP, of the dialler of the last link that was accepted here. */
  uint64_t last_key = 0;
  Connection* up = nullptr;
  /** Accepted, answered, and waiting for ready. At most one. */
  Connection* candidate = nullptr;
  std::unique_ptr<DialWish> dial;
};

struct LinkNode {
  uint32_t id = 0;
  uint64_t incarnation = 0;
  std::shared_ptr<const netns::Netns> netns;
  UniqueFd listener;
  /** Accepting stopped for want of descriptors or memory, until a timer. */
  bool accept_paused = false;
  bool accept_reported = false;
  /** Ascending by peer. */
  std::vector<Edge> edges;
  /** All connections, those of no edge yet included. */
  Connection* connections = nullptr;

  [[nodiscard]] Edge* edge_to(uint32_t peer);
};

}  // namespace nslab::engine
