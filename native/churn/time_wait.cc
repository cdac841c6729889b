// One socket asked for by its addresses. Source: inet_diag_find_one_icsk() of the kernel, which finds TIME_WAIT, too.
#include "churn/time_wait.h"

#include <linux/inet_diag.h>
#include <linux/netlink.h>
#include <linux/sock_diag.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <time.h>

#include <algorithm>
#include <cstring>

#include "base/sys.h"

namespace nslab::churn {
namespace {

/** Over loopback both ends have agreed when the second close() returns, unless the processor was taken meanwhile. */
constexpr int kLooks = 50;
constexpr timespec kPause{0, 1'000'000};

const char* const kSockDiag = "NETLINK_SOCK_DIAG";

struct Request {
  nlmsghdr header;
  inet_diag_req_v2 what;
};

/** Both ends are at the loopback address. */
Request request_for(uint8_t family, uint16_t port, uint16_t peer_port) {
  Request request{};
  request.header = {sizeof request, SOCK_DIAG_BY_FAMILY, NLM_F_REQUEST, 1, 0};
  request.what.sdiag_family = family == 4 ? AF_INET : AF_INET6;
  request.what.sdiag_protocol = IPPROTO_TCP;
  request.what.idiag_states = ~0u;
  inet_diag_sockid& id = request.what.id;
  id.idiag_sport = htons(port);
  id.idiag_dport = htons(peer_port);
  for (__be32* address : {id.idiag_src, id.idiag_dst}) {
    if (family == 4) address[0] = htonl(INADDR_LOOPBACK);
    else std::memcpy(address, &in6addr_loopback, sizeof in6addr_loopback);
  }
  std::ranges::fill(id.idiag_cookie, INET_DIAG_NOCOOKIE);
  return request;
}

}  // namespace

Result<TimeWaitProof> TimeWaitProof::open() {
  UniqueFd fd(sys::call([] { return ::socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_SOCK_DIAG); }));
  if (!fd) return Status::from_errno("socket", kSockDiag);
  return TimeWaitProof(std::move(fd));
}

Result<uint8_t> TimeWaitProof::state_of(uint8_t family, uint16_t port, uint16_t peer_port) const {
  const Request request = request_for(family, port, peer_port);
  if (sys::call([&] { return ::send(fd_.get(), &request, sizeof request, 0); }) != sizeof request)
    return Status::from_errno("send", kSockDiag);
  // The kernel has answered when send() returns.
  alignas(nlmsghdr) char buffer[4096];
  const ssize_t size = sys::call([&] { return ::recv(fd_.get(), buffer, sizeof buffer, MSG_DONTWAIT); });
  if (size < 0) return Status::from_errno("recv", kSockDiag);
  nlmsghdr header;
  if (static_cast<size_t>(size) < sizeof header) return Status::failed(EBADMSG, "recv", kSockDiag);
  std::memcpy(&header, buffer, sizeof header);
  const auto body = [&](auto& into) {
    if (static_cast<size_t>(size) < NLMSG_HDRLEN + sizeof into) return false;
    std::memcpy(&into, buffer + NLMSG_HDRLEN, sizeof into);
    return true;
  };
  if (header.nlmsg_type == NLMSG_ERROR) {
    nlmsgerr refused;
    if (!body(refused)) return Status::failed(EBADMSG, "recv", kSockDiag);
    if (refused.error == -ENOENT) return uint8_t{0};
    return Status::failed(-refused.error, "ask for a socket", kSockDiag);
  }
  inet_diag_msg found;
  if (header.nlmsg_type != SOCK_DIAG_BY_FAMILY || !body(found)) return Status::failed(EBADMSG, "recv", kSockDiag);
  return found.idiag_state;
}

Result<bool> TimeWaitProof::holds(uint8_t family, uint16_t port, uint16_t peer_port) const {
  for (int look = 0; look < kLooks; ++look) {
    auto state = state_of(family, port, peer_port);
    if (!state) return state.take_status();
    if (*state == TCP_TIME_WAIT) return true;
    // Neither on its way there nor there: the kernel let it go.
    if (*state == 0) break;
    (void)::nanosleep(&kPause, nullptr);
  }
  auto listener = state_of(family, peer_port, 0);
  if (!listener) return listener.take_status();
  return *listener == 0;
}

Result<bool> TimeWaitProof::holds_still(uint8_t family, uint16_t port, uint16_t peer_port) const {
  auto state = state_of(family, port, peer_port);
  if (!state) return state.take_status();
  return *state == TCP_TIME_WAIT;
}

}  // namespace nslab::churn
