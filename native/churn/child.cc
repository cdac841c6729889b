// A child shares this process' memory until it runs its own program: nothing of it is copied, not even page tables.
#include "churn/child.h"

#include <fcntl.h>
#include <linux/close_range.h>
#include <sched.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstring>

#include "base/fd.h"
#include "base/sys.h"
#include "churn/clock.h"

#ifdef __SANITIZE_THREAD__
// The sanitizer's own clone() takes each child for a fork, and starts no more threads from then on.
extern "C" int __clone(int (*)(void*), void*, int, void*, ...);
#define clone __clone
#endif

namespace nslab::churn {
namespace {

constexpr size_t kChildStackBytes = 16 * 1024;
/** The leader ends right after the program has begun. */
constexpr int64_t kLeaderNs = 5'000'000'000;
constexpr useconds_t kLookUs = 200;

/** What the child needs; it says what failed, in the memory that it shares with us. */
struct Start {
  const char* program;
  const char* mode;
  pid_t parent;
  int error;
};

/**
 * Runs in the child, in our memory and with every signal blocked: nothing but bare system calls, and no checks of a
 * sanitizer, which would take its stack for the one of the thread that waits.
 */
[[gnu::no_sanitize("address", "thread", "undefined")]] int become(void* argument) {
  auto* start = static_cast<Start*>(argument);
  const char* const arguments[] = {"nslab-hold", start->mode, nullptr};
  if (::syscall(SYS_prctl, PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0) == 0) {
    // Only now: a parent that ended before the call above sends nothing.
    if (::syscall(SYS_getppid) != start->parent) ::syscall(SYS_exit_group, 1);
    // A table of its own with nothing in it: the parent's, with thousands of sockets, is not copied for exec() either.
    if (::syscall(SYS_close_range, 0, ~0U, CLOSE_RANGE_UNSHARE) == 0)
      ::syscall(SYS_execve, start->program, arguments, environ);
  }
  start->error = errno;
  ::syscall(SYS_exit_group, 1);
  return 1;
}

}  // namespace

Result<Child> Child::start(const std::string& program, bool leader_dead) {
  alignas(16) char stack[kChildStackBytes];
  Start start{program.c_str(), leader_dead ? "leader-dead" : "process", ::getpid(), 0};
  // The caller waits until the child runs its program, or has ended.
  constexpr int kFlags = CLONE_VM | CLONE_VFORK | CLONE_FILES | SIGCHLD;
  const pid_t pid = sys::call([&] { return ::clone(become, stack + sizeof stack, kFlags, &start); });
  if (pid < 0) return Status::from_errno("clone", "new namespace");
  Child child(pid);
  if (start.error != 0) return Status::failed(start.error, "exec " + program, "new namespace");
  if (!leader_dead) return child;
  if (Status dead = child.await_leader_dead(); !dead) return dead;
  return child;
}

Status Child::await_leader_dead() const {
  const std::string path = "/proc/" + std::to_string(pid_) + "/stat";
  for (const int64_t deadline = now_ns() + kLeaderNs; now_ns() < deadline; ::usleep(kLookUs)) {
    const UniqueFd fd(sys::call([&] { return ::open(path.c_str(), O_RDONLY | O_CLOEXEC); }));
    char text[256];
    const ssize_t size = fd ? sys::call([&] { return ::read(fd.get(), text, sizeof text - 1); }) : -1;
    if (size < 0) return Status::from_errno("read " + path, "process");
    text[size] = '\0';
    // "PID (NAME) STATE …": what is in NAME is anybody's.
    const char* end = std::strrchr(text, ')');
    if (end != nullptr && end[1] == ' ' && end[2] == 'Z') return {};
  }
  return Status::failed(ETIMEDOUT, "exit of the leading thread", "process " + std::to_string(pid_));
}

void Child::end() {
  if (pid_ < 0) return;
  (void)::kill(pid_, SIGKILL);
  (void)sys::retry_eintr([&] { return ::waitpid(pid_, nullptr, __WALL); });
  pid_ = -1;
}

}  // namespace nslab::churn
