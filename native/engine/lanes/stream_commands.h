// Max mode, between a node's lane and who makes its streams (engine/max): what each tells the other. A lane decides by
// its routes; the other dials, accepts and relays.
#pragma once

#include <compare>
#include <cstdint>
#include <memory>
#include <vector>

#include "base/fd.h"

namespace nslab::engine::lanes {

/** A stream is of one flow: what all its packets have in common. */
struct StreamKey {
  uint32_t source = 0;
  uint32_t destination = 0;
  uint32_t flow = 0;
  auto operator<=>(const StreamKey&) const = default;
};

// To the lane.

/** Packets to this next hop go in streams from now on, or in its link again. EOPNOTSUPP where the node spreads. */
struct SetMaxPeer {
  uint32_t node = 0;
  uint32_t peer = 0;
  bool max = false;
};
/** The answer to StreamWanted: connected, its header sent; no fd: it could not be. */
struct StreamOpened {
  uint32_t node = 0;
  uint64_t tag = 0;
  SharedFd fd;
};
/** Somebody has opened one, and its header is read. Answered by a StreamVerdict. */
struct StreamCame {
  uint32_t node = 0;
  uint64_t tag = 0;
  StreamKey key;
  uint8_t hops_left = 0;
  SharedFd fd;
};
/** Of a stream that is relayed: its other half; no fd: it has ended. */
struct StreamRelayed {
  uint32_t node = 0;
  uint64_t tag = 0;
  SharedFd out;
};

// From the lane.

/** One to the next hop, not before `pause_ms` have passed. */
struct StreamWanted {
  uint32_t node = 0;
  uint32_t next_hop = 0;
  uint64_t tag = 0;
  StreamKey key;
  uint8_t hops_left = 0;
  uint32_t pause_ms = 0;
};
struct StreamVerdict {
  enum class Kind : uint8_t {
    /** The lane reads it. */
    kept,
    /** On to the next hop. */
    relayed,
    refused,
  };
  uint32_t node = 0;
  uint64_t tag = 0;
  Kind kind = Kind::refused;
  uint32_t next_hop = 0;
};

struct StreamNews {
  std::vector<StreamWanted> wanted;
  std::vector<StreamVerdict> verdicts;

  [[nodiscard]] bool empty() const { return wanted.empty() && verdicts.empty(); }
};

}  // namespace nslab::engine::lanes
