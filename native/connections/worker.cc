// Opening, proving and closing, in batches, without ever blocking in a socket.
#include "connections/worker.h"

#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>

#include <algorithm>

#include "base/sys.h"

namespace nslab::connections {
namespace {

/** Connects under way at a time: far below what an accept queue takes, so that none is dropped and sent again. */
constexpr size_t kWindow = 512;
/** Begun in one namespace before the next is entered. */
constexpr uint64_t kBatch = 64;
constexpr int kEvents = 512;
/** Without any progress for so long, what is missing will never come. A SYN that was dropped is sent again after 1 s.
 */
constexpr double kStallS = 20;
constexpr int kStepMs = 10;
constexpr int kBacklog = 65'535;

double now_s() {
  timespec time{};
  clock_gettime(CLOCK_MONOTONIC, &time);
  return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_nsec) / 1e9;
}

/** Ends a wait that leads nowhere. */
class Stall {
 public:
  /** True when `figure` has not changed for kStallS. */
  bool at(uint64_t figure) {
    const double now = now_s();
    if (figure != last_ || changed_s_ == 0) {
      last_ = figure;
      changed_s_ = now;
    }
    return now - changed_s_ > kStallS;
  }

 private:
  uint64_t last_ = 0;
  double changed_s_ = 0;
};

sockaddr_in endpoint(in_addr address, uint16_t port) {
  sockaddr_in at{};
  at.sin_family = AF_INET;
  at.sin_addr = address;
  at.sin_port = htons(port);
  return at;
}

int new_socket() {
  return sys::call([] { return ::socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0); });
}

}  // namespace

Worker::Worker(std::vector<Share> shares, Ground ground, double rate_per_s, Progress& progress)
    : shares_(std::move(shares)), ground_(std::move(ground)), rate_per_s_(rate_per_s), progress_(progress) {
  for (const Share& share : shares_) goal_ += share.count;
  begun_.resize(shares_.size());
  clients_.reserve(goal_);
}

Status Worker::listen() {
  epoll_ = UniqueFd(sys::call([] { return ::epoll_create1(EPOLL_CLOEXEC); }));
  if (!epoll_) return Status::from_errno("epoll_create1", "worker");
  for (const Share& share : shares_) {
    const Place& place = ground_.places[share.place];
    if (Status entered = netns::enter(ground_.namespaces[place.server]); !entered) return entered;
    for (uint16_t port = 0; port < share.ports; ++port) {
      UniqueFd fd(new_socket());
      if (!fd) return Status::from_errno("socket", "worker");
      const auto at = endpoint(place.address, static_cast<uint16_t>(share.first_port + port));
      if (sys::call([&] { return ::bind(fd.get(), reinterpret_cast<const sockaddr*>(&at), sizeof at); }) != 0)
        return Status::from_errno("bind port " + std::to_string(share.first_port + port), "worker");
      if (sys::call([&] { return ::listen(fd.get(), kBacklog); }) != 0) return Status::from_errno("listen", "worker");
      epoll_event event{EPOLLIN, {.fd = fd.get()}};
      if (sys::call([&] { return ::epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, fd.get(), &event); }) != 0)
        return Status::from_errno("epoll_ctl", "worker");
      listeners_.push_back(fd.release());
    }
  }
  std::sort(listeners_.begin(), listeners_.end());
  return {};
}

Status Worker::serve(int commands) {
  for (;;) {
    attend(-1, commands);
    char command = 0;
    const ssize_t size = sys::call([&] { return ::recv(commands, &command, 1, MSG_DONTWAIT); });
    if (size == 0) return {};
    if (size < 0 && errno == EAGAIN) continue;
    if (size < 0) return Status::from_errno("recv", "worker");
    if (command == kOpen) open();
    else if (command == kProve) prove();
    else if (command == kClose) close();
    if (sys::call([&] { return ::send(commands, &command, 1, MSG_NOSIGNAL); }) < 0)
      return Status::from_errno("send", "worker");
  }
}

uint64_t Worker::done() const { return progress_.connected + progress_.failed + progress_.accepted; }

uint64_t Worker::may_begin() const {
  const uint64_t left = goal_ - begun_total_;
  if (waiting_.size() >= kWindow) return 0;
  const uint64_t window = std::min<uint64_t>(left, kWindow - waiting_.size());
  if (rate_per_s_ <= 0) return window;
  const auto due = static_cast<uint64_t>((now_s() - started_s_) * rate_per_s_) + 1;
  return std::min(window, due > begun_total_ ? due - begun_total_ : 0);
}

void Worker::open() {
  started_s_ = now_s();
  opening_ = true;
  Stall stall;
  // Both sides must have seen every connection, or what was asked for has failed.
  while (progress_.failure == 0 && (progress_.connected < goal_ || progress_.accepted < goal_)) {
    const bool began = begin_some();
    attend(began ? 0 : kStepMs);
    end_connecting();
    // A rate that was asked for is no stall.
    if (stall.at(begun_total_ < goal_ && rate_per_s_ > 0 ? begun_total_ : done())) fail(ETIMEDOUT, "connect");
  }
  for (const pollfd& entry : waiting_) (void)::close(entry.fd);
  waiting_.clear();
  progress_.failed = goal_ - std::min<uint64_t>(progress_.connected, progress_.accepted);
  opening_ = false;
}

bool Worker::begin_some() {
  uint64_t budget = std::min(may_begin(), kBatch);
  if (budget == 0) return false;
  while (begun_[next_share_] == shares_[next_share_].count) next_share_ = (next_share_ + 1) % shares_.size();
  const Share& share = shares_[next_share_];
  uint64_t& begun = begun_[next_share_];
  budget = std::min(budget, share.count - begun);
  if (const Status in = netns::enter(ground_.namespaces[ground_.places[share.place].client]); !in) {
    fail(in.error().number, "setns");
    return false;
  }
  for (; budget > 0; --budget, ++begun, ++begun_total_)
    if (!begin_one(share, begun)) return false;
  next_share_ = (next_share_ + 1) % shares_.size();
  return true;
}

bool Worker::begin_one(const Share& share, uint64_t number) {
  UniqueFd fd(new_socket());
  if (!fd) {
    fail(errno, "socket");
    return false;
  }
  const auto port = static_cast<uint16_t>(share.first_port + number % share.ports);
  const auto to = endpoint(ground_.places[share.place].address, port);
  if (sys::call([&] { return ::connect(fd.get(), reinterpret_cast<const sockaddr*>(&to), sizeof to); }) != 0 &&
      errno != EINPROGRESS) {
    fail(errno, "connect");
    return false;
  }
  waiting_.push_back({fd.release(), POLLOUT, 0});
  return true;
}

void Worker::end_connecting() {
  if (waiting_.empty() || ::poll(waiting_.data(), waiting_.size(), 0) <= 0) return;
  const auto ended = std::partition(waiting_.begin(), waiting_.end(), [](const pollfd& at) { return at.revents == 0; });
  for (auto at = ended; at != waiting_.end(); ++at) {
    int error = 0;
    socklen_t size = sizeof error;
    if (at->revents & (POLLERR | POLLHUP)) (void)::getsockopt(at->fd, SOL_SOCKET, SO_ERROR, &error, &size);
    if (error != 0) {
      fail(error, "connect");
      (void)::close(at->fd);
      continue;
    }
    clients_.push_back(at->fd);
    ++progress_.connected;
  }
  waiting_.erase(ended, waiting_.end());
}

void Worker::attend(int wait_ms, int commands) {
  pollfd entries[2] = {{epoll_.get(), POLLIN, 0}, {commands, POLLIN, 0}};
  if (wait_ms != 0 && sys::call([&] { return ::poll(entries, commands < 0 ? 1 : 2, wait_ms); }) <= 0) return;
  epoll_event events[kEvents];
  const int count = ::epoll_wait(epoll_.get(), events, kEvents, 0);
  for (int at = 0; at < count; ++at) {
    const int fd = events[at].data.fd;
    if (std::binary_search(listeners_.begin(), listeners_.end(), fd)) {
      accept_from(fd);
      continue;
    }
    const bool ended = (events[at].events & (EPOLLRDHUP | EPOLLHUP | EPOLLERR)) != 0;
    if (!ended) {
      char byte = 0;
      if (::recv(fd, &byte, 1, 0) == 1) (void)::send(fd, &byte, 1, MSG_NOSIGNAL);
      continue;
    }
    if (!is_server_[static_cast<size_t>(fd)]) continue;
    is_server_[static_cast<size_t>(fd)] = false;
    (void)::close(fd);
    ++(closing_ ? progress_.closed : progress_.lost);
  }
}

void Worker::accept_from(int listener) {
  // A batch from each, so that one busy listener keeps nobody waiting; what is left makes another event.
  for (uint64_t at = 0; at < kBatch; ++at) {
    UniqueFd fd(sys::call([&] { return ::accept4(listener, nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC); }));
    if (!fd) {
      if (errno != EAGAIN && errno != ECONNABORTED) fail(errno, "accept");
      return;
    }
    epoll_event event{EPOLLIN | EPOLLRDHUP | EPOLLET, {.fd = fd.get()}};
    if (sys::call([&] { return ::epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, fd.get(), &event); }) != 0) {
      fail(errno, "epoll_ctl");
      return;
    }
    const auto number = static_cast<size_t>(fd.release());
    if (is_server_.size() <= number) is_server_.resize(2 * number + 1);
    is_server_[number] = true;
    ++progress_.accepted;
  }
}

void Worker::fail(int number, const char* operation) {
  // The first is the cause; after the opening nothing is asked for that could fail.
  int none = 0;
  if (!opening_ || !progress_.failure.compare_exchange_strong(none, number)) return;
  progress_.operation = operation;
}

void Worker::prove() {
  for (size_t first = 0; first < clients_.size(); first += kWindow) {
    std::vector<pollfd> batch;
    for (size_t at = first; at < std::min(clients_.size(), first + kWindow); ++at) {
      const char byte = static_cast<char>(at);
      if (::send(clients_[at], &byte, 1, MSG_NOSIGNAL) == 1) batch.push_back({clients_[at], POLLIN, 0});
    }
    Stall stall;
    while (!batch.empty() && !stall.at(progress_.proven)) {
      attend(0);
      if (::poll(batch.data(), batch.size(), 0) <= 0) {
        attend(kStepMs);
        continue;
      }
      const auto ended = std::partition(batch.begin(), batch.end(), [](const pollfd& at) { return at.revents == 0; });
      for (auto at = ended; at != batch.end(); ++at) {
        char byte = 0;
        if (::recv(at->fd, &byte, 1, 0) == 1) ++progress_.proven;
      }
      batch.erase(ended, batch.end());
    }
  }
}

void Worker::close() {
  closing_ = true;
  // Clients close first, so that theirs is the end in TIME_WAIT. Servers follow each batch: an end that nobody holds
  // counts as an orphan, of which the kernel bears only so many.
  for (size_t first = 0; first < clients_.size(); first += kWindow) {
    const size_t end = std::min(clients_.size(), first + kWindow);
    for (size_t at = first; at < end; ++at) (void)::close(clients_[at]);
    Stall stall;
    while (progress_.closed + progress_.lost < end && !stall.at(progress_.closed)) attend(kStepMs);
  }
  clients_.clear();
  closing_ = false;
}

}  // namespace nslab::connections
