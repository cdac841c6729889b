// inet_diag dumps that are only counted, and the counters under /proc/net.
#include "connections/count.h"

#include <linux/inet_diag.h>
#include <linux/netlink.h>
#include <linux/sock_diag.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include <fstream>
#include <sstream>
#include <vector>

#include "base/fd.h"
#include "base/sys.h"

namespace nslab::connections {
namespace {

constexpr size_t kBufferBytes = 256 * 1024;
/** Sockets that come and go make the kernel restart its listing; it does not here, or seldom. */
constexpr int kDumpsMax = 20;

struct Request {
  nlmsghdr header;
  inet_diag_req_v2 body;
};

/** One dump. Returns false where the kernel says that the listing changed under it. */
Result<bool> dump_once(int fd, const std::string& where, std::vector<char>& buffer, SocketCounts& counts) {
  Request request{};
  request.header.nlmsg_len = sizeof request;
  request.header.nlmsg_type = SOCK_DIAG_BY_FAMILY;
  request.header.nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP;
  request.body.sdiag_family = AF_INET;
  request.body.sdiag_protocol = IPPROTO_TCP;
  request.body.idiag_states = (1U << TCP_ESTABLISHED) | (1U << TCP_TIME_WAIT);
  if (sys::call([&] { return ::send(fd, &request, sizeof request, 0); }) < 0)
    return Status::from_errno("send SOCK_DIAG_BY_FAMILY", where);
  for (bool whole = true;;) {
    const ssize_t size = sys::call([&] { return ::recv(fd, buffer.data(), buffer.size(), 0); });
    if (size < 0) return Status::from_errno("recv inet_diag", where);
    auto left = static_cast<unsigned>(size);
    for (auto* message = reinterpret_cast<nlmsghdr*>(buffer.data()); NLMSG_OK(message, left);
         message = NLMSG_NEXT(message, left)) {
      if (message->nlmsg_flags & NLM_F_DUMP_INTR) whole = false;
      if (message->nlmsg_type == NLMSG_DONE) return whole;
      if (message->nlmsg_type == NLMSG_ERROR) {
        const auto* error = static_cast<const nlmsgerr*>(NLMSG_DATA(message));
        return Status::failed(-error->error, "SOCK_DIAG_BY_FAMILY", where);
      }
      const auto* socket = static_cast<const inet_diag_msg*>(NLMSG_DATA(message));
      if (socket->idiag_state == TCP_ESTABLISHED) ++counts.established;
      else if (socket->idiag_state == TCP_TIME_WAIT) ++counts.time_wait;
    }
  }
}

Status dump(const std::string& where, SocketCounts& counts) {
  const UniqueFd fd(sys::call([] { return ::socket(AF_NETLINK, SOCK_DGRAM | SOCK_CLOEXEC, NETLINK_SOCK_DIAG); }));
  if (!fd) return Status::from_errno("socket NETLINK_SOCK_DIAG", where);
  std::vector<char> buffer(kBufferBytes);
  for (int tried = 0; tried < kDumpsMax; ++tried) {
    counts.established = counts.time_wait = 0;
    auto whole = dump_once(fd.get(), where, buffer, counts);
    if (!whole) return whole.take_status();
    if (*whole) return {};
  }
  return Status::failed(EINTR, "SOCK_DIAG_BY_FAMILY", where, "the listing changed at every try");
}

/** A figure of a file of pairs of lines, names above values, as snmp and netstat are; 0 where there is none. */
uint64_t named_figure(const char* path, const std::string& group, const std::string& name) {
  std::ifstream file(path);
  for (std::string names, values; std::getline(file, names) && std::getline(file, values);) {
    std::istringstream heads(names), figures(values);
    std::string head;
    long long figure = 0;
    heads >> head;
    if (head != group) continue;
    figures >> head;
    while (heads >> head && figures >> figure)
      if (head == name) return static_cast<uint64_t>(figure);
  }
  return 0;
}

/** The figure after `name` in the line of `group`: "TCP: inuse 4 orphan 0 tw 2 …". */
uint64_t figure_after(const char* path, const std::string& group, const std::string& name) {
  std::ifstream file(path);
  for (std::string line; std::getline(file, line);) {
    std::istringstream words(line);
    std::string word;
    if (!(words >> word) || word != group) continue;
    while (words >> word) {
      uint64_t figure = 0;
      if (word == name && words >> figure) return figure;
    }
  }
  return 0;
}

}  // namespace

SocketCounts& SocketCounts::operator+=(const SocketCounts& other) {
  established += other.established;
  time_wait += other.time_wait;
  established_by_counter += other.established_by_counter;
  time_wait_by_counter += other.time_wait_by_counter;
  time_wait_overflow += other.time_wait_overflow;
  return *this;
}

Result<SocketCounts> count_sockets(const std::string& where) {
  SocketCounts counts;
  if (Status dumped = dump(where, counts); !dumped) return dumped;
  // thread-self: /proc/net is that of the process' leading thread.
  counts.established_by_counter = named_figure("/proc/thread-self/net/snmp", "Tcp:", "CurrEstab");
  counts.time_wait_by_counter = figure_after("/proc/thread-self/net/sockstat", "TCP:", "tw");
  counts.time_wait_overflow = named_figure("/proc/thread-self/net/netstat", "TcpExt:", "TCPTimeWaitOverflow");
  return counts;
}

}  // namespace nslab::connections
