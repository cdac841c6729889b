// nslab-readers: the thread model of collectors that have no event loop for netlink, with nothing else around it. One
// thread a namespace, parked inside it, and blocking readers beside it: namespaces x (readers + 1) + 1 threads.
//
// nslab-readers [--readers R]
// The first line of standard input holds the paths of namespaces, separated by blanks. Prints a line of JSON when every
// thread is in its place; then each line on standard input is a poll of all TCP sockets of both families, answered by a
// line: how long it took, and how many sockets it saw.
//
// nslab-readers [--readers R] --directory DIR --interval S
// An observer by itself: polls the namespaces that DIR names at the time, every S seconds, until it is killed.

#include <dirent.h>
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
#include <map>
#include <memory>
#include <mutex>
#include <set>
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
  /** -1: not there yet, or gone for good (`failed`). */
  std::atomic<int> socket{-1};
  std::atomic<bool> failed{false};
  /** Its threads are to end; the last of them counts to zero. */
  std::atomic<bool> stop{false};
  std::atomic<int> threads{0};
  /** Its last dump has ended. */
  std::atomic<bool> idle{true};
};

/** Of the mode that looks by itself: a namespace that went away while it was entered is nobody's fault. */
bool forgiving = false;

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

void ended(Place& place, uint32_t family) {
  if (family == AF_INET) return request(place.socket, AF_INET6);
  place.idle = true;
  const std::lock_guard lock(mutex);
  ++polled;
  changed.notify_all();
}

void read_until_stop(Place& place) {
  const std::unique_ptr<char[]> buffer(new char[kBufferBytes]);
  while (!place.stop) {
    const ssize_t size = recv(place.socket, buffer.get(), kBufferBytes, 0);
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
      if (message->nlmsg_type == NLMSG_DONE) ended(place, message->nlmsg_seq);
    }
    rows += seen;
  }
}

/** Enters the namespace and opens the socket there. False, errno set, where that can't be. */
bool settle(Place& place) {
  const int netns = open(place.path.c_str(), O_RDONLY | O_CLOEXEC);
  if (netns < 0) return false;
  const bool inside = setns(netns, CLONE_NEWNET) == 0;
  close(netns);
  if (!inside) return false;
  const int fd = socket(AF_NETLINK, SOCK_DGRAM | SOCK_CLOEXEC, NETLINK_SOCK_DIAG);
  if (fd < 0) return false;
  if (setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &kReceiveTimeout, sizeof kReceiveTimeout) != 0) die("SO_RCVTIMEO");
  place.socket = fd;
  return true;
}

/** Parked in its namespace until it is to end, or for as long as the program lives. */
void park(Place& place, int readers) {
  if (!settle(place)) {
    if (!forgiving) die(place.path.c_str());
    place.failed = true;
    --place.threads;
    return;
  }
  place.threads += readers;
  for (int i = 0; i < readers; ++i)
    std::thread([&place] {
      read_until_stop(place);
      --place.threads;
    }).detach();
  std::unique_lock lock(mutex);
  ++in_place;
  changed.notify_all();
  changed.wait(lock, [&] { return place.stop.load(); });
  --place.threads;
}

void start(Place& place, int readers) {
  place.threads = 1;
  std::thread(park, std::ref(place), readers).detach();
}

std::set<std::string> names_in(const std::string& directory) {
  std::set<std::string> names;
  DIR* const entries = opendir(directory.c_str());
  if (entries == nullptr) return names;
  while (const dirent* entry = readdir(entries))
    if (entry->d_name[0] != '.') names.insert(entry->d_name);
  closedir(entries);
  return names;
}

/** How often it looks for namespaces. */
constexpr useconds_t kLookUs = 100'000;

[[noreturn]] void observe(const std::string& directory, double interval_s, int readers) {
  forgiving = true;
  std::map<std::string, std::unique_ptr<Place>> places;
  std::vector<std::unique_ptr<Place>> ending;
  for (double next_s = now_s();; usleep(kLookUs)) {
    const std::set<std::string> names = names_in(directory);
    for (auto at = places.begin(); at != places.end();) {
      // A name may be there before its mount is: such a place is tried again.
      if (names.contains(at->first) && !at->second->failed) {
        ++at;
        continue;
      }
      {
        const std::lock_guard lock(mutex);
        at->second->stop = true;
        changed.notify_all();
      }
      ending.push_back(std::move(at->second));
      at = places.erase(at);
    }
    for (const std::string& name : names) {
      auto& place = places[name];
      if (place) continue;
      place = std::make_unique<Place>();
      place->path = directory + "/" + name;
      start(*place, readers);
    }
    std::erase_if(ending, [](const std::unique_ptr<Place>& place) {
      if (place->threads > 0) return false;
      if (place->socket >= 0) close(place->socket);
      return true;
    });
    if (now_s() < next_s) continue;
    next_s += interval_s;
    for (const auto& [name, place] : places)
      if (place->socket >= 0 && place->idle.exchange(false)) request(place->socket, AF_INET);
  }
}

}  // namespace

int main(int count, char** words) {
  int readers = 4;
  double interval_s = 2;
  std::string directory;
  for (int at = 1; at < count; at += 2) {
    const std::string name = words[at];
    const char* const value = at + 1 < count ? words[at + 1] : "";
    if (name == "--readers") readers = std::atoi(value);
    else if (name == "--directory") directory = value;
    else if (name == "--interval") interval_s = std::atof(value);
    else readers = 0;
  }
  if (readers < 1 || interval_s <= 0) {
    std::fprintf(stderr, "usage: nslab-readers [--readers R] [--directory DIR --interval S]\n");
    return 2;
  }
  (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (!directory.empty()) observe(directory, interval_s, readers);
  std::string line;
  std::getline(std::cin, line);
  std::vector<std::unique_ptr<Place>> places;
  std::istringstream paths(line);
  for (std::string path; paths >> path;) {
    places.push_back(std::make_unique<Place>());
    places.back()->path = path;
  }
  for (const auto& place : places) start(*place, readers);
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
    for (const auto& place : places) request(place->socket, AF_INET);
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
