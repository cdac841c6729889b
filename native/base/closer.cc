#include "base/closer.h"

#include <utility>

namespace nslab {

void Closer::close(UniqueFd fd) {
  const std::lock_guard lock(mutex_);
  waiting_.push_back(std::move(fd));
  // The last of them has let go of the lock, or is about to.
  if (running_ == 0) threads_.clear();
  if (running_ >= kThreadsMax || running_ >= waiting_.size()) return;
  auto thread = Thread::start("nslab-closer", "closer", [this] { run(); });
  if (thread) {
    threads_.push_back(std::move(*thread));
    running_++;
  } else if (running_ == 0) {
    waiting_.clear();
  }
}

void Closer::wait() {
  std::unique_lock lock(mutex_);
  changed_.wait(lock, [&] { return running_ == 0 && waiting_.empty(); });
  threads_.clear();
}

void Closer::run() {
  for (;;) {
    UniqueFd fd;
    {
      const std::lock_guard lock(mutex_);
      if (waiting_.empty()) {
        running_--;
        changed_.notify_all();
        return;
      }
      fd = std::move(waiting_.front());
      waiting_.pop_front();
    }
    fd.reset();
  }
}

}  // namespace nslab
