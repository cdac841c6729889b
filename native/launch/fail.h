// How nslab-launch ends when it can't go on: one line on standard error and an exit code of its own.

#pragma once

#include <cerrno>
#include <cstdarg>
#include <cstdio>
#include <cstring>
#include <unistd.h>

namespace launch {

// The same numbers as src/base/exit-codes.ts, and the shell's for a program that can't be started.
constexpr int kExitUsage = 2;
constexpr int kExitRefused = 6;
constexpr int kExitNotExecutable = 126;
constexpr int kExitNotFound = 127;

[[noreturn]] [[gnu::format(printf, 2, 3)]] inline void fail(int exit_code, const char* format, ...) {
  char text[512];
  va_list arguments;
  va_start(arguments, format);
  (void)vsnprintf(text, sizeof text, format, arguments);
  va_end(arguments);
  (void)dprintf(STDERR_FILENO, "nslab-launch: %s\n", text);
  _exit(exit_code);
}

// The kernel said no: what was asked for, and errno in both its spellings.
[[noreturn]] [[gnu::format(printf, 2, 3)]] inline void refused(int error, const char* format, ...) {
  char operation[384];
  va_list arguments;
  va_start(arguments, format);
  (void)vsnprintf(operation, sizeof operation, format, arguments);
  va_end(arguments);
  const char* name = strerrorname_np(error);
  fail(kExitRefused, "%s: %s (%s)", operation, name ? name : "unknown errno", strerror(error));
}

}  // namespace launch
