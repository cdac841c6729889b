// The fabric's thread.
#include "fabric/service.h"

#include <utility>

namespace nslab::fabric {

FabricService::FabricService(std::weak_ptr<const netns::Netns> root, Spec spec, Options options,
                             std::shared_ptr<netns::SwitchLog> log)
    : fabric_(std::move(root), std::move(spec), std::move(options), log), log_(std::move(log)) {}

FabricService::~FabricService() { stop(); }

Status FabricService::post(std::function<void(Fabric&)> job) {
  {
    const std::lock_guard lock(mutex_);
    if (stop_) return {};
    jobs_.push_back(std::move(job));
    if (!running_) {
      // One that ran out of work has nothing left to do but return.
      thread_.join();
      auto thread = Thread::start("nslab-fabric", "fabric", [this] { run(); });
      if (!thread) {
        jobs_.pop_back();
        return thread.take_status();
      }
      thread_ = std::move(*thread);
      running_ = true;
    }
  }
  fabric_.ring();
  return {};
}

void FabricService::stop() {
  {
    const std::lock_guard lock(mutex_);
    stop_ = true;
    jobs_.clear();
  }
  fabric_.cancel();
  if (thread_.joinable()) thread_.join();
}

bool FabricService::take(std::deque<std::function<void(Fabric&)>>& jobs) {
  const std::lock_guard lock(mutex_);
  jobs.swap(jobs_);
  running_ = !stop_ && (!jobs.empty() || fabric_.active());
  return running_;
}

bool FabricService::has_jobs() {
  const std::lock_guard lock(mutex_);
  return stop_ || !jobs_.empty();
}

void FabricService::run() {
  const netns::RecordSwitches recorded(log_);
  for (std::deque<std::function<void(Fabric&)>> jobs; take(jobs);) {
    for (auto& job : jobs) job(fabric_);
    jobs.clear();
    fabric_.handle_news();
    const auto deadline = fabric_.handle_deadlines();
    // A ring for a job that came meanwhile may have been heard by the job before it, which waits too.
    // Should waiting itself fail, the next turn tries again.
    if (fabric_.active() && !has_jobs()) [[maybe_unused]]
      const Status waited = fabric_.wait(deadline);
  }
  if (fabric_.active()) fabric_.abandon();
}

}  // namespace nslab::fabric
