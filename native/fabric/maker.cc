// The supply of namespaces.
#include "fabric/maker.h"

#include <utility>

namespace nslab::fabric {
namespace {

/** How far ahead of the links: enough to smooth out, too few to starve the first nodes of the common lock. */
constexpr size_t kAheadMax = 16;

}  // namespace

Result<MadeNetns> make_netns() {
  MadeNetns made;
  auto netns = netns::Netns::create_and_stay(made.netlink);
  if (!netns) return netns.take_status();
  made.netns = std::make_shared<const netns::Netns>(std::move(*netns));
  return made;
}

Maker::Maker(size_t count, bool threaded, sys::CallMeter* meter, std::shared_ptr<netns::SwitchLog> log) {
  if (!threaded) return;
  auto thread = Thread::start("nslab-maker", "fabric", [this, count, meter, log] { run(count, meter, log); });
  if (thread) thread_ = std::move(*thread);
}

Maker::~Maker() {
  if (!thread_.joinable()) return;
  {
    const std::lock_guard lock(mutex_);
    stop_ = true;
  }
  changed_.notify_all();
  thread_.join();
}

void Maker::run(size_t count, sys::CallMeter* meter, const std::shared_ptr<netns::SwitchLog>& log) {
  const netns::RecordSwitches recorded(log);
  const sys::Metered metered(meter);
  const netns::Visit visit;
  for (size_t made = 0; made < count; ++made)
    if (!give(make_netns())) return;
}

bool Maker::give(Result<MadeNetns> made) {
  const bool ok = made.ok();
  std::unique_lock lock(mutex_);
  changed_.wait(lock, [this] { return stop_ || ready_.size() < kAheadMax; });
  if (stop_) return false;
  ready_.push_back(std::move(made));
  changed_.notify_all();
  return ok;
}

Result<MadeNetns> Maker::take() {
  if (!thread_.joinable()) return make_netns();
  std::unique_lock lock(mutex_);
  changed_.wait(lock, [this] { return !ready_.empty(); });
  auto made = std::move(ready_.front());
  ready_.pop_front();
  changed_.notify_all();
  return made;
}

}  // namespace nslab::fabric
