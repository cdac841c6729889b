// A socket that hears what becomes of links and namespaces.
#pragma once

#include <functional>
#include <vector>

#include "base/fd.h"
#include "base/status.h"
#include "rtnl/wire.h"

namespace nslab::rtnl {

/** Notifications of one namespace (RTNLGRP_LINK, RTNLGRP_NSID), from its opening on. For one thread. */
class Monitor {
 public:
  /** Opens it in the calling thread's namespace. `room_bytes`, for tests: for so much; 0: for as much as comes. */
  static Result<Monitor> open(std::string where, int room_bytes = 0);

  /** Hands over all that has come, without waiting. True: some were lost (ENOBUFS), so everything must be read again.
   */
  Result<bool> drain(const std::function<void(const Message&)>& take);

  /** Readable when there is news. */
  [[nodiscard]] int fd() const { return fd_.get(); }

 private:
  Monitor(UniqueFd fd, std::string where) : fd_(std::move(fd)), where_(std::move(where)) {}

  UniqueFd fd_;
  std::string where_;
  std::vector<std::byte> buffer_;
};

}  // namespace nslab::rtnl
