// TCP sockets inside namespaces.
#include "netns/socket.h"

#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include <algorithm>

#include "base/sys.h"

namespace nslab::netns {
namespace {

sockaddr_in kernel_form(const Endpoint& endpoint) {
  sockaddr_in form{};
  form.sin_family = AF_INET;
  form.sin_port = htons(endpoint.port);
  form.sin_addr = endpoint.address;
  return form;
}

Result<UniqueFd> open_tcp(const Netns& where, int option_level, int option) {
  if (Status entered = enter(where); !entered) return entered;
  UniqueFd fd(sys::call([] { return ::socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0); }));
  if (!fd) return Status::from_errno("socket", "network namespace");
  const int on = 1;
  if (sys::call([&] { return ::setsockopt(fd.get(), option_level, option, &on, sizeof on); }) != 0)
    return Status::from_errno("setsockopt", "network namespace");
  return fd;
}

}  // namespace

Result<Endpoint> Endpoint::parse(const std::string& text, uint16_t port) {
  Endpoint endpoint{{}, port};
  if (::inet_pton(AF_INET, text.c_str(), &endpoint.address) != 1)
    return Status::failed(EINVAL, "parse address", "'" + text + "'", "not an IPv4 address");
  return endpoint;
}

std::string Endpoint::text() const {
  char buffer[INET_ADDRSTRLEN] = "";
  ::inet_ntop(AF_INET, &address, buffer, sizeof buffer);
  return std::string(buffer) + ":" + std::to_string(port);
}

Result<UniqueFd> open_tcp_listener(const Netns& where, const Endpoint& at, int backlog) {
  auto fd = open_tcp(where, SOL_SOCKET, SO_REUSEADDR);
  if (!fd) return fd;
  const sockaddr_in form = kernel_form(at);
  if (sys::call([&] { return ::bind(fd->get(), reinterpret_cast<const sockaddr*>(&form), sizeof form); }) != 0)
    return Status::from_errno("bind " + at.text(), "network namespace");
  if (sys::call([&] { return ::listen(fd->get(), backlog); }) != 0)
    return Status::from_errno("listen " + at.text(), "network namespace");
  return fd;
}

Result<UniqueFd> start_tcp_connect(const Netns& where, const Endpoint& to) {
  auto fd = open_tcp(where, IPPROTO_TCP, TCP_NODELAY);
  if (!fd) return fd;
  const sockaddr_in form = kernel_form(to);
  // connect() is not repeated on EINTR: the attempt goes on by itself (connect(2)); non-blocking, it is never
  // interrupted.
  const int injected = sys::count_call();
  if (injected != 0) return Status::failed(injected, "connect " + to.text(), "network namespace");
  if (::connect(fd->get(), reinterpret_cast<const sockaddr*>(&form), sizeof form) != 0 && errno != EINPROGRESS)
    return Status::from_errno("connect " + to.text(), "network namespace");
  return fd;
}

Status finish_connect(int fd, const Endpoint& to) {
  int number = 0;
  socklen_t size = sizeof number;
  if (sys::call([&] { return ::getsockopt(fd, SOL_SOCKET, SO_ERROR, &number, &size); }) != 0)
    return Status::from_errno("getsockopt SO_ERROR", "network namespace");
  return number == 0 ? Status() : Status::failed(number, "connect " + to.text(), "network namespace");
}

void end_when_silent(int fd, uint32_t silence_ms) {
  const auto set = [fd](int level, int option, const auto value) {
    (void)::setsockopt(fd, level, option, &value, sizeof value);
  };
  const int seconds = std::max(static_cast<int>(silence_ms / 1000), 2);
  const int questions = std::min(seconds - 1, 3);
  set(SOL_SOCKET, SO_KEEPALIVE, 1);
  set(IPPROTO_TCP, TCP_KEEPIDLE, seconds - questions);
  set(IPPROTO_TCP, TCP_KEEPINTVL, 1);
  set(IPPROTO_TCP, TCP_KEEPCNT, questions);
  set(IPPROTO_TCP, TCP_USER_TIMEOUT, silence_ms);
}

}  // namespace nslab::netns
