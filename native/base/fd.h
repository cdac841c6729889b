// A file descriptor with one owner.
#pragma once

#include <unistd.h>

#include <memory>
#include <utility>

namespace nslab {

/** Owns a descriptor and closes it. Move-only; -1 is "none". */
class UniqueFd {
 public:
  UniqueFd() = default;
  explicit UniqueFd(int fd) : fd_(fd) {}
  UniqueFd(UniqueFd&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  UniqueFd& operator=(UniqueFd&& other) noexcept {
    if (this != &other) reset(std::exchange(other.fd_, -1));
    return *this;
  }
  UniqueFd(const UniqueFd&) = delete;
  UniqueFd& operator=(const UniqueFd&) = delete;
  ~UniqueFd() { reset(); }

  [[nodiscard]] int get() const { return fd_; }
  [[nodiscard]] explicit operator bool() const { return fd_ >= 0; }
  [[nodiscard]] int release() { return std::exchange(fd_, -1); }

  /** Linux releases the descriptor whatever close() says, EINTR included (close(2)): it is never retried. */
  void reset(int fd = -1) {
    if (fd_ >= 0) ::close(fd_);
    fd_ = fd;
  }

 private:
  int fd_ = -1;
};

/** A descriptor with several owners, of several threads perhaps: the last one closes it. */
using SharedFd = std::shared_ptr<const UniqueFd>;

}  // namespace nslab
