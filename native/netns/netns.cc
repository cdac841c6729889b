// Namespaces, and where the calling thread is.
#include "netns/netns.h"

#include <fcntl.h>
#include <linux/netlink.h>
#include <linux/nsfs.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include <cstdio>
#include <cstdlib>
#include <optional>

#include "base/sys.h"

#ifndef SO_NETNS_COOKIE
#define SO_NETNS_COOKIE 71
#endif

namespace nslab::netns {
namespace {

/** Where the calling thread is, so that switches that change nothing are skipped. */
struct Place {
  std::optional<Netns> base;
  Identity here;
  /** The kernel lets the thread enter its base. */
  bool may_come_back = false;
};
thread_local Place place;

/** Identity by descriptor of the namespace and a socket made inside it (-1: none; then there is no cookie). */
Result<Identity> identify(int ns_fd, int socket_fd) {
  struct stat info {};
  if (sys::call([&] { return ::fstat(ns_fd, &info); }) != 0) return Status::from_errno("fstat", "network namespace");
  Identity identity{0, info.st_dev, info.st_ino, info.st_ctim.tv_sec * 1'000'000'000 + info.st_ctim.tv_nsec};
  if (socket_fd < 0) return identity;
  socklen_t size = sizeof identity.cookie;
  // Kernels before 5.14 have no cookies; the other three fields serve then.
  if (sys::call([&] { return ::getsockopt(socket_fd, SOL_SOCKET, SO_NETNS_COOKIE, &identity.cookie, &size); }) != 0) {
    if (errno != ENOPROTOOPT) return Status::from_errno("getsockopt SO_NETNS_COOKIE", "network namespace");
    identity.cookie = 0;
  }
  return identity;
}

Result<UniqueFd> open_own_namespace() {
  // thread-self: /proc/self is the main thread's, and /proc/1/ns/net may be unreadable even for root.
  UniqueFd fd(sys::call([] { return ::open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC); }));
  if (!fd) return Status::from_errno("open /proc/thread-self/ns/net", "calling thread");
  return fd;
}

Result<UniqueFd> open_netlink() {
  UniqueFd fd(sys::call([] { return ::socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE); }));
  if (!fd) return Status::from_errno("socket NETLINK_ROUTE", "calling thread");
  return fd;
}

/** Makes sure that the thread knows where to come back to. */
Status remember_base() {
  if (place.base) return {};
  auto base = Netns::current();
  if (!base) return base.take_status();
  place.here = base->identity();
  place.base = std::move(*base);
  return {};
}

/**
 * Makes sure that the thread can come back, before it goes: in a user namespace of its own, a process has rights over
 * what was made there, and none over the namespace that it is in.
 */
Status find_way_back() {
  if (Status known = remember_base(); !known) return known;
  if (place.may_come_back) return {};
  if (sys::call([] { return ::setns(place.base->fd(), CLONE_NEWNET); }) != 0)
    return Status::from_errno("setns", "calling thread");
  place.here = place.base->identity();
  place.may_come_back = true;
  return {};
}

Status switch_to(const Netns& target) {
  if (sys::call([&] { return ::setns(target.fd(), CLONE_NEWNET); }) != 0)
    return Status::from_errno("setns", "calling thread");
  place.here = target.identity();
  return {};
}

}  // namespace

Result<Netns> Netns::current() {
  auto fd = open_own_namespace();
  if (!fd) return fd.take_status();
  auto socket = open_netlink();
  if (!socket) return socket.take_status();
  auto identity = identify(fd->get(), socket->get());
  if (!identity) return identity.take_status();
  return Netns(std::move(*fd), *identity);
}

Result<Netns> Netns::create_and_stay(UniqueFd& netlink) {
  if (Status known = remember_base(); !known) return known;
  if (sys::call([] { return ::unshare(CLONE_NEWNET); }) != 0) return Status::from_errno("unshare", "calling thread");
  // Whatever fails from here on, the thread is no longer where it was.
  place.here = Identity{};
  auto fd = open_own_namespace();
  if (!fd) return fd.take_status();
  auto socket = open_netlink();
  if (!socket) return socket.take_status();
  auto identity = identify(fd->get(), socket->get());
  if (!identity) return identity.take_status();
  place.here = *identity;
  netlink = std::move(*socket);
  return Netns(std::move(*fd), *identity);
}

Result<Netns> Netns::create() {
  const Visit visit;
  UniqueFd netlink;
  return create_and_stay(netlink);
}

Result<Identity> open_inside(int fd, UniqueFd& socket, const std::function<Result<UniqueFd>()>& make) {
  const int type = sys::call([&] { return ::ioctl(fd, NS_GET_NSTYPE); });
  if (type != CLONE_NEWNET)
    return Status::failed(type < 0 && errno == EBADF ? EBADF : EINVAL, "adopt", "process",
                          "descriptor " + std::to_string(fd) + " is not a network namespace");
  const Visit visit;
  if (Status known = find_way_back(); !known) return known;
  // Refused, the thread is where it was.
  if (sys::call([&] { return ::setns(fd, CLONE_NEWNET); }) != 0) return Status::from_errno("setns", "calling thread");
  place.here = Identity{};
  auto made = make();
  if (!made) return made.take_status();
  auto identity = identify(fd, made->get());
  if (!identity) return identity;
  socket = std::move(*made);
  return identity;
}

Result<Netns> Netns::adopt(int fd) {
  UniqueFd socket;
  auto identity = open_inside(fd, socket, open_netlink);
  if (!identity) return identity.take_status();
  if (sys::call([&] { return ::fcntl(fd, F_SETFD, FD_CLOEXEC); }) != 0) return Status::from_errno("fcntl", "process");
  return Netns(UniqueFd(fd), *identity);
}

Status enter(const Netns& target) {
  if (Status known = remember_base(); !known) return known;
  const bool there = place.here == target.identity();
  record_switch(target.identity().cookie, there);
  return there ? Status() : switch_to(target);
}

void come_back() {
  if (!place.base || place.here == place.base->identity()) return;
  // Coming back is never made to fail for a test: it undoes.
  const sys::Metered unmetered(nullptr);
  const Status back = switch_to(*place.base);
  if (back.ok()) return;
  std::fprintf(stderr, "nslab: a thread cannot come back to its network namespace: %s\n",
               back.error().message().c_str());
  std::abort();
}

}  // namespace nslab::netns
