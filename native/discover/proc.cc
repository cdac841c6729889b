// System calls on /proc.
#include "discover/proc.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>

#include "base/sys.h"

namespace nslab::discover {

UniqueFd open_at(int dir_fd, const char* path, int flags) {
  return UniqueFd(sys::call([&] { return ::openat(dir_fd, path, flags | O_CLOEXEC); }));
}

long Listing::read(int dir_fd) {
  return sys::call([&] { return ::syscall(SYS_getdents64, dir_fd, buffer_.data(), buffer_.size()); });
}

Listing::Entry Listing::entry_at(long at) const {
  const auto* entry = reinterpret_cast<const dirent64*>(buffer_.data() + at);
  return {entry->d_name, entry->d_type, entry->d_reclen};
}

std::string_view LinkText::read(int dir_fd, const char* path) {
  const ssize_t size = sys::call([&] { return ::readlinkat(dir_fd, path, buffer_.data(), buffer_.size()); });
  return size <= 0 ? std::string_view() : std::string_view(buffer_.data(), static_cast<size_t>(size));
}

uint64_t bracketed(std::string_view text, std::string_view prefix) {
  if (!text.starts_with(prefix) || !text.ends_with(']')) return 0;
  uint64_t number = 0;
  const char* end = text.data() + text.size() - 1;
  const auto [stop, error] = std::from_chars(text.data() + prefix.size(), end, number);
  return error == std::errc() && stop == end ? number : 0;
}

bool is_shortage(int error) { return error == EMFILE || error == ENFILE || error == ENOMEM || error == ENOBUFS; }

int64_t decimal(const char* text) {
  int64_t number = 0;
  const char* end = text + std::strlen(text);
  const auto [stop, error] = std::from_chars(text, end, number);
  return error == std::errc() && stop == end && number >= 0 ? number : -1;
}

int64_t cpu_time_ns(pid_t pid) {
  // As clock_getcpuclockid(3) makes it: the process' scheduler clock, in ns. See posix-cpu-timers.c.
  const auto clock = static_cast<clockid_t>((~static_cast<unsigned>(pid) << 3) | 2);
  timespec used{};
  if (::clock_gettime(clock, &used) != 0) return -1;
  return used.tv_sec * 1'000'000'000LL + used.tv_nsec;
}

namespace {

int64_t read_clock(clockid_t clock) {
  timespec now{};
  ::clock_gettime(clock, &now);
  return now.tv_sec * 1'000'000'000LL + now.tv_nsec;
}

}  // namespace

int64_t thread_cpu_ns() { return read_clock(CLOCK_THREAD_CPUTIME_ID); }

int64_t now_ns() { return read_clock(CLOCK_MONOTONIC); }

Path& Path::add(int64_t number) {
  std::array<char, 24> digits;
  const auto [end, error] = std::to_chars(digits.data(), digits.data() + digits.size(), number);
  return add(std::string_view(digits.data(), static_cast<size_t>(end - digits.data())));
}

}  // namespace nslab::discover
