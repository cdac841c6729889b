// A NETLINK_SOCK_DIAG socket of one namespace: the only thing that is kept of it, and what keeps it alive.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "base/fd.h"
#include "base/status.h"
#include "netns/netns.h"

namespace nslab::diag {

/** What came of receiving. `lost`: ENOBUFS, answers were dropped. `failed`: see errno. */
enum class Got : uint8_t { datagram, nothing, foreign, truncated, lost, failed };

struct Received {
  Got got = Got::nothing;
  std::span<const std::byte> bytes;
};

class Socket {
 public:
  /** Opens it in the namespace behind `netns_fd` by one switch; `identity` becomes that namespace's. */
  static Result<Socket> open(int netns_fd, netns::Identity& identity);
  /** A socket that somebody else answers on in the kernel's place, to port 0. For tests. */
  explicit Socket(UniqueFd fd) : fd_(std::move(fd)) {}

  /** 0, or an errno. The kernel has begun to answer when it returns. */
  [[nodiscard]] int send(std::span<const std::byte> request) const;
  /** Never waits. Reading has the kernel make the next part of a dump. */
  [[nodiscard]] Received receive(std::vector<std::byte>& buffer) const;

  [[nodiscard]] int fd() const { return fd_.get(); }
  /** What the kernel's answers to it are addressed to. */
  [[nodiscard]] uint32_t port() const { return port_; }

 private:
  Socket(UniqueFd fd, uint32_t port) : fd_(std::move(fd)), port_(port) {}

  UniqueFd fd_;
  uint32_t port_ = 0;
};

}  // namespace nslab::diag
