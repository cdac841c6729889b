// Notifications.
#include "rtnl/monitor.h"

#include <sys/socket.h>

#include "base/sys.h"
#include "rtnl/socket.h"

namespace nslab::rtnl {
namespace {

/** About nine messages of 1.5 KiB a node until it is up: room for 1,000 nodes of silence. Memory is used only when
 * filled. */
constexpr int kReceiveBytes = 32 * 1024 * 1024;

bool set_room(int fd, int option, int bytes) {
  return sys::call([&] { return ::setsockopt(fd, SOL_SOCKET, option, &bytes, sizeof bytes); }) == 0;
}

}  // namespace

Result<Monitor> Monitor::open(std::string where, int room_bytes) {
  UniqueFd fd(sys::call([] { return ::socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE); }));
  if (!fd) return Status::from_errno("socket NETLINK_ROUTE", where);
  // Beyond the machine's limit with CAP_NET_ADMIN in the first user namespace only; what fits otherwise will do
  // (ENOBUFS is answered by reading again).
  const int bytes = room_bytes > 0 ? room_bytes : kReceiveBytes;
  if ((room_bytes > 0 || !set_room(fd.get(), SO_RCVBUFFORCE, bytes)) && !set_room(fd.get(), SO_RCVBUF, bytes))
    return Status::from_errno("setsockopt SO_RCVBUF", where);
  sockaddr_nl address{};
  address.nl_family = AF_NETLINK;
  if (sys::call([&] { return ::bind(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address); }) != 0)
    return Status::from_errno("bind netlink", where);
  for (const int group : {RTNLGRP_LINK, RTNLGRP_NSID})
    if (sys::call([&] { return ::setsockopt(fd.get(), SOL_NETLINK, NETLINK_ADD_MEMBERSHIP, &group, sizeof group); }) !=
        0)
      return Status::from_errno("setsockopt NETLINK_ADD_MEMBERSHIP", where);
  return Monitor(std::move(fd), std::move(where));
}

Result<bool> Monitor::drain(const std::function<void(const Message&)>& take) {
  bool lost = false;
  for (;;) {
    auto size = receive_datagram(fd_.get(), buffer_, "recvmsg notifications", where_);
    if (!size && size.error().number == EAGAIN) return lost;
    if (!size && size.error().number == ENOBUFS) {
      lost = true;
      continue;
    }
    if (!size) return size.take_status();
    MessageReader reader({buffer_.data(), *size});
    for (Message message; reader.next(message);) take(message);
  }
}

}  // namespace nslab::rtnl
