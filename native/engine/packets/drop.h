// Why a packet is no more. One counter a reason, wherever packets are counted: what came in is what went out, what was
// dropped by reason, and what is held; always.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

namespace nslab::engine {

enum class Drop : uint8_t {
  none,
  /** Nothing is installed for its source and destination. */
  no_route,
  /** Its next hop is known, and there is no link to it (any more). */
  no_link,
  hops_exceeded,
  /** A queue was full: of a lane, or of a link (tail drop). */
  lane_full,
  queue_full,
  /** RED, before the queue was full. */
  early,
  /** Larger than the link's token bucket ever is. */
  over_bucket,
  /** Impairments: lost on purpose. */
  loss,
  /** Not an IP packet, or to an address that no node and no group has. */
  malformed,
  /** The route of a packet that waited was withdrawn. */
  withdrawn,
  /** The link, node or engine ended while it waited. */
  ended,
  /** The node's TUN interface took no more. */
  local_full,
  /** Arrived where nobody takes it: no TUN interface, no flow of that number. */
  nobody,
  /** It had to be copied, to be changed or to wait, and no memory for that was left (spares.h). */
  no_spare,
};
inline constexpr size_t kDropReasons = 15;

/** "no_route", …: as in reports. */
[[nodiscard]] const char* drop_name(Drop reason);

/** Of one end: of a link, of a flow, of a node. Packets and bytes; bytes are those of the packet, without header. */
struct Account {
  uint64_t in_packets = 0;
  uint64_t in_bytes = 0;
  uint64_t out_packets = 0;
  uint64_t out_bytes = 0;
  /** Made by impairment (duplicates) or by fan-out: they count as come in. */
  uint64_t made_packets = 0;
  std::array<uint64_t, kDropReasons> dropped{};
  uint64_t held_packets = 0;

  [[nodiscard]] uint64_t dropped_packets() const {
    uint64_t sum = 0;
    for (const uint64_t count : dropped) sum += count;
    return sum;
  }
  [[nodiscard]] bool balanced() const {
    return in_packets + made_packets == out_packets + dropped_packets() + held_packets;
  }
};

}  // namespace nslab::engine
