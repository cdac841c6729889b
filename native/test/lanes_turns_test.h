// Who turns the lanes: one thread while there is little to do, and each lane its own while there is much.
#pragma once

#include <fstream>
#include <string>

#include "test/lanes_parts.h"

namespace {

/** How often threads of lanes but the first have gone to sleep by themselves, ever. */
uint64_t other_lanes_sleeps() {
  uint64_t sum = 0;
  DIR* folder = ::opendir("/proc/self/task");
  while (const dirent* entry = ::readdir(folder)) {
    const std::string path = std::string("/proc/self/task/") + entry->d_name;
    std::string name, word;
    std::getline(std::ifstream(path + "/comm"), name);
    if (name.rfind("nslab-lane-", 0) != 0 || name == "nslab-lane-0") continue;
    for (std::ifstream status(path + "/status"); status >> word;)
      if (uint64_t count = 0; word == "voluntary_ctxt_switches:" && status >> count) sum += count;
  }
  ::closedir(folder);
  return sum;
}

void test_turns() {
  Bench bench(options(3, true));
  for (uint32_t node = 1; node <= 3; node++) (void)bench.did(AddNode{node, 1});
  join(bench, 1, 2);
  join(bench, 2, 3);
  (void)bench.did(ChangeRoutes{1, {Derive{derived({1, 1, 2, 2})}}});
  (void)bench.did(ChangeRoutes{2, {Derive{derived({1, 1, 1, 2, 1, 3})}}});
  (void)bench.did(ChangeRoutes{3, {Derive{derived({2, 2, 1, 3})}}});
  // A few packets a second over all three lanes, on and on.
  (void)bench.did(StartFlow{1, flow(1, 3, uint64_t{1} << 40, 200, 20'000)});
  const auto received = [&] {
    const Counts counts = bench.counts();
    const SinkStats* sink = sink_of(counts, 3, 1);
    return sink ? sink->received_packets : 0;
  };
  const auto is_calm = [&] {
    return bench.await([&] {
      const uint64_t before = received(), sleeps = other_lanes_sleeps();
      ::usleep(200'000);
      const bool slept_on = other_lanes_sleeps() == sleeps;
      return slept_on && received() > before;
    });
  };
  check(is_calm(), "turns: while little comes, one thread turns all lanes");
  (void)bench.did(StartFlow{1, flow(2, 3, uint64_t{1} << 50, 200)});
  check(bench.await([&] {
    const uint64_t sleeps = other_lanes_sleeps();
    ::usleep(50'000);
    // They wait for room and for packets.
    return other_lanes_sleeps() > sleeps + 10;
  }),
        "turns: while much comes, each has its own");
  (void)bench.did(StopFlow{1, 2});
  check(is_calm(), "turns: and one again when that is over");
  (void)bench.did(StopSources{});
  check(bench.await_quiet() && balanced(bench.counts()), "turns: accounts balance");
  check(bench.end(), "turns: blocks are back");
}

}  // namespace
