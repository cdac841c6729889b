// The floor under polling: what the kernel's own work costs. Makes namespaces with TCP connections over their loopback,
// then dumps all their sockets each time it is told to, with nothing around the system calls but counting messages.
//
// collect --namespaces N --sockets S [--table T]
// T: each namespace has a table of connections of its own, with so many places; else all share the machine's.
// Prints one line of JSON when all is made: its pid and the descriptors of the namespaces. Then each line on standard
// input is a dump, answered by a line: "both" asks for both families at once, "apart" for each by itself, as ss does.

#include <arpa/inet.h>
#include <fcntl.h>
#include <linux/inet_diag.h>
#include <linux/netlink.h>
#include <linux/sock_diag.h>
#include <net/if.h>
#include <sched.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <vector>

namespace {

constexpr uint16_t kPort = 9000;
/** One process may have 20,000 descriptors on some machines: so many sockets a process. */
constexpr size_t kSocketsPerProcess = 15'000;

[[noreturn]] void die(const char* what) {
  std::perror(what);
  std::exit(1);
}

int checked(int result, const char* what) {
  if (result < 0) die(what);
  return result;
}

int64_t now_ns() {
  timespec time{};
  clock_gettime(CLOCK_MONOTONIC, &time);
  return time.tv_sec * 1'000'000'000LL + time.tv_nsec;
}

/** A namespace whose children have tables of their own. */
int make_parent(const char* table) {
  checked(unshare(CLONE_NEWNET), "unshare");
  const int setting = checked(open("/proc/sys/net/ipv4/tcp_child_ehash_entries", O_WRONLY | O_CLOEXEC), "open setting");
  if (write(setting, table, std::strlen(table)) < 0) die("tcp_child_ehash_entries");
  close(setting);
  return checked(open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC), "open ns/net");
}

/** `parent`: -1 where it does not matter. */
int make_namespace(int parent) {
  if (parent >= 0) checked(setns(parent, CLONE_NEWNET), "setns");
  checked(unshare(CLONE_NEWNET), "unshare");
  const int probe = checked(socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0), "socket");
  ifreq request{};
  std::strcpy(request.ifr_name, "lo");
  request.ifr_flags = IFF_UP;
  checked(ioctl(probe, SIOCSIFFLAGS, &request), "SIOCSIFFLAGS lo");
  close(probe);
  return checked(open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC), "open ns/net");
}

/** A listener, and connections to it: `count` sockets in all, in the calling thread's namespace. */
void make_sockets(int family, size_t count) {
  sockaddr_storage address{};
  socklen_t size = sizeof(sockaddr_in);
  if (family == AF_INET) {
    auto& v4 = reinterpret_cast<sockaddr_in&>(address);
    v4 = {AF_INET, htons(kPort), {htonl(INADDR_LOOPBACK)}, {}};
  } else {
    auto& v6 = reinterpret_cast<sockaddr_in6&>(address);
    v6 = {AF_INET6, htons(kPort), 0, IN6ADDR_LOOPBACK_INIT, 0};
    size = sizeof v6;
  }
  const auto* where = reinterpret_cast<const sockaddr*>(&address);
  const int listener = checked(socket(family, SOCK_STREAM | SOCK_CLOEXEC, 0), "socket");
  checked(bind(listener, where, size), "bind");
  checked(listen(listener, 16), "listen");
  for (size_t made = 1; made + 1 < count; made += 2) {
    checked(connect(checked(socket(family, SOCK_STREAM | SOCK_CLOEXEC, 0), "socket"), where, size), "connect");
    checked(accept4(listener, nullptr, nullptr, SOCK_CLOEXEC), "accept");
  }
}

/** Fills namespaces in a process of its own, which lives as long as this one. */
void fill(const std::vector<int>& namespaces, size_t first, size_t end, size_t sockets) {
  int done[2];
  checked(pipe(done), "pipe");
  const pid_t child = checked(fork(), "fork");
  if (child != 0) {
    close(done[1]);
    char byte = 0;
    if (read(done[0], &byte, 1) != 1) die("a process that makes sockets");
    close(done[0]);
    return;
  }
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  for (size_t i = first; i < end; ++i) {
    checked(setns(namespaces[i], CLONE_NEWNET), "setns");
    make_sockets(AF_INET, sockets / 2);
    make_sockets(AF_INET6, sockets - sockets / 2);
  }
  if (write(done[1], "x", 1) != 1) _exit(1);
  for (;;) pause();
}

struct Counts {
  size_t rows = 0;
  size_t pages = 0;
};

/** One dump to its end. `family`: AF_UNSPEC asks for both. */
void dump(int netlink, int family, std::vector<char>& buffer, Counts& counts) {
  struct {
    nlmsghdr header;
    union {
      inet_diag_req both;
      inet_diag_req_v2 one;
    };
  } request{};
  constexpr uint8_t kExtensions =
      1 << (INET_DIAG_INFO - 1) | 1 << (INET_DIAG_CONG - 1) | 1 << (INET_DIAG_SKMEMINFO - 1);
  request.header.nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP;
  if (family == AF_UNSPEC) {
    request.header.nlmsg_type = TCPDIAG_GETSOCK;
    request.header.nlmsg_len = NLMSG_LENGTH(sizeof request.both);
    request.both.idiag_ext = kExtensions;
    request.both.idiag_states = 0x1ffe;
  } else {
    request.header.nlmsg_type = SOCK_DIAG_BY_FAMILY;
    request.header.nlmsg_len = NLMSG_LENGTH(sizeof request.one);
    request.one.sdiag_family = static_cast<uint8_t>(family);
    request.one.sdiag_protocol = IPPROTO_TCP;
    request.one.idiag_ext = kExtensions;
    request.one.idiag_states = 0x1ffe;
  }
  checked(static_cast<int>(send(netlink, &request, request.header.nlmsg_len, 0)), "send");
  for (;;) {
    const auto size = recv(netlink, buffer.data(), buffer.size(), 0);
    if (size < 0) die("recv");
    ++counts.pages;
    auto left = static_cast<unsigned>(size);
    for (auto* message = reinterpret_cast<nlmsghdr*>(buffer.data()); NLMSG_OK(message, left);
         message = NLMSG_NEXT(message, left)) {
      if (message->nlmsg_type == NLMSG_DONE) return;
      if (message->nlmsg_type == NLMSG_ERROR) die("dump");
      ++counts.rows;
    }
  }
}

}  // namespace

int main(int count, char** words) {
  size_t namespaces_count = 200, sockets = 100;
  const char* table = nullptr;
  for (int i = 1; i + 1 < count; i += 2) {
    if (std::strcmp(words[i], "--namespaces") == 0) namespaces_count = std::strtoul(words[i + 1], nullptr, 10);
    else if (std::strcmp(words[i], "--sockets") == 0) sockets = std::strtoul(words[i + 1], nullptr, 10);
    else if (std::strcmp(words[i], "--table") == 0) table = words[i + 1];
  }
  if (namespaces_count < 1 || sockets < 4 || sockets > kSocketsPerProcess || count % 2 == 0) {
    std::fprintf(stderr, "usage: collect [--namespaces N] [--sockets S] [--table T]\n");
    return 2;
  }
  rlimit files{};
  getrlimit(RLIMIT_NOFILE, &files);
  files.rlim_cur = files.rlim_max;
  setrlimit(RLIMIT_NOFILE, &files);

  std::vector<int> namespaces, netlinks;
  const int parent = table == nullptr ? -1 : make_parent(table);
  for (size_t i = 0; i < namespaces_count; ++i) namespaces.push_back(make_namespace(parent));
  const size_t share = kSocketsPerProcess / sockets;
  for (size_t first = 0; first < namespaces_count; first += share)
    fill(namespaces, first, std::min(first + share, namespaces_count), sockets);
  for (const int one : namespaces) {
    checked(setns(one, CLONE_NEWNET), "setns");
    netlinks.push_back(checked(socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_SOCK_DIAG), "socket netlink"));
  }
  std::printf("{\"pid\":%d,\"namespaces\":[", getpid());
  for (size_t i = 0; i < namespaces.size(); ++i) std::printf("%s%d", i == 0 ? "" : ",", namespaces[i]);
  std::printf("]}\n");
  std::fflush(stdout);

  std::vector<char> buffer(32 * 1024);
  for (char line[16]; std::fgets(line, sizeof line, stdin) != nullptr;) {
    const bool both = std::strcmp(line, "both\n") == 0;
    Counts counts;
    const int64_t started = now_ns();
    for (const int netlink : netlinks) {
      if (both) dump(netlink, AF_UNSPEC, buffer, counts);
      else
        for (const int family : {AF_INET, AF_INET6}) dump(netlink, family, buffer, counts);
    }
    std::printf("{\"seconds\":%.9f,\"rows\":%zu,\"pages\":%zu}\n", static_cast<double>(now_ns() - started) / 1e9,
                counts.rows, counts.pages);
    std::fflush(stdout);
  }
}
