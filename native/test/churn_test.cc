// The churner without JavaScript: a random churn, a churner that ends in the midst of one, and each kernel call failing
// in turn. Usage: churn_test SEED HOLD_PROGRAM DIRECTORY MOUNTED_DIRECTORY, in a mount namespace of its own. One line
// of TAP a check. (test/native/churn.test.ts)

#include <dirent.h>
#include <fcntl.h>
#include <net/if.h>
#include <sys/ioctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <condition_variable>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <map>
#include <random>
#include <thread>

#include "churn/churner.h"
#include "churn/clock.h"
#include "churn/sockets.h"
#include "test/check.h"

using namespace nslab;
using namespace nslab::churn;
using namespace nslab::test;

namespace {

constexpr Kind kKinds[] = {Kind::named, Kind::mounted, Kind::process, Kind::thread, Kind::descriptor, Kind::socket};
constexpr int64_t kSecondNs = 1'000'000'000;
constexpr int64_t kDeadlineNs = 60 * kSecondNs;

Places places;

/** What this process holds: it must be the same before and after. */
struct Held {
  size_t descriptors = entries("/proc/self/fd");
  size_t threads = entries("/proc/self/task");
  size_t names = entries(places.directory.c_str()) + entries(places.mounted_directory.c_str());
  bool children = ::waitpid(-1, nullptr, WNOHANG | __WALL) >= 0;

  bool operator==(const Held& other) const = default;
  [[nodiscard]] std::string text() const {
    return std::to_string(descriptors) + " descriptors, " + std::to_string(threads) + " threads, " +
           std::to_string(names) + " names, " + (children ? "children" : "no child");
  }
};

/** What is held now; a thread that has ended may show for a moment longer, which is waited for. */
Held held_again(const Held& before) {
  for (int tries = 0; tries < 2000; ++tries) {
    if (const Held now; now == before) return now;
    ::usleep(1000);
  }
  return Held();
}

Options options_with(uint32_t threads, sys::CallMeter* meter = nullptr) {
  Options options;
  options.places = places;
  options.sockets = {2, 1, 1, 1, 1, {4, 6}};
  options.threads = threads;
  options.meter = meter;
  return options;
}

Operation make(uint64_t op, uint64_t id, Kind kind, Fault fault, int64_t due_ns) {
  const bool named = kind == Kind::named || kind == Kind::mounted;
  return {op, id, due_ns, true, false, kind, fault, named ? "t" + std::to_string(id) : ""};
}

Operation drop(uint64_t op, uint64_t id, int64_t due_ns) {
  Operation operation;
  operation.op = op;
  operation.id = id;
  operation.due_ns = due_ns;
  return operation;
}

struct Told {
  std::map<uint64_t, Made> made;
  std::map<uint64_t, Dropped> dropped;
  std::vector<Failed> failed;

  void take(Churner& churner) {
    for (Line& line : churner.take_lines()) {
      if (auto* one = std::get_if<Made>(&line)) made.emplace(one->operation.id, std::move(*one));
      else if (auto* other = std::get_if<Dropped>(&line)) dropped.emplace(other->id, std::move(*other));
      else if (auto* refused = std::get_if<Failed>(&line)) failed.push_back(std::move(*refused));
    }
  }
};

std::unique_ptr<Churner> open(Options options) {
  // On a thread of its own, as its makers do: it goes through namespaces.
  std::unique_ptr<Churner> churner;
  std::string refused;
  std::thread([&] {
    auto opened = Churner::open(std::move(options), [] {});
    if (opened) churner = std::move(*opened);
    else refused = opened.error().message();
  }).join();
  if (churner) return churner;
  std::printf("not ok - %s\n", refused.c_str());
  std::exit(1);
}

std::vector<Operation> random_churn(std::mt19937& random, int64_t begin_ns, int count) {
  std::vector<Operation> operations;
  std::vector<uint64_t> alive;
  uint64_t id = 0;
  for (int i = 0; i < count; ++i) {
    const uint64_t op = static_cast<uint64_t>(i) + 1;
    const int64_t due_ns = begin_ns + i * 1'000'000;
    if (alive.size() < 20 || (alive.size() < 40 && random() % 2 == 0)) {
      const auto fault = random() % 20 == 0 ? static_cast<Fault>(1 + random() % 4) : Fault::none;
      Kind kind = kKinds[random() % std::size(kKinds)];
      if (fault == Fault::leader_dead) kind = Kind::thread;
      if (fault == Fault::remove_while_entered) kind = Kind::named;
      operations.push_back(make(op, ++id, kind, fault, due_ns));
      alive.push_back(id);
    } else {
      std::swap(alive[random() % alive.size()], alive.back());
      operations.push_back(drop(op, alive.back(), due_ns));
      alive.pop_back();
    }
  }
  return operations;
}

void test_random(std::mt19937& random) {
  const Held before;
  Told told;
  {
    auto churner = open(options_with(3));
    const auto operations = random_churn(random, now_ns(), 500);
    for (size_t at = 0; at < operations.size(); at += 50)
      churner->add({operations.begin() + static_cast<long>(at), operations.begin() + static_cast<long>(at) + 50});
    while (churner->figures().counts.ops < operations.size()) {
      told.take(*churner);
      ::usleep(1000);
    }
    auto left = churner->drain(now_ns() + kDeadlineNs, -1);
    told.take(*churner);
    check(left.ok() && left->empty(), "a random churn is drained whole");
  }
  check(told.made.size() == told.dropped.size() && told.made.size() > 200, "what was made is dropped");
  bool gone = true;
  for (const auto& [id, one] : told.dropped) {
    gone = gone && one.gone_ns >= one.asked_ns && one.gone_error_ns >= 0;
    gone = gone && one.gone_ns - one.gone_error_ns >= one.asked_ns;
  }
  std::string failed;
  for (const Failed& one : told.failed) failed += " " + one.operation + ": " + errno_name(one.number);
  check(gone, "and gone, no earlier than it was asked");
  check(failed.empty(), "nothing failed" + failed);
  const Held after = held_again(before);
  check(after == before, "nothing is left: " + after.text() + "; before: " + before.text());
}

/** The witness has room for a few words of the kernel's, which takes hundreds of ids back at once. */
/** Whether all were told as gone; adds to how often the witness had to ask. */
bool drain_with_little_room(uint64_t& askings) {
  constexpr uint64_t kCount = 300;
  Options options = options_with(2);
  options.sockets = {0, 0, 0, 0, 0, {4}};
  options.witness_bytes = 1;
  auto churner = open(std::move(options));
  std::vector<Operation> operations;
  for (uint64_t id = 1; id <= kCount; ++id) operations.push_back(make(id, id, Kind::descriptor, Fault::none, 0));
  for (uint64_t id = 1; id <= kCount; ++id) operations.push_back(drop(kCount + id, id, 0));
  churner->add(std::move(operations));
  auto left = churner->drain(now_ns() + kDeadlineNs, -1);
  Told told;
  told.take(*churner);
  bool gone = left.ok() && left->empty() && told.dropped.size() == kCount;
  for (const auto& [id, one] : told.dropped) gone = gone && one.gone_ns - one.gone_error_ns >= one.asked_ns;
  askings += churner->figures().askings;
  return gone;
}

/** On a busy machine the kernel's words come singly, and a witness with little room hears them all. */
void test_lost_notifications() {
  constexpr int kRoundsMax = 30;
  uint64_t askings = 0;
  bool gone = true;
  for (int round = 0; gone && askings == 0 && round < kRoundsMax; ++round) gone = drain_with_little_room(askings);
  check(gone, "what the witness was told and did not hear is asked for");
  check(askings > 0, std::to_string(askings) + " times asked");
}

void test_end_in_the_midst(std::mt19937& random) {
  const Held before;
  for (int round = 0; round < 3; ++round) {
    auto churner = open(options_with(2));
    churner->add(random_churn(random, now_ns(), 400));
    ::usleep(random() % 200'000);
  }
  const Held after = held_again(before);
  check(after == before, "a churner that ends at any time leaves nothing: " + after.text());
}

/** The k-th kernel call of a namespace's life fails, for every k. */
void test_fail_at(Kind kind, Fault fault, const std::string& name, uint32_t table_entries = 0) {
  const Held before;
  uint64_t calls = 0;
  std::string wrong;
  // Until one has fewer calls than would let the k-th fail.
  for (uint64_t k = 1; calls == 0; ++k) {
    sys::CallMeter meter(k, ENOMEM);
    Told told;
    {
      Options options = options_with(1, &meter);
      options.table_entries = table_entries;
      auto churner = open(std::move(options));
      churner->add({make(1, 1, kind, fault, 0), drop(2, 1, 0)});
      while (churner->figures().counts.ops < 2) ::usleep(200);
      told.take(*churner);
      // Dropped or never made: either way nothing of it is held.
      if (churner->figures().counts.alive != 0) wrong += " alive at " + std::to_string(k);
    }
    if (meter.calls() < k) calls = meter.calls();
    const bool unmade = told.made.empty();
    if (k <= meter.calls() && told.failed.empty()) wrong += " untold at " + std::to_string(k);
    if (unmade && told.failed.size() != 2) wrong += " half told at " + std::to_string(k);
    if (const Held after = held_again(before); !(after == before))
      wrong += " left at " + std::to_string(k) + ": " + after.text();
  }
  check(wrong.empty() && calls > 40,
        name + ": each of " + std::to_string(calls) + " calls fails and is undone" + wrong);
}

/** In a namespace of its own, whose kernel keeps so many in TIME_WAIT: are they told to be there? */
void test_time_wait(const char* buckets, bool kept) {
  SocketSet made;
  Status done = Status::failed(ECANCELED, "test", "thread");
  std::vector<size_t> lost;
  std::thread([&] {
    if (::unshare(CLONE_NEWNET) != 0) return;
    const UniqueFd socket(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
    ifreq loopback{};
    std::strcpy(loopback.ifr_name, "lo");
    loopback.ifr_flags = IFF_UP | IFF_RUNNING;
    const UniqueFd limit(::open("/proc/sys/net/ipv4/tcp_max_tw_buckets", O_WRONLY | O_CLOEXEC));
    if (::ioctl(socket.get(), SIOCSIFFLAGS, &loopback) != 0) return;
    if (::write(limit.get(), buckets, std::strlen(buckets)) < 0) return;
    done = make_sockets({0, 0, 0, 2, 0, {4, 6}}, 0, made);
    lost.push_back(made.lost_time_waits(now_ns())->size());
    // The kernel lets one of them go.
    if (kept && ::system("ss --ipv4 --kill --tcp state time-wait > /dev/null") != 0) return;
    lost.push_back(made.lost_time_waits(now_ns())->size());
    lost.push_back(made.lost_time_waits(now_ns() + kTimeWaitNs)->size());
  }).join();
  size_t lived = 0;
  for (const SocketTruth& truth : made.truths)
    if (truth.population == Population::time_wait && truth.until_ns > truth.from_ns) ++lived;
  const bool refused = !done && done.error().number == ETIMEDOUT;
  check(kept ? done.ok() && lived == 2 : refused && lived == 0,
        std::string("TIME_WAIT is told where the kernel keeps it: ") + buckets + ", " + std::to_string(lived));
  if (kept)
    check(lost == std::vector<size_t>{0, 1, 0}, "one that it let go before its time is told, and none after it");
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 5) return 2;
  std::mt19937 random(static_cast<unsigned>(std::strtoul(argv[1], nullptr, 10)));
  places = {argv[3], argv[4], argv[2]};
  rlimit files{};
  if (::getrlimit(RLIMIT_NOFILE, &files) == 0) {
    files.rlim_cur = files.rlim_max;
    (void)::setrlimit(RLIMIT_NOFILE, &files);
  }
  // A sanitizer has a thread of its own from the first one on.
  std::thread([] {}).join();
  test_random(random);
  test_lost_notifications();
  test_time_wait("1000", true);
  test_time_wait("0", false);
  test_end_in_the_midst(random);
  const char* const names[] = {"named", "mounted", "process", "thread", "descriptor", "socket"};
  for (size_t i = 0; i < std::size(kKinds); ++i) test_fail_at(kKinds[i], Fault::none, names[i]);
  test_fail_at(Kind::named, Fault::remove_while_entered, "remove_while_entered");
  test_fail_at(Kind::thread, Fault::leader_dead, "leader_dead");
  test_fail_at(Kind::descriptor, Fault::none, "a table of its own", 1024);
  return end_checks();
}
