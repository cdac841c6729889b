// What init has to say: one line at a time on the console, with the seconds since the kernel started.

#pragma once

#include <cerrno>
#include <cstdarg>
#include <cstdio>
#include <cstring>
#include <ctime>
#include <unistd.h>

namespace guest {

// Seconds since the kernel's clock started.
inline double uptime_s() {
  struct timespec now;
  if (clock_gettime(CLOCK_BOOTTIME, &now) != 0) return 0;
  return static_cast<double>(now.tv_sec) + static_cast<double>(now.tv_nsec) / 1e9;
}

// One write for a line: the console is shared with the kernel and with the agent.
[[gnu::format(printf, 1, 2)]] inline void say(const char* format, ...) {
  char text[512];
  va_list arguments;
  va_start(arguments, format);
  (void)vsnprintf(text, sizeof text, format, arguments);
  va_end(arguments);
  (void)dprintf(STDERR_FILENO, "nslab-init [%.3f]: %s\n", uptime_s(), text);
}

// A step that failed and that the boot goes on without.
inline void say_refused(const char* operation, const char* object, int error) {
  const char* name = strerrorname_np(error);
  say("%s %s: %s (%s), ignoring", operation, object, name ? name : "unknown errno", strerror(error));
}

}  // namespace guest
