// listns(2), by number: libraries don't know it yet.
#include "discover/listns.h"

#include <sched.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <array>

#include "base/sys.h"

namespace nslab::discover {
namespace {

constexpr long kListns = 470;
/** NS_GET_ID of linux/nsfs.h, Linux 6.18. */
constexpr unsigned long kGetId = _IOR(0xb7, 13, uint64_t);

/** struct ns_id_req of linux/nsfs.h. */
struct Request {
  uint32_t size = sizeof(Request);
  uint32_t spare = 0;
  /** The last id of the batch before. */
  uint64_t after = 0;
  uint32_t type = CLONE_NEWNET;
  uint32_t spare2 = 0;
  uint64_t user_namespace = 0;
};

}  // namespace

std::optional<size_t> count_unseen(const Known& known) {
  uint64_t id = 0;
  if (::ioctl(known.own().fd(), kGetId, &id) != 0 || id != known.own().identity().cookie) return std::nullopt;
  Request request;
  std::array<uint64_t, 512> ids;
  for (size_t unseen = 0;;) {
    const long count = sys::call([&] { return ::syscall(kListns, &request, ids.data(), ids.size(), 0); });
    if (count < 0) return std::nullopt;
    if (count == 0) return unseen;
    for (long i = 0; i < count; ++i) unseen += known.by_cookie(ids[static_cast<size_t>(i)]) == nullptr ? 1 : 0;
    request.after = ids[static_cast<size_t>(count) - 1];
  }
}

}  // namespace nslab::discover
