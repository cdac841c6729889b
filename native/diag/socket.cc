// Opening, asking and hearing.
#include "diag/socket.h"

#include <linux/netlink.h>
#include <sys/socket.h>

#include <cerrno>

#include "base/descriptors.h"
#include "base/sys.h"

namespace nslab::diag {
namespace {

Result<UniqueFd> open_diag() {
  UniqueFd fd(
      sys::call([] { return ::socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, NETLINK_SOCK_DIAG); }));
  if (fd && descriptors::is_of_reserve(fd.get())) {
    fd.reset();
    errno = EMFILE;
  }
  if (!fd) return Status::from_errno("socket NETLINK_SOCK_DIAG", "network namespace");
  return fd;
}

}  // namespace

Result<Socket> Socket::open(int netns_fd, netns::Identity& identity) {
  UniqueFd fd;
  auto found = netns::open_inside(netns_fd, fd, open_diag);
  if (!found) return found.take_status();
  sockaddr_nl own{};
  own.nl_family = AF_NETLINK;
  socklen_t size = sizeof own;
  // Bound now, so that the kernel gives it its port.
  if (sys::call([&] { return ::bind(fd.get(), reinterpret_cast<sockaddr*>(&own), size); }) != 0)
    return Status::from_errno("bind NETLINK_SOCK_DIAG", "network namespace");
  if (sys::call([&] { return ::getsockname(fd.get(), reinterpret_cast<sockaddr*>(&own), &size); }) != 0)
    return Status::from_errno("getsockname NETLINK_SOCK_DIAG", "network namespace");
  identity = *found;
  return Socket(std::move(fd), own.nl_pid);
}

int Socket::send(std::span<const std::byte> request) const {
  // Without an address it goes to the kernel.
  const ssize_t sent = sys::call([&] { return ::send(fd_.get(), request.data(), request.size(), MSG_NOSIGNAL); });
  return sent == static_cast<ssize_t>(request.size()) ? 0 : sent < 0 ? errno : EMSGSIZE;
}

Received Socket::receive(std::vector<std::byte>& buffer) const {
  sockaddr_nl sender{};
  iovec part{buffer.data(), buffer.size()};
  msghdr message{};
  message.msg_name = &sender;
  message.msg_namelen = sizeof sender;
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  const ssize_t size = sys::call([&] { return ::recvmsg(fd_.get(), &message, MSG_DONTWAIT); });
  if (size < 0) {
    if (errno == EAGAIN) return {Got::nothing, {}};
    return {errno == ENOBUFS ? Got::lost : Got::failed, {}};
  }
  // Any process with the right to may send to a netlink socket: only the kernel (port 0) is believed.
  if (message.msg_namelen == sizeof sender && sender.nl_pid != 0) return {Got::foreign, {}};
  if ((message.msg_flags & MSG_TRUNC) != 0) return {Got::truncated, {}};
  return {Got::datagram, {buffer.data(), static_cast<size_t>(size)}};
}

}  // namespace nslab::diag
