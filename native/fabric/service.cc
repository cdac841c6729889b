// The fabric's thread.
#include "fabric/service.h"

#include <poll.h>
#include <pthread.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <utility>

namespace nslab::fabric {

FabricService::FabricService(std::shared_ptr<const netns::Netns> root, Spec spec, Options options,
                             std::shared_ptr<netns::SwitchLog> log)
    : fabric_(std::move(root), std::move(spec), std::move(options), log), log_(std::move(log)),
      wake_(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {}

FabricService::~FabricService() { stop(); }

void FabricService::post(std::function<void(Fabric&)> job) {
  {
    const std::lock_guard lock(mutex_);
    if (stop_) return;
    jobs_.push_back(std::move(job));
    if (!thread_.joinable()) thread_ = std::thread([this] { run(); });
  }
  const uint64_t one = 1;
  [[maybe_unused]] const ssize_t written = ::write(wake_.get(), &one, sizeof one);
}

void FabricService::stop() {
  {
    const std::lock_guard lock(mutex_);
    stop_ = true;
    jobs_.clear();
  }
  fabric_.cancel();
  const uint64_t one = 1;
  [[maybe_unused]] const ssize_t written = ::write(wake_.get(), &one, sizeof one);
  if (thread_.joinable()) thread_.join();
}

void FabricService::run() {
  ::pthread_setname_np(::pthread_self(), "nslab-fabric");
  const netns::RecordSwitches recorded(log_);
  for (;;) {
    std::deque<std::function<void(Fabric&)>> jobs;
    {
      const std::lock_guard lock(mutex_);
      if (stop_) break;
      jobs.swap(jobs_);
    }
    for (auto& job : jobs) job(fabric_);
    fabric_.handle_news();
    wait(fabric_.handle_deadlines());
  }
  fabric_.abandon();
}

void FabricService::wait(std::optional<int64_t> deadline_ns) {
  // poll ignores negative descriptors: nothing is watched before a build.
  pollfd fds[] = {{wake_.get(), POLLIN, 0}, {fabric_.news_fd(), POLLIN, 0}};
  int timeout_ms = -1;
  if (deadline_ns) timeout_ms = static_cast<int>(std::max<int64_t>(*deadline_ns - now_ns(), 0) / 1'000'000) + 1;
  if (::poll(fds, 2, timeout_ms) <= 0) return;
  uint64_t count = 0;
  if ((fds[0].revents & POLLIN) != 0) [[maybe_unused]] const ssize_t got = ::read(wake_.get(), &count, sizeof count);
}

}  // namespace nslab::fabric
