// Listening and accepting.
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#include <cstring>
#include <utility>

#include "base/sys.h"
#include "engine/link_limits.h"
#include "engine/link_loop.h"

namespace nslab::engine {
namespace {

bool out_of_resources(int error) { return error == EMFILE || error == ENFILE || error == ENOBUFS || error == ENOMEM; }

}  // namespace

Status LinkLoop::listen(LinkNode& node, const netns::Endpoint& at) {
  auto fd = netns::open_tcp_listener(*node.netns, at, kBacklog);
  if (!fd) return fd.take_status();
  // Accepted sockets inherit it.
  const int on = 1;
  if (::setsockopt(fd->get(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof on) != 0)
    return Status::from_errno("setsockopt TCP_NODELAY", "listener");
  epoll_event event{};
  event.events = EPOLLIN;
  event.data.u64 = kListenerBit | node.id;
  if (sys::call([&] { return ::epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, fd->get(), &event); }) != 0)
    return Status::from_errno("epoll_ctl", "listener");
  node.listener = std::move(*fd);
  return {};
}

void LinkLoop::watch_listener(LinkNode& node, bool on) {
  epoll_event event{};
  event.events = on ? uint32_t{EPOLLIN} : 0;
  event.data.u64 = kListenerBit | node.id;
  (void)::epoll_ctl(epoll_.get(), EPOLL_CTL_MOD, node.listener.get(), &event);
  node.accept_paused = !on;
}

void LinkLoop::accept_all(LinkNode& node) {
  for (;;) {
    UniqueFd fd(
        sys::call([&] { return ::accept4(node.listener.get(), nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC); }));
    if (!fd) {
      // Everything but "nobody there" and want of resources is a connection that ended before it was accepted:
      // accept(2).
      if (errno == EAGAIN || errno == EWOULDBLOCK) return;
      // No longer listening: somebody destroyed the socket (ss --kill). It stays readable, so it must not be watched
      // on.
      if (errno == EINVAL || errno == EBADF) {
        node.listener.reset();
        return report(EventKind::down, node, 0, "listener_gone");
      }
      if (out_of_resources(errno)) return pause_accept(node, errno);
      continue;
    }
    if (!adopt(node, std::move(fd), false)) return pause_accept(node, errno);
    node.accept_reported = false;
  }
}

void LinkLoop::pause_accept(LinkNode& node, int error) {
  // A listener that can't be served stays readable: watching it would turn the loop without end.
  watch_listener(node, false);
  timers_.add({now_ns_ + kAcceptPauseNs, TimerKind::accept, node.id, 0, 0});
  if (std::exchange(node.accept_reported, true)) return;
  const char* name = ::strerrorname_np(error);
  report(EventKind::refused, node, 0, name ? name : "unknown errno");
}

}  // namespace nslab::engine
