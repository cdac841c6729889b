// Threads of this process that are in a namespace and do nothing else.
#pragma once

#include <pthread.h>

#include <memory>
#include <semaphore>

#include "base/status.h"

namespace nslab::churn {

/** A thread that stays in the namespace it was started in. It ends, and is joined, with its owner. */
class Parked {
 public:
  /** Starts it in the calling thread's network namespace. */
  static Result<std::unique_ptr<Parked>> start();
  Parked(const Parked&) = delete;
  Parked& operator=(const Parked&) = delete;
  ~Parked();

 private:
  Parked() = default;
  static void* stay(void* self);

  pthread_t thread_{};
  std::binary_semaphore leave_{0};
};

}  // namespace nslab::churn
