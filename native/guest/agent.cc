#include "agent.h"

#include "console.h"

#include <csignal>
#include <sys/wait.h>

namespace guest {
namespace {

// Longest time that processes get to end in order.
constexpr double kGraceS = 2;

sigset_t awaited_signals() {
  sigset_t signals;
  (void)sigemptyset(&signals);
  for (const int signal : {SIGCHLD, SIGUSR2, SIGPWR, SIGTERM, SIGINT}) (void)sigaddset(&signals, signal);
  return signals;
}

std::vector<char*> pointers(const std::vector<std::string>& words) {
  std::vector<char*> result;
  for (const std::string& word : words) result.push_back(const_cast<char*>(word.c_str()));
  result.push_back(nullptr);
  return result;
}

pid_t start(const std::vector<std::string>& command, const std::vector<std::string>& environment,
            const sigset_t& before) {
  const std::vector<char*> argv = pointers(command);
  const std::vector<char*> envp = pointers(environment);
  const pid_t pid = fork();
  if (pid < 0) say("fork: %s", strerror(errno));
  if (pid != 0) return pid;
  (void)setsid();
  (void)sigprocmask(SIG_SETMASK, &before, nullptr);
  (void)execve(argv[0], argv.data(), envp.data());
  say("cannot start %s: %s", argv[0], strerror(errno));
  _exit(errno == ENOENT ? 127 : 126);
}

// Reaps whatever has ended. Returns whether `agent` was among it, having said how it ended.
bool reap(pid_t agent) {
  bool ended = false;
  int status = 0;
  for (pid_t pid; (pid = waitpid(-1, &status, WNOHANG)) > 0;) {
    if (pid != agent) continue;
    ended = true;
    if (WIFSIGNALED(status)) say("agent ended by signal %d (%s)", WTERMSIG(status), sigabbrev_np(WTERMSIG(status)));
    else say("agent ended with %d", WEXITSTATUS(status));
  }
  return ended;
}

// Whatever loses its parent becomes init's child, so nobody is left when init has none.
bool is_alone() {
  pid_t pid = 0;
  while ((pid = waitpid(-1, nullptr, WNOHANG)) > 0) {
  }
  return pid < 0 && errno == ECHILD;
}

void end_everything(const sigset_t& signals) {
  (void)kill(-1, SIGTERM);
  const double deadline_s = uptime_s() + kGraceS;
  while (!is_alone()) {
    if (uptime_s() > deadline_s) return say("some processes did not end in %.0f s", kGraceS);
    const struct timespec moment = {0, 50'000'000};
    (void)sigtimedwait(&signals, nullptr, &moment);
  }
}

}  // namespace

End run_agent(const std::vector<std::string>& command, const std::vector<std::string>& environment) {
  const sigset_t signals = awaited_signals();
  sigset_t before;
  (void)sigprocmask(SIG_BLOCK, &signals, &before);
  const pid_t agent = start(command, environment, before);
  if (agent < 0) return End::kPowerOff;
  say("agent started: %s, process %d", command[0].c_str(), agent);
  for (;;) {
    const int signal = sigwaitinfo(&signals, nullptr);
    if (signal < 0) continue;
    if (signal == SIGCHLD) {
      if (!reap(agent)) continue;
      end_everything(signals);
      return End::kPowerOff;
    }
    say("%s asked for", signal == SIGTERM || signal == SIGINT ? "restart" : "power off");
    end_everything(signals);
    return signal == SIGTERM || signal == SIGINT ? End::kRestart : End::kPowerOff;
  }
}

}  // namespace guest
