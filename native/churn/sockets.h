// The sockets inside one namespace, over its loopback. They belong to this process, and each holds the namespace for as
// long as it is open: whatever its kind, a namespace with sockets can be found through them, too.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "base/fd.h"
#include "base/status.h"
#include "churn/operation.h"
#include "churn/time_wait.h"

namespace nslab::churn {

/** How many of each population; all but listeners are counted in connections, which take turns in the families. */
struct SocketsSpec {
  uint32_t pairs = 0;
  uint32_t short_lived = 0;
  uint32_t half_closed = 0;
  uint32_t time_wait = 0;
  uint32_t listeners = 0;
  /** 4 and 6. */
  std::vector<uint8_t> families;
};

/** Short-lived connections are closed so long after they were there. */
inline constexpr int64_t kShortLifeNs = 1'000'000'000;
/** The kernel keeps TIME_WAIT for so long, and then until its timer comes round, some seconds (TCP_TIMEWAIT_LEN). */
inline constexpr int64_t kTimeWaitNs = 60'000'000'000;

struct SocketSet {
  std::vector<SocketTruth> truths;
  /** Open until the namespace is dropped. */
  std::vector<UniqueFd> kept;
  /** The short-lived, with their index in `truths`. */
  std::vector<std::pair<UniqueFd, uint32_t>> brief;
  /** Those in TIME_WAIT, with their index in `truths`, and what asks for them. */
  std::vector<std::pair<SocketTruth, uint32_t>> waiting;
  std::optional<TimeWaitProof> proof;

  /**
   * Of those that should be in TIME_WAIT at `now_ns`, index and begin of those that are not: the kernel has let them go
   * before their time, nobody knows when.
   */
  [[nodiscard]] Result<std::vector<std::pair<uint32_t, int64_t>>> lost_time_waits(int64_t now_ns) const;
};

/**
 * Opens the sockets in the calling thread's namespace, whose loopback is up. `turn` says whose turn is first among the
 * families. A connection is made through a listener of its family; where the namespace has none, one is opened for it,
 * told, and closed again. On failure `made` has what there is.
 *
 * Nothing but TIME_WAIT outlives its descriptor: connections end by a reset (SO_LINGER of 0), so that what is closed is
 * gone, and no orphan keeps the namespace. TIME_WAIT keeps none, and is removed with it.
 */
Status make_sockets(const SocketsSpec& spec, uint64_t turn, SocketSet& made);

}  // namespace nslab::churn
