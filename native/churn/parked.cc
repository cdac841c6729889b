// A new thread is in the namespaces of the one that makes it.
#include "churn/parked.h"

#include <algorithm>
#include <climits>

#include "base/sys.h"

namespace nslab::churn {
namespace {

/** It calls nothing; the C library keeps some of it for itself. */
constexpr size_t kParkedStackBytes = 64 * 1024;

}  // namespace

Result<std::unique_ptr<Parked>> Parked::start() {
  std::unique_ptr<Parked> parked(new Parked);
  pthread_attr_t attributes;
  (void)::pthread_attr_init(&attributes);
  (void)::pthread_attr_setstacksize(&attributes, std::max<size_t>(kParkedStackBytes, PTHREAD_STACK_MIN));
  const int injected = sys::count_call();
  const int refused = injected != 0 ? injected : ::pthread_create(&parked->thread_, &attributes, stay, parked.get());
  (void)::pthread_attr_destroy(&attributes);
  if (refused == 0) return parked;
  parked->thread_ = {};
  return Status::failed(refused, "pthread_create", "new namespace");
}

Parked::~Parked() {
  if (thread_ == pthread_t{}) return;
  leave_.release();
  (void)::pthread_join(thread_, nullptr);
}

void* Parked::stay(void* self) {
  (void)::pthread_setname_np(::pthread_self(), "nslab-parked");
  static_cast<Parked*>(self)->leave_.acquire();
  return nullptr;
}

}  // namespace nslab::churn
