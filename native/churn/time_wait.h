// Whether an end of a connection is in TIME_WAIT, asked of the kernel: nobody has a descriptor of it any more.
#pragma once

#include <cstdint>

#include "base/fd.h"
#include "base/status.h"

namespace nslab::churn {

class TimeWaitProof {
 public:
  /** For the calling thread's namespace, which it keeps. */
  static Result<TimeWaitProof> open();

  /**
   * Waits until the end at `port` of a connection over loopback is in TIME_WAIT, some 50 ms at most; false: it is not.
   * True as well where the kernel can't be asked (it does not know the listener at `peer_port` either): then nobody
   * else can be told of it.
   */
  [[nodiscard]] Result<bool> holds(uint8_t family, uint16_t port, uint16_t peer_port) const;

  /** Whether it is now, without waiting. */
  [[nodiscard]] Result<bool> holds_still(uint8_t family, uint16_t port, uint16_t peer_port) const;

 private:
  explicit TimeWaitProof(UniqueFd fd) : fd_(std::move(fd)) {}

  /** The state of the socket with these ports; 0: there is none. */
  [[nodiscard]] Result<uint8_t> state_of(uint8_t family, uint16_t port, uint16_t peer_port) const;

  UniqueFd fd_;
};

}  // namespace nslab::churn
