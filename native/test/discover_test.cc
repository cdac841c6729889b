// Discovery while another process makes and drops namespaces as fast as it can, asked from other threads and stopped at
// any time; for sanitizers. Prints TAP. Run by test/native/discover.test.ts in namespaces of its own.
//
// discover-test SEED

#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <condition_variable>
#include <cstdio>
#include <cstdlib>
#include <map>
#include <mutex>
#include <random>
#include <thread>

#include "discover/discovery.h"
#include "test/check.h"

namespace {

using namespace nslab;
using namespace nslab::test;

/** Holds some namespaces by descriptors and sockets, another one every time. Ends with its parent. */
[[noreturn]] void churn(unsigned seed) {
  (void)::prctl(PR_SET_PDEATHSIG, SIGKILL);
  std::mt19937 random(seed);
  const int own = ::open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
  std::array<std::array<int, 3>, 16> held;
  for (auto& fds : held) fds = {-1, -1, -1};
  for (;;) {
    auto& fds = held[random() % held.size()];
    for (int& fd : fds) (void)::close(std::exchange(fd, -1));
    if (::unshare(CLONE_NEWNET) != 0) std::abort();
    if (random() % 2 == 0) fds[0] = ::open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
    if (random() % 2 == 0) fds[1] = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    fds[2] = ::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    (void)::setns(own, CLONE_NEWNET);
  }
}

struct Seen {
  std::mutex mutex;
  std::condition_variable changed;
  std::map<uint64_t, int> known;
  size_t found = 0, gone = 0, wrong = 0;
  uint64_t reconciled = 0;

  void take(const discover::Report& report) {
    const std::lock_guard lock(mutex);
    for (const auto& one : report.found) {
      ++found;
      if (++known[one.netns->identity().cookie] != 1) ++wrong;
    }
    for (const auto& identity : report.gone) {
      ++gone;
      if (--known[identity.cookie] != 0) ++wrong;
    }
    reconciled = report.reconciled;
    changed.notify_all();
  }
};

constexpr std::chrono::seconds kPatience(60);

void run_once(std::mt19937& random, size_t wanted) {
  Seen seen;
  discover::Discovery discovery({{"/nowhere/at/all", "/tmp"}, 2'000'000, 50'000'000},
                                std::make_shared<netns::SwitchLog>(),
                                [&seen](discover::Report report) { seen.take(report); });
  check(discovery.start([](Status) { std::abort(); }).ok(), "it starts");
  std::thread asking([&] {
    for (int i = 0; i < 20; ++i) {
      (void)discovery.reconcile();
      (void)discovery.totals();
      std::this_thread::sleep_for(std::chrono::microseconds(random() % 3000));
    }
  });
  {
    std::unique_lock lock(seen.mutex);
    const bool in_time = seen.changed.wait_for(lock, kPatience, [&] { return seen.gone >= wanted; });
    check(in_time, "namespaces are found and gone while others come");
  }
  asking.join();
  discovery.stop();
  check(seen.wrong == 0, "each is found before it is gone, once");
}

size_t open_descriptors() {
  size_t count = 0;
  for (int fd = 0; fd < 4096; ++fd) count += ::fcntl(fd, F_GETFD) >= 0 ? 1 : 0;
  return count;
}

}  // namespace

int main(int, char** arguments) {
  std::mt19937 random(static_cast<unsigned>(std::atoi(arguments[1])));
  const pid_t child = ::fork();
  if (child == 0) churn(random());
  const size_t before = open_descriptors();
  for (const size_t wanted : {0UL, 0UL, 1UL, 40UL, 100UL}) run_once(random, wanted);
  check(open_descriptors() == before, "as many descriptors as before");
  (void)::kill(child, SIGKILL);
  (void)::waitpid(child, nullptr, 0);
  return end_checks();
}
