// A lane's end of a link over UDP.
#pragma once

#include <cstdint>
#include <deque>

#include "engine/lanes/command.h"
#include "engine/udp/batch.h"
#include "engine/udp/receiver.h"

namespace nslab::engine::lanes {

/** Between looks at all of a lane's links over UDP. */
inline constexpr int64_t kDatagramTickNs = 50'000'000;
/** Where nothing else was said for so long a share of the silence that ends a link, the peer is told that all is well.
 */
inline constexpr int64_t kAliveShare = 4;
/** How often the count is told again after the last data: any of them makes the peer's account exact. */
inline constexpr uint32_t kCountRepeats = 4;
/** A token that was not answered is said again. */
inline constexpr int64_t kTokenAgainNs = 100'000'000;
/** Messages that one system call may bring. */
inline constexpr uint32_t kMessages = 4;

struct Datagrams {
  Datagrams(const DatagramLink& given, int64_t now_ns) : link(given), receiver(given.own_key), opened_ns(now_ns) {
    sender.key = given.peer_key;
  }
  /** Who was dialled waits to be spoken to: until then the other end's socket may not take anything. */
  [[nodiscard]] bool may_speak() const { return link.dialled || heard_ns != 0; }

  const DatagramLink link;
  udp::Sender sender;
  udp::Receiver receiver;
  /** Of the receiver, as far as the link's account has them. */
  udp::ReceiverCounts counted;
  int64_t opened_ns = 0;
  /** 0: never. */
  int64_t heard_ns = 0;
  int64_t said_ns = 0;
  uint32_t repeats = 0;
  /** The peer has said its last word. */
  bool closed = false;
  /** The first is under way; its number. */
  std::deque<FrameBytes> tokens;
  uint64_t token_number = 1;
  int64_t token_said_ns = 0;
};

}  // namespace nslab::engine::lanes
