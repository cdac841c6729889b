// Launcher and init of --pid: they wait, reap, pass signals on and die together.

#include "supervise.h"

#include "fail.h"

#include <csignal>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <sys/prctl.h>
#include <sys/wait.h>

namespace launch {
namespace {

constexpr int kForwarded[] = {SIGTERM, SIGINT, SIGQUIT, SIGHUP};

int exit_code_of(int status) { return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status); }

pid_t fork_checked() {
  const pid_t pid = fork();
  if (pid < 0) refused(errno, "fork()");
  return pid;
}

// Waits for `child`, reaping whatever else was left to this process, and passes signals on to it meanwhile.
// A terminal's own signals (SI_KERNEL) have reached the child already, which is in the same process group.
int wait_and_forward(pid_t child, const sigset_t& signals) {
  for (;;) {
    siginfo_t info;
    const int signal = sigwaitinfo(&signals, &info);
    if (signal < 0) {
      if (errno == EINTR) continue;
      refused(errno, "sigwaitinfo()");
    }
    if (signal != SIGCHLD) {
      if (info.si_code != SI_KERNEL) (void)kill(child, signal);
      continue;
    }
    int status = 0;
    for (pid_t ended; (ended = waitpid(-1, &status, WNOHANG)) > 0;)
      if (ended == child) return status;
  }
}

// Inside, the launcher has no pid to compare with (getppid() is 0): that it lives is told by its end of the pipe.
void die_with_launcher(int status_pipe) {
  if (prctl(PR_SET_PDEATHSIG, SIGKILL) != 0) refused(errno, "prctl(PR_SET_PDEATHSIG)");
  struct pollfd launcher = {status_pipe, 0, 0};
  if (poll(&launcher, 1, 0) < 0) refused(errno, "poll()");
  if (launcher.revents & POLLERR) _exit(kExitRefused);
}

}  // namespace

void fork_into_pid_namespace() {
  sigset_t signals, before;
  (void)sigemptyset(&signals);
  (void)sigaddset(&signals, SIGCHLD);
  for (const int signal : kForwarded) (void)sigaddset(&signals, signal);
  // An inherited SIG_IGN would make the kernel drop the children's statuses.
  (void)::signal(SIGCHLD, SIG_DFL);
  if (sigprocmask(SIG_BLOCK, &signals, &before) != 0) refused(errno, "sigprocmask()");

  int status_pipe[2];
  if (pipe2(status_pipe, O_CLOEXEC) != 0) refused(errno, "pipe2()");
  if (unshare(CLONE_NEWPID) != 0) refused(errno, "unshare(CLONE_NEWPID)");

  const pid_t init = fork_checked();
  if (init != 0) {
    (void)close(status_pipe[1]);
    int status = wait_and_forward(init, signals);
    // Init can't die by a signal of its own choice, so it hands the program's status over in words.
    int program_status = 0;
    if (read(status_pipe[0], &program_status, sizeof program_status) == sizeof program_status) status = program_status;
    _exit(exit_code_of(status));
  }

  (void)close(status_pipe[0]);
  die_with_launcher(status_pipe[1]);
  const pid_t program = fork_checked();
  if (program != 0) {
    const int status = wait_and_forward(program, signals);
    (void)!write(status_pipe[1], &status, sizeof status);
    _exit(exit_code_of(status));
  }
  (void)close(status_pipe[1]);
  if (sigprocmask(SIG_SETMASK, &before, nullptr) != 0) refused(errno, "sigprocmask()");
}

}  // namespace launch
