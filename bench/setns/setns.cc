// How long it takes to be in another namespace: netns::enter() beside the bare system call, measured in turn, among 1
// to thousands of namespaces. Prints one line of JSON: times in ns.
//
// setns --namespaces K --switches N

#include <sched.h>
#include <time.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <random>
#include <vector>

#include "netns/netns.h"

namespace {

using nslab::netns::Netns;

[[noreturn]] void die(const std::string& what) {
  std::fprintf(stderr, "setns: %s\n", what.c_str());
  std::exit(1);
}

int64_t now_ns() {
  timespec time{};
  clock_gettime(CLOCK_MONOTONIC, &time);
  return time.tv_sec * 1'000'000'000LL + time.tv_nsec;
}

void print(const char* name, std::vector<int64_t>& times) {
  std::sort(times.begin(), times.end());
  const auto at = [&](double share) {
    return times[static_cast<size_t>(share * static_cast<double>(times.size() - 1))];
  };
  std::printf(",\"%s\":{\"p50\":%lld,\"p99\":%lld}", name, static_cast<long long>(at(0.5)),
              static_cast<long long>(at(0.99)));
}

/** Always another one than `last`. */
size_t other_than(size_t last, size_t count, std::mt19937& random) {
  const size_t drawn = random() % (count - 1);
  return drawn < last ? drawn : drawn + 1;
}

}  // namespace

int main(int count, char** words) {
  size_t namespaces = 64, switches = 20'000;
  for (int i = 1; i + 1 < count; i += 2) {
    if (std::strcmp(words[i], "--namespaces") == 0) namespaces = std::strtoul(words[i + 1], nullptr, 10);
    else if (std::strcmp(words[i], "--switches") == 0) switches = std::strtoul(words[i + 1], nullptr, 10);
  }
  if (namespaces < 1 || switches < 1 || count % 2 == 0) die("usage: setns [--namespaces K] [--switches N]");
  std::vector<Netns> all;
  const nslab::netns::Visit visit;
  // Its own is one of them, so that there are two places to be even with one namespace.
  auto base = Netns::current();
  if (!base) die(base.error().message());
  all.push_back(std::move(*base));
  for (size_t i = 0; i < namespaces; ++i) {
    nslab::UniqueFd netlink;
    auto made = Netns::create_and_stay(netlink);
    if (!made) die(made.error().message());
    all.push_back(std::move(*made));
  }
  std::mt19937 random(1);
  std::vector<int64_t> raw, entered, skipped;
  size_t last = all.size() - 1;
  for (size_t i = 0; i < switches; ++i) {
    // The bare call comes back to where enter() believes to be, untimed, so that each starts from another namespace.
    const size_t bare = other_than(last, all.size(), random);
    int64_t started = now_ns();
    if (setns(all[bare].fd(), CLONE_NEWNET) != 0) die("setns");
    raw.push_back(now_ns() - started);
    if (setns(all[last].fd(), CLONE_NEWNET) != 0) die("setns");

    last = other_than(last, all.size(), random);
    started = now_ns();
    if (!nslab::netns::enter(all[last])) die("enter");
    entered.push_back(now_ns() - started);

    started = now_ns();
    if (!nslab::netns::enter(all[last])) die("enter");
    skipped.push_back(now_ns() - started);
  }
  std::printf("{\"namespaces\":%zu,\"switches\":%zu", namespaces, switches);
  print("setns_ns", raw);
  print("enter_ns", entered);
  print("skipped_ns", skipped);
  std::printf("}\n");
}
