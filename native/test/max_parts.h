// What the tests of max mode share: an engine with it, whose nodes are in a line.
#pragma once

#include <atomic>

#include "engine/max/max.h"
#include "test/lanes_parts.h"

namespace {

using max::MaxStreams;

constexpr RunId kRun{7, 7, 7};

netns::Endpoint server_at(uint32_t node) {
  return *netns::Endpoint::parse("127.0.0.1", static_cast<uint16_t>(8100 + node));
}

/** An engine with max mode; `nodes` of them, from 1, in a line. */
class MaxBench {
 public:
  MaxBench(const Options& made, uint32_t nodes) : bench(made, false), streams(kRun, bench.share()) {
    if (!streams.start().ok()) std::abort();
    bench.start();
    for (uint32_t node = 1; node <= nodes; node++) {
      (void)bench.did(AddNode{node, 1});
      std::vector<uint32_t> runs;
      for (uint32_t to = 1; to <= nodes; to++) {
        runs.push_back(1);
        runs.push_back(to < node ? node - 1 : to > node ? node + 1 : node);
      }
      (void)bench.did(ChangeRoutes{node, {Derive{derived(runs)}}});
    }
  }
  bool serve(uint32_t node) {
    std::atomic<int> answer{-1};
    streams.serve(node, own_netns(), server_at(node), [&](Status status) { answer = status.ok() ? 1 : 0; });
    return bench.await([&] { return answer.load() >= 0; }) && answer.load() == 1;
  }
  /** Every node's servers, and every neighbour's known to it. */
  void serve_all(uint32_t nodes) {
    for (uint32_t node = 1; node <= nodes; node++) {
      if (!serve(node)) std::abort();
      if (node > 1) streams.set_peer(node, node - 1, server_at(node - 1));
      if (node < nodes) streams.set_peer(node, node + 1, server_at(node + 1));
    }
    if (!bench.await([&] { return bench.counts().streams.size() == nodes; })) std::abort();
  }
  uint64_t received(uint32_t node, uint32_t number) {
    const Counts counts = bench.counts();
    const SinkStats* sink = sink_of(counts, node, number);
    return sink ? sink->received_packets : 0;
  }
  /** Held, made and gone add up at every node and in its streams. */
  bool in_balance() {
    const Counts counts = bench.counts();
    bool well = balanced(counts);
    for (const auto& [node, streams_of] : counts.streams) well = well && streams_of.sent.balanced();
    return well;
  }
  /** Of all nodes: what streams took, what they brought, and how many ended by a fault. */
  struct Sums {
    uint64_t out = 0;
    uint64_t received = 0;
    uint64_t breaks = 0;
  };
  Sums sums() {
    Sums sums;
    for (const auto& [node, count] : bench.counts().streams) {
      sums.out += count.sent.out_packets;
      sums.received += count.received_packets;
      sums.breaks += count.breaks;
    }
    return sums;
  }
  /** Relays of the past are gone. */
  bool await_relays(uint64_t wanted) {
    return bench.await([&] { return streams.counters().relays.load() == wanted; });
  }
  bool end() {
    streams.stop();
    return bench.end();
  }

  Bench bench;
  MaxStreams streams;
};

FlowSetting endless(uint32_t number, uint32_t to, uint64_t rate) {
  FlowSetting load = flow(number, to, 0, 1000, rate);
  load.duration_ns = 600 * kSecondNs;
  return load;
}

}  // namespace
