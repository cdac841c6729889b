// The thread: when to look, and how often.
#include "discover/discovery.h"

#include <poll.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <utility>

#include "base/sys.h"

namespace nslab::discover {
namespace {

/** Looks at mounts alone, when they change, take at most an eighth of the time … */
constexpr int64_t kMountsRests = 7;
/** … and wait a little: who makes a file for a mount is about to mount. */
constexpr int64_t kMountsRestNs = 2'000'000;

}  // namespace

Status Discovery::start(std::function<void(Status)> failed) {
  wake_ = UniqueFd(sys::call([] { return ::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK); }));
  if (!wake_) return Status::from_errno("eventfd", "discovery");
  auto thread = Thread::start("nslab-discover", "discovery", [this, failed = std::move(failed)] { run(failed); });
  if (!thread) return thread.take_status();
  thread_ = std::move(*thread);
  return {};
}

void Discovery::wake() {
  const uint64_t one = 1;
  [[maybe_unused]] const ssize_t written = ::write(wake_.get(), &one, sizeof one);
}

uint64_t Discovery::reconcile() {
  const uint64_t number = wanted_.fetch_add(1) + 1;
  wake();
  return number;
}

void Discovery::stop() {
  stop_ = true;
  if (wake_) wake();
  thread_.join();
}

Totals Discovery::totals() {
  const std::lock_guard lock(mutex_);
  return totals_;
}

bool Discovery::wait(Scanner& scanner, bool watch, int64_t until_ns) {
  std::vector<pollfd> polled = {{wake_.get(), POLLIN, 0}};
  if (watch) {
    polled.push_back({scanner.directories().fd(), POLLIN, 0});
    scanner.mounts().add_polled(polled);
  }
  const int64_t left = until_ns - now_ns();
  const timespec timeout{std::max<int64_t>(left, 0) / 1'000'000'000, std::max<int64_t>(left, 0) % 1'000'000'000};
  if (::ppoll(polled.data(), polled.size(), &timeout, nullptr) <= 0) return false;
  uint64_t rung = 0;
  [[maybe_unused]] const ssize_t got = ::read(wake_.get(), &rung, sizeof rung);
  const bool directories = scanner.directories().drain();
  return scanner.mounts().note(polled) || directories;
}

void Discovery::tick(Scanner& scanner, Look look) {
  const bool every = look == Look::everything;
  const uint64_t wanted = wanted_;
  const int64_t started = now_ns();
  if (look != Look::rested) scanner.directories().drain();
  if (look == Look::mounts) scanner.tick_mounts();
  else if (look == Look::rested) scanner.tick_rested();
  else scanner.tick(every);
  const int64_t took = now_ns() - started;
  Report report;
  report.found.swap(scanner.known().found);
  report.gone.swap(scanner.known().gone);
  if (every && !stop_) {
    done_ = wanted;
    report.blind = scanner.blind();
  }
  report.reconciled = done_;
  {
    const std::lock_guard lock(mutex_);
    ++totals_.ticks;
    if (every) ++totals_.reconciles;
    (every ? totals_.reconcile_ns : totals_.tick_ns) = took;
    totals_.work = scanner.work();
    totals_.cpu_ns = thread_cpu_ns();
  }
  if (!report.found.empty() || !report.gone.empty() || report.blind) tell_(std::move(report));
}

void Discovery::run(const std::function<void(Status)>& failed) {
  const netns::RecordSwitches recorded(log_);
  Scanner scanner(options_.directories, stop_);
  if (Status started = scanner.start(); !started) return failed(std::move(started));
  int64_t tick_at = 0, reconcile_at = 0, mounts_at = 0;
  int64_t mounts_rest = kMountsRestNs;
  bool mounts_changed = false;
  while (!stop_) {
    const int64_t now = now_ns();
    if (wanted_ > done_ || now >= reconcile_at || now >= tick_at) {
      const bool every = wanted_ > done_ || now >= reconcile_at;
      tick(scanner, every ? Look::everything : Look::changed);
      const int64_t ended = now_ns();
      // Steady, but never without a rest.
      tick_at = std::max(now + options_.interval_ns, ended + options_.interval_ns / 4);
      if (every) reconcile_at = ended + options_.reconcile_ns;
      mounts_changed = false;
      mounts_at = ended + mounts_rest;
    } else if (mounts_changed && now >= mounts_at) {
      const int64_t cpu = thread_cpu_ns();
      tick(scanner, Look::mounts);
      mounts_changed = false;
      mounts_rest = std::max(kMountsRestNs, kMountsRests * (thread_cpu_ns() - cpu));
      mounts_at = now_ns() + mounts_rest;
    } else if (scanner.rested_at_ns().value_or(tick_at) <= now) {
      tick(scanner, Look::rested);
    }
    netns::come_back();
    int64_t until = std::min({tick_at, reconcile_at, scanner.rested_at_ns().value_or(tick_at)});
    if (mounts_changed) until = std::min(until, mounts_at);
    // While a change waits for its look, further ones tell nothing new.
    mounts_changed = wait(scanner, !mounts_changed, until) || mounts_changed;
  }
}

}  // namespace nslab::discover
