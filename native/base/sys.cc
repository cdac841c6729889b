// The thread's meter.
#include "base/sys.h"

namespace nslab::sys {
namespace {
thread_local CallMeter* thread_meter = nullptr;
}

Metered::Metered(CallMeter* meter) : outer_(std::exchange(thread_meter, meter)) {}
Metered::~Metered() { thread_meter = outer_; }

int count_call() { return thread_meter == nullptr ? 0 : thread_meter->count(); }

}  // namespace nslab::sys
