// The recorded switch trace.
#include "netns/switch_log.h"

#include <unordered_map>
#include <utility>

namespace nslab::netns {
namespace {
thread_local std::shared_ptr<ThreadSwitches> thread_switches;
}

std::shared_ptr<ThreadSwitches> SwitchLog::add_thread() {
  auto thread = std::make_shared<ThreadSwitches>();
  const std::lock_guard lock(mutex_);
  threads_.push_back(thread);
  return thread;
}

SwitchLog::Totals SwitchLog::totals() {
  Totals totals;
  std::unordered_map<uint64_t, uint32_t> numbers;
  const std::lock_guard lock(mutex_);
  for (const auto& thread : threads_) {
    const std::lock_guard thread_lock(thread->mutex);
    for (const uint64_t cookie : thread->cookies)
      totals.netns.push_back(numbers.try_emplace(cookie, static_cast<uint32_t>(numbers.size())).first->second);
    totals.switches += thread->switches;
    totals.skipped += thread->skipped;
  }
  return totals;
}

RecordSwitches::RecordSwitches(const std::shared_ptr<SwitchLog>& log)
    : outer_(std::exchange(thread_switches, log ? log->add_thread() : nullptr)) {}
RecordSwitches::~RecordSwitches() { thread_switches = std::move(outer_); }

void record_switch(uint64_t cookie, bool skipped) {
  ThreadSwitches* record = thread_switches.get();
  if (record == nullptr) return;
  const std::lock_guard lock(record->mutex);
  ++(skipped ? record->skipped : record->switches);
  if (record->cookies.size() < kTraceMax) record->cookies.push_back(cookie);
}

}  // namespace nslab::netns
