// The churner's time.
#pragma once

#include <time.h>

#include <cstdint>

namespace nslab::churn {

/** CLOCK_MONOTONIC. */
[[nodiscard]] inline int64_t now_ns() {
  timespec now{};
  ::clock_gettime(CLOCK_MONOTONIC, &now);
  return now.tv_sec * 1'000'000'000LL + now.tv_nsec;
}

}  // namespace nslab::churn
