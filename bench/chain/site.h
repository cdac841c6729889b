// Three network namespaces in a line, joined by two veth pairs: 1 - 2 - 3. All of it is gone with the process.
#pragma once

#include <arpa/inet.h>
#include <dirent.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include <array>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <map>
#include <memory>
#include <string>

#include "base/fd.h"
#include "base/status.h"
#include "netns/netns.h"
#include "netns/setting.h"
#include "netns/socket.h"
#include "rtnl/address.h"
#include "rtnl/link.h"
#include "rtnl/route.h"
#include "rtnl/socket.h"

namespace nslab::bench {

[[noreturn]] inline void die(const std::string& what) {
  std::fprintf(stderr, "chain: %s\n", what.c_str());
  std::exit(1);
}
inline void need(const Status& status) {
  if (!status) die(status.error().message());
}
template <typename T>
T need(Result<T> result) {
  if (!result) die(result.error().message());
  return std::move(*result);
}
inline void need(bool holds, const char* what) {
  if (!holds) die(what);
}

inline int64_t now_ns() {
  timespec time{};
  (void)::clock_gettime(CLOCK_MONOTONIC, &time);
  return int64_t{time.tv_sec} * 1'000'000'000 + time.tv_nsec;
}

/** Seconds of processor that each thread of this process has had, by the thread's name; the kernel's work included. */
inline std::map<std::string, double> thread_seconds() {
  std::map<std::string, double> seconds;
  DIR* folder = ::opendir("/proc/self/task");
  need(folder != nullptr, "opendir /proc/self/task");
  while (const dirent* entry = ::readdir(folder)) {
    if (entry->d_name[0] == '.') continue;
    const std::string path = std::string("/proc/self/task/") + entry->d_name;
    std::string name;
    std::getline(std::ifstream(path + "/comm"), name);
    // The clock of a thread of this process (clock_getcpuclockid(3), for one thread); its files in /proc are far
    // behind.
    const auto clock = static_cast<clockid_t>(~static_cast<unsigned>(std::atoi(entry->d_name)) << 3 | 6);
    timespec time{};
    if (::clock_gettime(clock, &time) == 0)
      seconds[name] += static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_nsec) / 1e9;
  }
  ::closedir(folder);
  return seconds;
}

using SharedNetns = std::shared_ptr<const netns::Netns>;

class Site {
 public:
  static constexpr const char* kFirst = "10.1.0.1";
  /** The relay's addresses, towards 1 and towards 3. */
  static constexpr const char* kNear = "10.1.0.2";
  static constexpr const char* kFar = "10.2.0.2";
  static constexpr const char* kLast = "10.2.0.3";

  /** `forwards`: the one in the middle forwards for the others. */
  explicit Site(bool forwards) {
    // A root of its own: nothing here is seen from outside.
    need(::unshare(CLONE_NEWNET) == 0, "unshare: no right to make network namespaces");
    std::array<UniqueFd, 3> netlinks;
    for (size_t i = 0; i < 3; i++)
      nodes_[i] = std::make_shared<const netns::Netns>(need(netns::Netns::create_and_stay(netlinks[i])));
    std::array<rtnl::Socket, 3> sockets{need(rtnl::Socket::adopt(std::move(netlinks[0]), "node 1")),
                                        need(rtnl::Socket::adopt(std::move(netlinks[1]), "node 2")),
                                        need(rtnl::Socket::adopt(std::move(netlinks[2]), "node 3"))};
    rtnl::Batch batch;
    const auto mac = [](uint8_t last) { return rtnl::Mac{2, 0, 0, 0, 0, last}; };
    rtnl::add_veth(batch, {2, "left", mac(1), 0, kMtu, 2, "right", mac(2), nodes_[0]->fd()});
    rtnl::add_veth(batch, {3, "right", mac(3), 0, kMtu, 2, "left", mac(4), nodes_[2]->fd()});
    need(sockets[1].execute(batch));
    const auto raise = [&](size_t node, int index, const char* address) {
      rtnl::set_no_ipv6_address(batch, index);
      rtnl::add_address(batch, index, address_of(address), 24);
      rtnl::set_up(batch, index);
      need(sockets[node].execute(batch));
    };
    raise(0, 2, kFirst);
    raise(1, 2, kNear);
    raise(1, 3, kFar);
    raise(2, 2, kLast);
    if (!forwards) return;
    rtnl::set_route(batch, {address_of("10.2.0.0"), 24}, address_of(kNear));
    need(sockets[0].execute(batch));
    rtnl::set_route(batch, {address_of("10.1.0.0"), 24}, address_of(kFar));
    need(sockets[2].execute(batch));
    need(netns::enter(node(2)));
    need(netns::forward_ipv4("node 2"));
  }

  [[nodiscard]] const netns::Netns& node(uint32_t number) const { return *nodes_[number - 1]; }
  [[nodiscard]] const SharedNetns& share(uint32_t number) const { return nodes_[number - 1]; }

  static netns::Endpoint at(const char* address, uint16_t port) { return need(netns::Endpoint::parse(address, port)); }

  /** A connection to `listener`, from inside a node; both ends block and send without delay. */
  std::pair<UniqueFd, UniqueFd> connect(uint32_t from, int listener, const netns::Endpoint& to) const {
    UniqueFd end = dial(from, to);
    return {std::move(end), accept(listener)};
  }
  [[nodiscard]] UniqueFd listen(uint32_t node_number, const netns::Endpoint& at) const {
    return need(netns::open_tcp_listener(node(node_number), at, 8));
  }
  /** Again where nobody listens yet. */
  [[nodiscard]] UniqueFd dial(uint32_t from, const netns::Endpoint& to) const {
    for (int tries = 0; tries < 500; tries++) {
      UniqueFd end = need(netns::start_tcp_connect(node(from), to));
      pollfd ready{end.get(), POLLOUT, 0};
      need(::poll(&ready, 1, 10'000) == 1, "connect: no answer");
      if (netns::finish_connect(end.get(), to)) return block(std::move(end));
      ::usleep(10'000);
    }
    die("connect " + to.text() + ": refused");
  }
  static UniqueFd accept(int listener) {
    pollfd ready{listener, POLLIN, 0};
    need(::poll(&ready, 1, 10'000) == 1, "accept: nobody came");
    return block(UniqueFd(::accept4(listener, nullptr, nullptr, SOCK_CLOEXEC)));
  }

 private:
  static constexpr uint32_t kMtu = 1500;

  static in_addr address_of(const char* text) { return at(text, 0).address; }
  static UniqueFd block(UniqueFd end) {
    need(end.get() >= 0 && ::fcntl(end.get(), F_SETFL, 0) == 0, "fcntl");
    return end;
  }

  std::array<SharedNetns, 3> nodes_;
};

}  // namespace nslab::bench
