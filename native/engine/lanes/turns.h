// Who turns the lanes. A packet that goes on from a lane to another wakes a thread, which at low load costs more time
// than all that is done with the packet: so while there is little to do one thread, that of the first lane, turns all
// of them, and the others sleep. Where it has no rest any more each lane is turned by its own.
#pragma once

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <mutex>
#include <vector>

#include "base/fd.h"
#include "base/status.h"

namespace nslab::engine::lanes {

class Hub;
class Lane;

class Turns {
 public:
  explicit Turns(Hub& hub) : hub_(hub) {}

  /** Once all lanes are open. */
  Status open();
  /** What the thread of a lane does until stop(). */
  void run(uint32_t index);
  /** Once every lane was told to stop; from any thread. */
  void stop();

 private:
  void lead();
  void follow(Lane& lane);
  /** All lanes, until there is too much to do for one thread. */
  void turn_all(Lane& own);
  /** The first alone, until all of them together have little to do. */
  void turn_own(Lane& own);
  /** Waits until no other thread turns a lane; false: they are to stop. */
  bool gather();
  void spread();

  Hub& hub_;
  /** Has an event where a lane has one. */
  UniqueFd epoll_;
  std::mutex mutex_;
  std::condition_variable changed_;
  bool stopped_ = false;
  uint32_t asleep_ = 0;
  /** The first lane's thread turns the others, or is about to. Written under the mutex. */
  std::atomic<bool> gathered_{true};
};

}  // namespace nslab::engine::lanes
