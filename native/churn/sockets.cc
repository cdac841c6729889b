// Listeners and connections, one call after another: over loopback each is done when the call returns.
#include "churn/sockets.h"

#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>

#include <array>
#include <optional>
#include <string>

#include "base/sys.h"
#include "churn/clock.h"
#include "churn/time_wait.h"

#ifndef SO_COOKIE
#define SO_COOKIE 57
#endif

namespace nslab::churn {
namespace {

/** Over loopback a connection is there at once; a kernel that takes so long has another trouble. */
constexpr int kConnectMs = 5000;
/** Connections are accepted one by one. */
constexpr int kBacklog = 16;
/** A kernel that keeps none in TIME_WAIT (net.ipv4.tcp_max_tw_buckets) keeps the next one no more. */
constexpr int kTimeWaitTries = 3;

std::string in_family(uint8_t family) { return family == 4 ? "IPv4 loopback" : "IPv6 loopback"; }

struct Address {
  sockaddr_storage storage{};
  socklen_t size = 0;

  [[nodiscard]] const sockaddr* get() const { return reinterpret_cast<const sockaddr*>(&storage); }
};

Address loopback(uint8_t family, uint16_t port) {
  Address address;
  if (family == 4) {
    sockaddr_in form{};
    form.sin_family = AF_INET;
    form.sin_port = htons(port);
    form.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    __builtin_memcpy(&address.storage, &form, address.size = sizeof form);
  } else {
    sockaddr_in6 form{};
    form.sin6_family = AF_INET6;
    form.sin6_port = htons(port);
    form.sin6_addr = in6addr_loopback;
    __builtin_memcpy(&address.storage, &form, address.size = sizeof form);
  }
  return address;
}

Result<UniqueFd> open_socket(uint8_t family) {
  const int domain = family == 4 ? AF_INET : AF_INET6;
  UniqueFd fd(sys::call([&] { return ::socket(domain, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0); }));
  if (!fd) return Status::from_errno("socket", in_family(family));
  return fd;
}

/** Whether close() resets the connection. An accepted socket does as its listener did. */
Status set_reset(int fd, bool resets) {
  const linger how{resets ? 1 : 0, 0};
  if (sys::call([&] { return ::setsockopt(fd, SOL_SOCKET, SO_LINGER, &how, sizeof how); }) != 0)
    return Status::from_errno("setsockopt SO_LINGER", "connection");
  return {};
}

Result<uint16_t> local_port(int fd) {
  sockaddr_in6 form{};
  socklen_t size = sizeof form;
  if (sys::call([&] { return ::getsockname(fd, reinterpret_cast<sockaddr*>(&form), &size); }) != 0)
    return Status::from_errno("getsockname", "socket");
  // The port stands at the same place in both families.
  return static_cast<uint16_t>(ntohs(form.sin6_port));
}

Result<uint64_t> cookie_of(int fd) {
  uint64_t cookie = 0;
  socklen_t size = sizeof cookie;
  if (sys::call([&] { return ::getsockopt(fd, SOL_SOCKET, SO_COOKIE, &cookie, &size); }) != 0)
    return Status::from_errno("getsockopt SO_COOKIE", "socket");
  return cookie;
}

struct Listener {
  UniqueFd fd;
  uint16_t port = 0;
  /** In `truths`. */
  uint32_t index = 0;
};

struct Connection {
  UniqueFd client;
  UniqueFd server;
  uint16_t client_port = 0;
};

Status await_readable(int fd, const std::string& what, uint8_t family) {
  pollfd wanted{fd, POLLIN, 0};
  const int ready = sys::call([&] { return ::poll(&wanted, 1, kConnectMs); });
  if (ready < 0) return Status::from_errno("poll", in_family(family));
  return ready > 0 ? Status() : Status::failed(ETIMEDOUT, what, in_family(family));
}

Result<Connection> connect_to(const Listener& listener, uint8_t family) {
  Connection made;
  auto client = open_socket(family);
  if (!client) return client.take_status();
  made.client = std::move(*client);
  const Address to = loopback(family, listener.port);
  // Not sys::call: a connect() that was interrupted goes on by itself.
  if (const int injected = sys::count_call(); injected != 0)
    return Status::failed(injected, "connect", in_family(family));
  if (::connect(made.client.get(), to.get(), to.size) != 0 && errno != EINPROGRESS)
    return Status::from_errno("connect", in_family(family));
  const auto accept = [&] {
    return sys::call([&] { return ::accept4(listener.fd.get(), nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC); });
  };
  made.server = UniqueFd(accept());
  if (!made.server && errno == EAGAIN) {
    if (Status ready = await_readable(listener.fd.get(), "connect", family); !ready) return ready;
    made.server = UniqueFd(accept());
  }
  if (!made.server) return Status::from_errno("accept", in_family(family));
  auto port = local_port(made.client.get());
  if (!port) return port.take_status();
  made.client_port = *port;
  return made;
}

/** One byte each way, so that what an observer reads of the connection is not all zero. */
void exchange(const Connection& connection) {
  char byte = 'n';
  for (const auto& [from, to] : {std::pair(connection.client.get(), connection.server.get()),
                                 std::pair(connection.server.get(), connection.client.get())})
    if (::send(from, &byte, 1, MSG_NOSIGNAL) == 1) (void)!::recv(to, &byte, 1, 0);
}

class Maker {
 public:
  Maker(const SocketsSpec& spec, uint64_t turn, SocketSet& made) : spec_(spec), turn_(turn), made_(made) {}

  Status make() {
    for (uint32_t i = 0; i < spec_.listeners; ++i)
      if (Status opened = open_listener(family_of(i)); !opened) return opened;
    const std::pair<Population, uint32_t> connections[] = {{Population::pair, spec_.pairs},
                                                           {Population::half_closed, spec_.half_closed},
                                                           {Population::time_wait, spec_.time_wait},
                                                           {Population::short_lived, spec_.short_lived}};
    for (const auto& [population, count] : connections)
      for (uint32_t i = 0; i < count; ++i)
        if (Status connected = connect(population, family_of(i)); !connected) return connected;
    const bool keeps = spec_.listeners > 0;
    for (auto& listener : listeners_) {
      if (!listener) continue;
      if (keeps && listener->index < spec_.listeners) made_.kept.push_back(std::move(listener->fd));
      else {
        listener->fd.reset();
        made_.truths[listener->index].until_ns = now_ns();
      }
    }
    return {};
  }

 private:
  [[nodiscard]] uint8_t family_of(uint32_t index) const {
    return spec_.families[(turn_ + index) % spec_.families.size()];
  }
  [[nodiscard]] std::optional<Listener>& listener_of(uint8_t family) { return listeners_[family == 4 ? 0 : 1]; }

  Status open_listener(uint8_t family) {
    auto fd = open_socket(family);
    if (!fd) return fd.take_status();
    const Address at = loopback(family, 0);
    if (sys::call([&] { return ::bind(fd->get(), at.get(), at.size); }) != 0)
      return Status::from_errno("bind", in_family(family));
    if (Status set = set_reset(fd->get(), true); !set) return set;
    if (sys::call([&] { return ::listen(fd->get(), kBacklog); }) != 0)
      return Status::from_errno("listen", in_family(family));
    auto port = local_port(fd->get());
    if (!port) return port.take_status();
    auto cookie = cookie_of(fd->get());
    if (!cookie) return cookie.take_status();
    const auto index = static_cast<uint32_t>(made_.truths.size());
    made_.truths.push_back({Population::listener, family, *port, 0, *cookie, now_ns(), 0});
    auto& first = listener_of(family);
    if (first) made_.kept.push_back(std::move(*fd));
    else first = Listener{std::move(*fd), *port, index};
    return {};
  }

  Status connect(Population population, uint8_t family) {
    auto& listener = listener_of(family);
    if (!listener)
      if (Status opened = open_listener(family); !opened) return opened;
    if (population == Population::time_wait) return leave_in_time_wait(*listener, family);
    auto connection = connect_to(*listener, family);
    if (!connection) return connection.take_status();
    if (Status set = set_reset(connection->client.get(), true); !set) return set;
    if (population == Population::half_closed &&
        sys::call([&] { return ::shutdown(connection->client.get(), SHUT_WR); }) != 0)
      return Status::from_errno("shutdown", in_family(family));
    if (population == Population::pair) exchange(*connection);
    const std::pair<uint16_t, uint16_t> ports[] = {{connection->client_port, listener->port},
                                                   {listener->port, connection->client_port}};
    UniqueFd* const ends[] = {&connection->client, &connection->server};
    for (int end = 0; end < 2; ++end) {
      auto cookie = cookie_of(ends[end]->get());
      if (!cookie) return cookie.take_status();
      const auto index = static_cast<uint32_t>(made_.truths.size());
      made_.truths.push_back({population, family, ports[end].first, ports[end].second, *cookie, now_ns(), 0});
      if (population == Population::short_lived) made_.brief.emplace_back(std::move(*ends[end]), index);
      else made_.kept.push_back(std::move(*ends[end]));
    }
    return {};
  }

  /**
   * The end that is closed first stays behind, as another object of the kernel's. Once in some hundred thousand times
   * it does not, and is a socket that was there for no time; then another is made.
   */
  Status leave_in_time_wait(const Listener& listener, uint8_t family) {
    if (!made_.proof) {
      auto opened = TimeWaitProof::open();
      if (!opened) return opened.take_status();
      made_.proof = std::move(*opened);
    }
    for (int tries = 0; tries < kTimeWaitTries; ++tries) {
      auto connection = connect_to(listener, family);
      if (!connection) return connection.take_status();
      if (Status set = set_reset(connection->server.get(), false); !set) return set;
      connection->client.reset();
      connection->server.reset();
      const int64_t at = now_ns();
      auto holds = made_.proof->holds(family, connection->client_port, listener.port);
      if (!holds) return holds.take_status();
      const SocketTruth truth{Population::time_wait,         family, connection->client_port, listener.port, 0, at,
                              *holds ? at + kTimeWaitNs : at};
      if (*holds) made_.waiting.emplace_back(truth, static_cast<uint32_t>(made_.truths.size()));
      made_.truths.push_back(truth);
      if (*holds) return {};
    }
    return Status::failed(ETIMEDOUT, "close into TIME_WAIT", in_family(family));
  }

  const SocketsSpec& spec_;
  const uint64_t turn_;
  SocketSet& made_;
  /** The first of each family. */
  std::array<std::optional<Listener>, 2> listeners_;
};

}  // namespace

Result<std::vector<std::pair<uint32_t, int64_t>>> SocketSet::lost_time_waits(int64_t now_ns) const {
  std::vector<std::pair<uint32_t, int64_t>> lost;
  for (const auto& [truth, index] : waiting) {
    if (truth.until_ns <= now_ns) continue;
    auto still = proof->holds_still(truth.family, truth.port, truth.peer_port);
    if (!still) return still.take_status();
    if (!*still) lost.emplace_back(index, truth.from_ns);
  }
  return lost;
}

Status make_sockets(const SocketsSpec& spec, uint64_t turn, SocketSet& made) { return Maker(spec, turn, made).make(); }

}  // namespace nslab::churn
