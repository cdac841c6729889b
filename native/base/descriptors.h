// How many descriptors this process may have, and which of them are not for what comes in thousands.
#pragma once

#include <sys/resource.h>

#include <algorithm>
#include <cstddef>

namespace nslab::descriptors {

/** Most of them at a time, as it is now: others may change it (prlimit). */
inline size_t limit() {
  rlimit files{};
  return ::getrlimit(RLIMIT_NOFILE, &files) == 0 ? static_cast<size_t>(files.rlim_cur) : 0;
}

/**
 * Kept for what is opened for a moment, or seldom: a look into a process, who asks for metrics, a database that comes
 * back. Without them a process that has taken all can't even see what it may let go of.
 */
inline size_t reserve(size_t limit) { return std::min<size_t>(64, limit / 4); }

/** Whether `fd`, just opened, is one of the reserve: the kernel gives the lowest free number. */
inline bool is_of_reserve(int fd) {
  const size_t most = limit();
  return static_cast<size_t>(fd) >= most - reserve(most);
}

/** How many things may be held that take two each, one of them later, beside all else. */
inline size_t pairs_max() {
  const size_t most = limit();
  return most / 2 - reserve(most);
}

}  // namespace nslab::descriptors
