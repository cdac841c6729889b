// The outside of the poller: its commands and its thread.
#include "diag/poller.h"

#include <sys/eventfd.h>
#include <unistd.h>

#include <utility>

#include "base/sys.h"
#include "diag/poll_loop.h"

namespace nslab::diag {

Status Inbox::open() {
  wake_ = UniqueFd(sys::call([] { return ::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK); }));
  return wake_ ? Status() : Status::from_errno("eventfd", "socket poller");
}

void Inbox::post(Command command) {
  {
    const std::lock_guard lock(mutex_);
    commands_.push_back(std::move(command));
    if (waiting_.exchange(true, std::memory_order_release)) return;
  }
  const uint64_t one = 1;
  // Fails only when the counter is at its top, and then the thread is woken anyway.
  (void)!::write(wake_.get(), &one, sizeof one);
}

std::vector<Command> Inbox::take() {
  const std::lock_guard lock(mutex_);
  uint64_t count;
  (void)!::read(wake_.get(), &count, sizeof count);
  waiting_.store(false, std::memory_order_relaxed);
  return std::exchange(commands_, {});
}

Poller::Poller(const Options& options, std::shared_ptr<netns::SwitchLog> log, OnRows on_rows, OnEnded on_ended)
    : options_(options),
      log_(std::move(log)),
      on_rows_(std::move(on_rows)),
      on_ended_(std::move(on_ended)),
      buffers_(options.buffers, options.rows) {}

Status Poller::start() {
  if (Status opened = inbox_.open(); !opened) return opened;
  auto loop = std::make_shared<PollLoop>(options_, inbox_, buffers_, on_rows_);
  if (Status opened = loop->open(); !opened) return opened;
  auto started = Thread::start("nslab-diag", "socket poller", [this, loop, log = log_] {
    const netns::RecordSwitches recorded(log);
    loop->run();
    if (on_ended_) on_ended_();
  });
  if (!started) return started.take_status();
  thread_ = std::move(*started);
  started_ = true;
  return {};
}

bool Poller::give_back(uint32_t buffer) {
  if (!buffers_.give_back(buffer)) return false;
  if (started_) inbox_.post(Wake{});
  return true;
}

void Poller::stop() {
  if (!std::exchange(started_, false)) return;
  inbox_.post(Stop{});
  thread_.join();
}

}  // namespace nslab::diag
