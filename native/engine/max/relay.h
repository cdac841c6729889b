// One stream that passes: from a socket through a pipe into a socket, and never through memory of ours.
#pragma once

#include <cstdint>

#include "base/fd.h"
#include "base/status.h"
#include "engine/lanes/stream_commands.h"

namespace nslab::engine::max {

/**
 * What the pipe may hold, in pages' worth: with small packets far less; the most that who is not root may have. A
 * relay's processor time for a KiB of 1,400-byte packets, medians of five on a loaded machine: 560 ns with 64 KiB,
 * which a pipe has by itself, 467 ns with 256 KiB, 340 ns with this; 363 ns of a program that does nothing else (bench
 * chain).
 */
inline constexpr int kPipeBytes = 1024 * 1024;
/** Moved in one turn, before others have theirs. */
inline constexpr uint64_t kTurnBytes = 1024 * 1024;

class Relay {
 public:
  enum class Pumped : uint8_t {
    /** Until an event of one of both. */
    waits,
    /** Its turn is over, and there is more. */
    more,
    /** All that came has left, and no more comes. */
    ended,
    broken,
  };

  /** Sockets that don't block, one connected to whom it comes from and one to whom it goes. */
  static Result<Relay> open(SharedFd in, SharedFd out);

  void readable() { readable_ = true; }
  void writable() { writable_ = true; }
  Pumped pump();
  [[nodiscard]] const SharedFd& in() const { return in_; }
  [[nodiscard]] const SharedFd& out() const { return out_; }

 private:
  SharedFd in_;
  SharedFd out_;
  UniqueFd pipe_out_;
  UniqueFd pipe_in_;
  /** In the pipe. */
  uint64_t held_bytes_ = 0;
  bool readable_ = true;
  bool writable_ = true;
  bool has_ended_ = false;
};

}  // namespace nslab::engine::max
