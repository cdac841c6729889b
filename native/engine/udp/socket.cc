#include "engine/udp/socket.h"

#include <netinet/in.h>
#include <netinet/udp.h>

#include <algorithm>

#include "base/sys.h"

namespace nslab::engine::udp {
namespace {

constexpr const char* kWhere = "network namespace";

/**
 * Of each link's end. A turn of a busy lane may take some milliseconds, in which a fast link brings megabytes; only
 * what waits takes memory. What is asked for by force needs CAP_NET_ADMIN on the machine: without, net.core.rmem_max
 * bounds it.
 */
constexpr int kReceiveBytes = 4 * 1024 * 1024;

Result<UniqueFd> open(const netns::Netns& where) {
  if (Status entered = netns::enter(where); !entered) return entered;
  UniqueFd fd(sys::call([] { return ::socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0); }));
  if (!fd) return Status::from_errno("socket", kWhere);
  // Larger than the way takes is cut by the kernel, and never refused: where a way becomes narrower meanwhile.
  const int discover = IP_PMTUDISC_DONT;
  (void)::setsockopt(fd.get(), IPPROTO_IP, IP_MTU_DISCOVER, &discover, sizeof discover);
  return fd;
}

Status bind_to(int fd, const netns::Endpoint& at) {
  const sockaddr_in name = name_of(at);
  if (sys::call([&] { return ::bind(fd, reinterpret_cast<const sockaddr*>(&name), sizeof name); }) != 0)
    return Status::from_errno("bind " + at.text(), kWhere);
  return {};
}

}  // namespace

netns::Endpoint endpoint_of(const sockaddr_in& name) { return {name.sin_addr, ntohs(name.sin_port)}; }

sockaddr_in name_of(const netns::Endpoint& endpoint) {
  sockaddr_in name{};
  name.sin_family = AF_INET;
  name.sin_port = htons(endpoint.port);
  name.sin_addr = endpoint.address;
  return name;
}

netns::Endpoint own_endpoint(int fd) {
  sockaddr_in name{};
  socklen_t size = sizeof name;
  if (sys::call([&] { return ::getsockname(fd, reinterpret_cast<sockaddr*>(&name), &size); }) != 0) return {};
  return endpoint_of(name);
}

Result<UniqueFd> open_listener(const netns::Netns& where, const netns::Endpoint& at) {
  auto fd = open(where);
  if (!fd) return fd;
  if (Status bound = bind_to(fd->get(), at); !bound) return bound;
  return fd;
}

Status connect_end(int fd, const netns::Endpoint& to) {
  const sockaddr_in name = name_of(to);
  if (sys::call([&] { return ::connect(fd, reinterpret_cast<const sockaddr*>(&name), sizeof name); }) != 0)
    return Status::from_errno("connect " + to.text(), kWhere);
  return {};
}

Result<UniqueFd> open_end(const netns::Netns& where, const std::optional<in_addr>& from, const netns::Endpoint& to) {
  auto fd = open(where);
  if (!fd) return fd;
  const int on = 1;
  // Several datagrams of one message come as one. Without it they come one by one: failures are ignored.
  (void)::setsockopt(fd->get(), SOL_UDP, UDP_GRO, &on, sizeof on);
  if (::setsockopt(fd->get(), SOL_SOCKET, SO_RCVBUFFORCE, &kReceiveBytes, sizeof kReceiveBytes) != 0)
    (void)::setsockopt(fd->get(), SOL_SOCKET, SO_RCVBUF, &kReceiveBytes, sizeof kReceiveBytes);
  if (from)
    if (Status bound = bind_to(fd->get(), {*from, 0}); !bound) return bound;
  if (Status connected = connect_end(fd->get(), to); !connected) return connected;
  return fd;
}

uint32_t datagram_bytes(int fd) {
  constexpr int kHeaders = 28;
  int mtu = 0;
  socklen_t size = sizeof mtu;
  if (::getsockopt(fd, IPPROTO_IP, IP_MTU, &mtu, &size) != 0 || mtu <= kHeaders) return 0;
  return static_cast<uint32_t>(mtu - kHeaders);
}

}  // namespace nslab::engine::udp
