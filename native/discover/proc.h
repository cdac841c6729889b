// Reading /proc by system calls alone: buffers are used again, nothing is allocated for an entry.
#pragma once

#include <sys/types.h>

#include <array>
#include <cstdint>
#include <cstring>
#include <string_view>
#include <vector>

#include "base/fd.h"

namespace nslab::discover {

/** An opened folder, or none. `flags` beside O_CLOEXEC. */
UniqueFd open_at(int dir_fd, const char* path, int flags);

/**
 * Goes over the entries of a folder that is open for reading, "." and ".." aside. `each(name, type)` returns false to
 * end it. False where the kernel refuses.
 */
class Listing {
 public:
  template <typename Each>
  bool over(int dir_fd, Each&& each) {
    for (;;) {
      const long size = read(dir_fd);
      if (size <= 0) return size == 0;
      for (long at = 0; at < size;) {
        const Entry entry = entry_at(at);
        at += entry.length;
        if (entry.name[0] == '.' && (entry.name[1] == 0 || (entry.name[1] == '.' && entry.name[2] == 0))) continue;
        if (!each(entry.name, entry.type)) return true;
      }
    }
  }

 private:
  struct Entry {
    const char* name;
    uint8_t type;
    uint16_t length;
  };
  long read(int dir_fd);
  [[nodiscard]] Entry entry_at(long at) const;

  std::vector<char> buffer_ = std::vector<char>(1 << 16);
};

/** Text of a link, or empty (errno says why). Valid until the next call on the same object. */
class LinkText {
 public:
  [[nodiscard]] std::string_view read(int dir_fd, const char* path);

 private:
  std::array<char, 128> buffer_;
};

/** The number in "net:[4026532177]" after `prefix` "net:["; 0 where the text is none. */
[[nodiscard]] uint64_t bracketed(std::string_view text, std::string_view prefix);

/** Whether errno says that this process or the machine is short of something, which tells nothing of what was asked. */
[[nodiscard]] bool is_shortage(int error);

/** A decimal number alone; -1 where the text is none. */
[[nodiscard]] int64_t decimal(const char* text);

/** ns of CPU that a process has used, all of its threads together; -1 where it is gone. Any process may ask. */
[[nodiscard]] int64_t cpu_time_ns(pid_t pid);

/** CPU time of the calling thread. */
[[nodiscard]] int64_t thread_cpu_ns();

/** CLOCK_MONOTONIC. */
[[nodiscard]] int64_t now_ns();

/** A short path put together without allocation. */
class Path {
 public:
  Path& set(std::string_view text) {
    size_ = 0;
    return add(text);
  }
  Path& add(std::string_view text) {
    const size_t size = std::min(text.size(), buffer_.size() - 1 - size_);
    std::memcpy(buffer_.data() + size_, text.data(), size);
    size_ += size;
    buffer_[size_] = 0;
    return *this;
  }
  Path& add(int64_t number);
  [[nodiscard]] const char* get() const { return buffer_.data(); }

 private:
  std::array<char, 96> buffer_{};
  size_t size_ = 0;
};

}  // namespace nslab::discover
