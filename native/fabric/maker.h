// Makes namespaces ahead of those who link them, on a thread of its own where two build.
#pragma once

#include <condition_variable>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <vector>

#include "base/status.h"
#include "base/sys.h"
#include "base/thread.h"
#include "netns/netns.h"

namespace nslab::fabric {

/** A namespace and a NETLINK_ROUTE socket made inside it. */
struct MadeNetns {
  std::shared_ptr<const netns::Netns> netns;
  UniqueFd netlink;
};

/** Makes one in the calling thread, which must be within a netns::Visit. */
Result<MadeNetns> make_netns();

/**
 * A supply of `count` namespaces. With a thread, unshare() runs beside the links' RTM_NEWLINK, which wait for another
 * lock most of the time: 800 nodes took 0.60 s so, 0.80 s on one thread, and 0.80 s on two threads that both did
 * everything.
 */
class Maker {
 public:
  /** `threaded`: otherwise, and where there is no thread to be had, take() makes each in the caller's thread. `meter`
   * counts the calls and outlives the Maker. */
  Maker(size_t count, bool threaded, sys::CallMeter* meter, std::shared_ptr<netns::SwitchLog> log);
  /** Stops; those not taken are closed. */
  ~Maker();
  Maker(const Maker&) = delete;
  Maker& operator=(const Maker&) = delete;

  /** The next one. Call at most `count` times. */
  Result<MadeNetns> take();

 private:
  void run(size_t count, sys::CallMeter* meter, const std::shared_ptr<netns::SwitchLog>& log);
  /** Hands one over; false: stop. */
  bool give(Result<MadeNetns> made);

  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<Result<MadeNetns>> ready_;
  bool stop_ = false;
  Thread thread_;
};

}  // namespace nslab::fabric
