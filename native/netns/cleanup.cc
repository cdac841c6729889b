// Two markers through the kernel's cleanup queue, watched from a namespace of our own.
#include "netns/cleanup.h"

#include <poll.h>
#include <time.h>

#include <algorithm>

#include "base/sys.h"
#include "netns/netns.h"
#include "rtnl/monitor.h"
#include "rtnl/nsid.h"
#include "rtnl/socket.h"

namespace nslab::netns {
namespace {

/** Any id that the kernel would not hand out by itself to the one or two namespaces the observer knows. */
constexpr int32_t kMarkerId = 1 << 20;

int64_t now_ns() {
  timespec now{};
  ::clock_gettime(CLOCK_MONOTONIC, &now);
  return now.tv_sec * 1'000'000'000LL + now.tv_nsec;
}

/** Makes a namespace, gives it `id` in the observer's, and drops it. */
Status drop_marker(rtnl::Socket& observer, int32_t id) {
  auto marker = Netns::create();
  if (!marker) return marker.take_status();
  rtnl::Batch batch;
  rtnl::set_netns_id(batch, marker->fd(), id);
  return observer.execute(batch);
}

Status await_removed(rtnl::Monitor& monitor, int32_t id, int64_t deadline, int stop_fd) {
  for (bool seen = false;;) {
    auto lost =
        monitor.drain([&](const rtnl::Message& message) { seen = seen || rtnl::read_removed_netns_id(message) == id; });
    if (!lost) return lost.take_status();
    if (seen) return {};
    const int64_t left = deadline - now_ns();
    if (left <= 0)
      return Status::failed(ETIMEDOUT, "await cleanup", "kernel", "earlier namespaces are still being removed");
    pollfd fds[] = {{monitor.fd(), POLLIN, 0}, {stop_fd, POLLIN, 0}};
    if (::poll(fds, 2, static_cast<int>(left / 1'000'000) + 1) < 0 && errno != EINTR)
      return Status::from_errno("poll", "observer");
    if ((fds[1].revents & POLLIN) != 0) return Status::failed(ECANCELED, "await cleanup", "observer");
  }
}

}  // namespace

Result<int64_t> await_cleanup(int64_t deadline_ms, int stop_fd) {
  const int64_t started = now_ns();
  const int64_t deadline = started + deadline_ms * 1'000'000;
  const Visit visit;
  UniqueFd netlink;
  auto observer = Netns::create_and_stay(netlink);
  if (!observer) return observer.take_status();
  auto socket = rtnl::Socket::adopt(std::move(netlink), "observer");
  if (!socket) return socket.take_status();
  auto monitor = rtnl::Monitor::open("observer");
  if (!monitor) return monitor.take_status();
  for (const int32_t id : {kMarkerId, kMarkerId + 1}) {
    if (Status dropped = drop_marker(*socket, id); !dropped) return dropped;
    if (Status removed = await_removed(*monitor, id, deadline, stop_fd); !removed) return removed;
  }
  return now_ns() - started;
}

}  // namespace nslab::netns
