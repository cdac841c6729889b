// A NETLINK_ROUTE socket of one namespace: sends batches and matches what the kernel answers.
#pragma once

#include <functional>
#include <vector>

#include "base/fd.h"
#include "base/status.h"
#include "rtnl/batch.h"

namespace nslab::rtnl {

/** Bound to the namespace it was made in, for ever. For one thread at a time. */
class Socket {
 public:
  /** Opens a socket in the calling thread's namespace. */
  static Result<Socket> open(std::string where);
  /** Takes over a NETLINK_ROUTE socket. `where` names its namespace in errors. */
  static Result<Socket> adopt(UniqueFd fd, std::string where);

  /**
   * Sends all requests in one sendmsg and empties the batch. The first error, with the kernel's own words, counts; the
   * kernel works through the others all the same. rtnetlink answers before sendmsg returns: this never waits for
   * anybody.
   */
  Status execute(Batch& batch);

  /** Asks for a listing and hands each message to `take`; begins anew (after `restart`) when it changed meanwhile. */
  Status dump(Batch& request, const std::function<void(const Message&)>& take, const std::function<void()>& restart);

  [[nodiscard]] int fd() const { return fd_.get(); }

 private:
  Socket(UniqueFd fd, std::string where) : fd_(std::move(fd)), where_(std::move(where)) {}

  Status send(std::span<const std::byte> bytes, const std::string& operation);
  /** One datagram from the kernel; others' are dropped. */
  Result<std::span<const std::byte>> receive(const std::string& operation);

  UniqueFd fd_;
  std::string where_;
  uint32_t sequence_ = 0;
  std::vector<std::byte> buffer_;
};

/** Receives one datagram of the kernel into `buffer`, growing it as needed. EAGAIN where none is there. */
Result<size_t> receive_datagram(int fd, std::vector<std::byte>& buffer, const std::string& operation,
                                const std::string& where);

}  // namespace nslab::rtnl
