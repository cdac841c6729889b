// What one way was measured to do: its bytes between two looks, the processor's time by role, and latency.
#pragma once

#include <cstdio>
#include <functional>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "engine/lanes/flow_stats.h"
#include "site.h"

namespace nslab::bench {

/** Connections and queues are full long before. */
inline constexpr int kWarmUpUs = 300'000;

struct Passed {
  uint64_t bytes = 0;
  /** 0 where the way knows of none. */
  uint64_t packets = 0;
  uint64_t dropped = 0;
};

/** Role → name of its thread. */
using Roles = std::vector<std::pair<const char*, const char*>>;

/** Prints as JSON what passes the last node within `seconds`. */
inline void measure_passing(const char* way, double seconds, const Roles& roles, const std::function<Passed()>& look) {
  ::usleep(kWarmUpUs);
  const auto cpu_before = thread_seconds();
  const Passed before = look();
  const int64_t began_ns = now_ns();
  ::usleep(static_cast<useconds_t>(seconds * 1e6));
  const Passed after = look();
  const double took_s = static_cast<double>(now_ns() - began_ns) / 1e9;
  auto cpu_after = thread_seconds();
  std::printf(
      "{\"way\": \"%s\", \"seconds\": %.6f, \"bytes\": %llu, \"packets\": %llu, \"dropped\": %llu, \"cpu_s\": {", way,
      took_s, static_cast<unsigned long long>(after.bytes - before.bytes),
      static_cast<unsigned long long>(after.packets - before.packets),
      static_cast<unsigned long long>(after.dropped - before.dropped));
  const char* comma = "";
  for (const auto& [role, thread] : roles) {
    const auto found = cpu_before.find(thread);
    const double from = found == cpu_before.end() ? 0 : found->second;
    std::printf("%s\"%s\": %.6f", comma, role, cpu_after[thread] - from);
    comma = ", ";
  }
  std::printf("}}\n");
}

inline void print_latency(const char* way, uint64_t packets, uint64_t p50_ns, uint64_t p99_ns) {
  std::printf("{\"way\": \"%s\", \"packets\": %llu, \"p50_us\": %.3f, \"p99_us\": %.3f}\n", way,
              static_cast<unsigned long long>(packets), static_cast<double>(p50_ns) / 1e3,
              static_cast<double>(p99_ns) / 1e3);
}

}  // namespace nslab::bench
