// Starting threads.
#include "base/thread.h"

#include <signal.h>

#include <array>
#include <cerrno>
#include <memory>
#include <string>

#include "base/sys.h"

namespace nslab {
namespace {

/** The kernel says no more than EAGAIN, whichever limit it is. */
constexpr const char* kNoRoom = "no room for a thread: see ulimit -u, the cgroup's pids.max, kernel.threads-max";

struct Work {
  /** Its own: the caller's is gone when the thread begins. */
  std::string name;
  std::function<void()> run;
};

void* run_thread(void* argument) {
  const std::unique_ptr<Work> work(static_cast<Work*>(argument));
  (void)::pthread_setname_np(::pthread_self(), work->name.c_str());
  work->run();
  return nullptr;
}

}  // namespace

Result<Thread> Thread::start(const char* name, std::string where, std::function<void()> work) {
  auto start = std::make_unique<Work>(Work{name, std::move(work)});
  Thread thread;
  int failed = sys::count_call();
  if (failed == 0) {
    sigset_t all, before;
    (void)::sigfillset(&all);
    for (const int fault : std::array{SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT}) (void)::sigdelset(&all, fault);
    (void)::pthread_sigmask(SIG_SETMASK, &all, &before);
    failed = ::pthread_create(&thread.thread_, nullptr, run_thread, start.get());
    (void)::pthread_sigmask(SIG_SETMASK, &before, nullptr);
  }
  if (failed == EAGAIN) return Status::failed(failed, "pthread_create", std::move(where), kNoRoom);
  if (failed != 0) return Status::failed(failed, "pthread_create", std::move(where));
  (void)start.release();
  thread.joinable_ = true;
  return thread;
}

void Thread::join() {
  if (std::exchange(joinable_, false)) (void)::pthread_join(thread_, nullptr);
}

}  // namespace nslab
