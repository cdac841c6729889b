// Opening sockets, many connects at a time.
#include "netns/opener.h"

#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <time.h>

#include <algorithm>
#include <array>
#include <utility>

#include "base/sys.h"

namespace nslab::netns {
namespace {

int64_t now_ns() {
  timespec now{};
  ::clock_gettime(CLOCK_MONOTONIC, &now);
  return now.tv_sec * 1'000'000'000LL + now.tv_nsec;
}

}  // namespace

Status Opener::start() {
  wake_ = UniqueFd(sys::call([] { return ::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK); }));
  if (!wake_) return Status::from_errno("eventfd", "opener");
  epoll_ = UniqueFd(sys::call([] { return ::epoll_create1(EPOLL_CLOEXEC); }));
  if (!epoll_) return Status::from_errno("epoll_create1", "opener");
  epoll_event event{EPOLLIN, {.fd = wake_.get()}};
  if (sys::call([&] { return ::epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, wake_.get(), &event); }) != 0)
    return Status::from_errno("epoll_ctl", "opener");
  auto thread = Thread::start("nslab-opener", "opener", [this] { run(); });
  if (!thread) return thread.take_status();
  thread_ = std::move(*thread);
  return {};
}

Status Opener::post(std::function<void()> job) {
  const std::lock_guard lock(mutex_);
  if (stop_) return {};
  if (!thread_.joinable())
    if (Status started = start(); !started) {
      epoll_.reset();
      wake_.reset();
      return started;
    }
  jobs_.push_back(std::move(job));
  const uint64_t one = 1;
  [[maybe_unused]] const ssize_t written = ::write(wake_.get(), &one, sizeof one);
  return {};
}

void Opener::stop() {
  {
    const std::lock_guard lock(mutex_);
    stop_ = true;
    jobs_.clear();
  }
  const uint64_t one = 1;
  if (wake_) [[maybe_unused]]
    const ssize_t written = ::write(wake_.get(), &one, sizeof one);
  if (thread_.joinable()) thread_.join();
}

void Opener::listen(std::shared_ptr<const Netns> where, Endpoint at, int backlog, Opened opened) {
  Status posted =
      post([where = std::move(where), at, backlog, opened] { opened(open_tcp_listener(*where, at, backlog)); });
  if (!posted) opened(std::move(posted));
}

void Opener::connect(std::shared_ptr<const Netns> where, Endpoint to, int64_t timeout_ms, Opened opened) {
  Status posted =
      post([this, where = std::move(where), to, timeout_ms, opened] { begin_connect(*where, to, timeout_ms, opened); });
  if (!posted) opened(std::move(posted));
}

void Opener::begin_connect(const Netns& where, const Endpoint& to, int64_t timeout_ms, Opened opened) {
  auto started = start_tcp_connect(where, to);
  if (!started) return opened(std::move(started));
  const int fd = started->get();
  epoll_event event{EPOLLOUT, {.fd = fd}};
  if (sys::call([&] { return ::epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, fd, &event); }) != 0)
    return opened(Status::from_errno("epoll_ctl", "opener"));
  const auto deadline = deadlines_.emplace(now_ns() + timeout_ms * 1'000'000, fd);
  connecting_.emplace(fd, Connecting{std::move(*started), to, std::move(opened), deadline});
}

void Opener::finish(int fd, Status outcome) {
  const auto found = connecting_.find(fd);
  if (found == connecting_.end()) return;
  Connecting connecting = std::move(found->second);
  connecting_.erase(found);
  deadlines_.erase(connecting.deadline);
  // It is handed out open, so it must be taken out of the epoll set by hand; closing would do that otherwise.
  (void)::epoll_ctl(epoll_.get(), EPOLL_CTL_DEL, fd, nullptr);
  if (outcome.ok()) connecting.opened(std::move(connecting.fd));
  else connecting.opened(std::move(outcome));
}

void Opener::end_late(int64_t now) {
  while (!deadlines_.empty() && deadlines_.begin()->first <= now) {
    const int fd = deadlines_.begin()->second;
    finish(fd, Status::failed(ETIMEDOUT, "connect " + connecting_.at(fd).to.text(), "network namespace"));
  }
}

int Opener::timeout_ms() const {
  if (deadlines_.empty()) return -1;
  return static_cast<int>(std::max<int64_t>(deadlines_.begin()->first - now_ns(), 0) / 1'000'000) + 1;
}

void Opener::run() {
  const RecordSwitches recorded(log_);
  std::array<epoll_event, 64> events;
  for (;;) {
    std::deque<std::function<void()>> jobs;
    {
      const std::lock_guard lock(mutex_);
      if (stop_) return;
      jobs.swap(jobs_);
    }
    for (auto& job : jobs) job();
    // Now, not after the wait: they keep namespaces alive.
    jobs.clear();
    come_back();
    const int count = ::epoll_wait(epoll_.get(), events.data(), events.size(), timeout_ms());
    for (int i = 0; i < count; ++i) {
      const int fd = events[i].data.fd;
      uint64_t rung = 0;
      if (fd == wake_.get()) [[maybe_unused]]
        const ssize_t got = ::read(fd, &rung, sizeof rung);
      else if (const auto found = connecting_.find(fd); found != connecting_.end())
        finish(fd, finish_connect(fd, found->second.to));
    }
    end_late(now_ns());
  }
}

}  // namespace nslab::netns
