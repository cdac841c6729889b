// nslab-hold: a process that does nothing but be in its network namespace, started by the churner inside it, which has
// asked the kernel to end it with its parent. "process": one thread. "leader-dead": the leading thread has ended,
// another is there; such a process' /proc/PID/ns/net can't be read, that of its task can. Static: it starts in no time.

#include <csignal>
#include <cstring>
#include <sched.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

namespace {

[[noreturn]] void stay() {
  for (;;) pause();
}

// Nothing but system calls: it has no thread-local memory of its own.
int follow(void*) {
  // The request is of a thread, not of the process.
  (void)syscall(SYS_prctl, PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
  for (;;) syscall(SYS_ppoll, nullptr, 0, nullptr, nullptr, 0);
}

alignas(16) char stack[16 * 1024];

}  // namespace

int main(int argc, char** argv) {
  // The thread that started it takes none.
  sigset_t none;
  (void)sigemptyset(&none);
  (void)sigprocmask(SIG_SETMASK, &none, nullptr);
  if (argc == 2 && strcmp(argv[1], "leader-dead") == 0) {
    constexpr int kThread = CLONE_VM | CLONE_FS | CLONE_FILES | CLONE_SIGHAND | CLONE_THREAD | CLONE_SYSVSEM;
    if (clone(follow, stack + sizeof stack, kThread, nullptr) < 0) return 6;
    syscall(SYS_exit, 0);
  }
  if (argc != 2 || strcmp(argv[1], "process") != 0) return 2;
  stay();
}
