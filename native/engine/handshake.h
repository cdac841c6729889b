// The frame of links: of their handshake, and of the tokens that a link which is up passes. Layout and rules are
// documented once: src/protocol/link-handshake.ts.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

namespace nslab::engine {

inline constexpr size_t kFrameBytes = 40;
inline constexpr uint8_t kHandshakeVersion = 1;

using RunId = std::array<uint8_t, 16>;
using FrameBytes = std::array<uint8_t, kFrameBytes>;

enum class FrameKind : uint8_t { hello = 1, ready = 2, reject = 3, token = 4 };
inline constexpr uint8_t kFrameKindMax = 4;

/** Why a link was refused. The numbers go over the wire. */
enum class Reason : uint8_t {
  none = 0,
  malformed = 1,
  wrong_version = 2,
  wrong_run = 3,
  wrong_peer = 4,
  unknown_peer = 5,
  duplicate = 6,
  stale_incarnation = 7,
  timeout = 8,
  truncated = 9,
};
inline constexpr uint8_t kReasonMax = 9;

/** "wrong_run", …: as in events. */
[[nodiscard]] const char* reason_name(Reason reason);

struct Frame {
  FrameKind kind = FrameKind::hello;
  Reason reason = Reason::none;
  RunId run_id{};
  uint32_t sender = 0;
  /** Whom the sender takes the receiver for; 0 in a reject to somebody unknown. */
  uint32_t intended = 0;
  /** In a token: walk and hops, as token_payload() puts them together. */
  uint64_t incarnation = 0;
};

[[nodiscard]] constexpr uint64_t token_payload(uint32_t walk, uint32_t hops) { return uint64_t{walk} << 32 | hops; }

[[nodiscard]] FrameBytes encode(const Frame& frame);

/** Fills `frame` and returns none; or malformed or wrong_version, `frame` then untouched. */
[[nodiscard]] Reason decode(const FrameBytes& bytes, Frame& frame);

/** Whether the first `count` bytes can still become a frame: none, malformed or wrong_version. */
[[nodiscard]] Reason check_start(const FrameBytes& bytes, size_t count);

}  // namespace nslab::engine
