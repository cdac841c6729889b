// One thread a namespace, parked inside it, and blocking readers beside it: the thread model of collectors that have no
// event loop for netlink, with nothing else around it. Threads: namespaces x (readers + 1) + 1.
//
// readers --readers R
// The first line of standard input holds the paths of namespaces, separated by blanks. Prints a line of JSON when every
// thread is in its place; then each line on standard input is a poll of all TCP sockets of both families, answered by a
// line: how long it took, and how many sockets it saw.

#include <fcntl.h>
#include <linux/inet_diag.h>
#include <linux/netlink.h>
#include <linux/sock_diag.h>
#include <netinet/in.h>
#include <pthread.h>
#include <sched.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include <atomic>
#include <condition_variable>
#include <csignal>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <iostream>
#include <memory>
#include <mutex>
#include <sstream>
#include <string>
#include <thread>
#include <utility>
#include <vector>

namespace {

/** What one read takes: eight pages. */
constexpr size_t kBufferBytes = 32 * 1024;
/** A blocked reader looks up so often, as those do that must see that they are to end. */
constexpr timeval kReceiveTimeout{1, 0};

[[noreturn]] void die(const char* what) {
  std::perror(what);
  std::exit(1);
}

constexpr useconds_t kCountingUs = 20'000;

double now_s() {
  timespec time{};
  clock_gettime(CLOCK_MONOTONIC, &time);
  return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_nsec) / 1e9;
}

std::mutex mutex;
std::condition_variable changed;
size_t in_place = 0;
size_t polled = 0;
std::atomic<uint64_t> rows{0};
std::atomic<uint64_t> quarrels{0};

struct Place {
  std::string path;
  int socket = -1;
};

void request(int socket, uint8_t family) {
  struct {
    nlmsghdr header;
    inet_diag_req_v2 body;
  } message{};
  message.header.nlmsg_len = sizeof message;
  message.header.nlmsg_type = SOCK_DIAG_BY_FAMILY;
  message.header.nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP;
  // The reply tells by its sequence which family has ended.
  message.header.nlmsg_seq = family;
  message.body.sdiag_family = family;
  message.body.sdiag_protocol = IPPROTO_TCP;
  message.body.idiag_ext = 0xff;
  message.body.idiag_states = ~0U;
  if (send(socket, &message, sizeof message, 0) < 0) die("send");
}

void ended(int socket, uint32_t family) {
  if (family == AF_INET) return request(socket, AF_INET6);
  const std::lock_guard lock(mutex);
  ++polled;
  changed.notify_all();
}

[[noreturn]] void read_for_ever(int socket) {
  const std::unique_ptr<char[]> buffer(new char[kBufferBytes]);
  for (;;) {
    const ssize_t size = recv(socket, buffer.get(), kBufferBytes, 0);
    if (size < 0 && (errno == EAGAIN || errno == EINTR)) continue;
    // Two readers that find the same dump unfinished both go on with it; the one that comes after its end is told
    // EINVAL, and nothing is lost (netlink_recvmsg, netlink_dump).
    if (size < 0 && errno == EINVAL) {
      ++quarrels;
      continue;
    }
    if (size < 0) die("recv");
    auto left = static_cast<unsigned>(size);
    uint64_t seen = 0;
    for (auto* message = reinterpret_cast<nlmsghdr*>(buffer.get()); NLMSG_OK(message, left);
         message = NLMSG_NEXT(message, left)) {
      if (message->nlmsg_type == NLMSG_ERROR) die("the kernel refused a dump");
      if (message->nlmsg_type == SOCK_DIAG_BY_FAMILY) ++seen;
      rows += message->nlmsg_type == NLMSG_DONE ? std::exchange(seen, 0) : 0;
      if (message->nlmsg_type == NLMSG_DONE) ended(socket, message->nlmsg_seq);
    }
    rows += seen;
  }
}

/** Parked in its namespace for as long as the program lives. */
[[noreturn]] void park(Place& place, int readers) {
  const int netns = open(place.path.c_str(), O_RDONLY | O_CLOEXEC);
  if (netns < 0) die(place.path.c_str());
  if (setns(netns, CLONE_NEWNET) != 0) die("setns");
  close(netns);
  const int fd = socket(AF_NETLINK, SOCK_DGRAM | SOCK_CLOEXEC, NETLINK_SOCK_DIAG);
  if (fd < 0) die("socket");
  if (setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &kReceiveTimeout, sizeof kReceiveTimeout) != 0) die("SO_RCVTIMEO");
  for (int i = 0; i < readers; ++i) std::thread(read_for_ever, fd).detach();
  {
    const std::lock_guard lock(mutex);
    place.socket = fd;
    ++in_place;
    changed.notify_all();
  }
  for (;;) pause();
}

}  // namespace

int main(int count, char** words) {
  int readers = 4;
  if (count == 3 && std::strcmp(words[1], "--readers") == 0) readers = std::atoi(words[2]);
  else if (count != 1) readers = 0;
  if (readers < 1) {
    std::fprintf(stderr, "usage: readers [--readers R]\n");
    return 2;
  }
  (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
  std::string line;
  std::getline(std::cin, line);
  std::vector<Place> places;
  std::istringstream paths(line);
  for (std::string path; paths >> path;) places.push_back({path});
  for (Place& place : places) std::thread(park, std::ref(place), readers).detach();
  std::unique_lock lock(mutex);
  changed.wait(lock, [&] { return in_place == places.size(); });
  std::cout << "{\"namespaces\":" << places.size() << "}" << std::endl;
  while (lock.unlock(), std::getline(std::cin, line)) {
    lock.lock();
    polled = 0;
    rows = 0;
    const double began_s = now_s();
    // Not under the lock: who has read to the end wants it.
    lock.unlock();
    for (const Place& place : places) request(place.socket, AF_INET);
    lock.lock();
    changed.wait(lock, [&] { return polled == places.size(); });
    const double took_s = now_s() - began_s;
    // One reader may have seen the end while another still counts what came before.
    for (uint64_t seen = rows + 1; seen != rows; usleep(kCountingUs)) seen = rows;
    std::cout << "{\"seconds\":" << took_s << ",\"rows\":" << rows << ",\"quarrels\":" << quarrels << "}" << std::endl;
  }
  // Not by the destructors that parked threads would still use.
  _exit(0);
}
