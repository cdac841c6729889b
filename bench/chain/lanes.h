// The packet engine at each of the three nodes, with a lane each, over links as a fleet makes them.
#pragma once

#include <memory>
#include <string>

#include "engine/lanes/engine.h"
#include "engine/links.h"
#include "engine/max/max.h"
#include "measured.h"
#include "site.h"

namespace nslab::bench {

inline constexpr uint16_t kLinkPort = 8080;
inline constexpr uint16_t kMaxPort = 8081;
inline constexpr uint32_t kFlow = 1;

class Lanes {
 public:
  /** `max`: all three in max mode. */
  Lanes(const Site& site, bool backpressure, bool max)
      : engine_(std::make_shared<engine::lanes::PacketEngine>(options(backpressure), [] {})),
        links_({}, std::make_shared<netns::SwitchLog>(), [] {}),
        max_({}, engine_) {
    links_.hand_over_to(engine_);
    need(links_.start());
    need(max_.start());
    need(engine_->start());
    for (uint32_t node = 1; node <= 3; node++) engine_->post(engine::lanes::AddNode{node, 1});
    const netns::Endpoint any = Site::at("0.0.0.0", kLinkPort);
    links_.post(engine::AddNode{0, 1, site.share(1), any, 1, {2}});
    links_.post(engine::AddNode{0, 2, site.share(2), any, 1, {1, 3}});
    links_.post(engine::AddNode{0, 3, site.share(3), any, 1, {2}});
    links_.post(engine::Dial{1, 2, Site::at(Site::kNear, kLinkPort)});
    links_.post(engine::Dial{3, 2, Site::at(Site::kFar, kLinkPort)});
    await([&] { return links_.ends_up() == 4; }, "links did not come up");
    await(
        [&] {
          const auto counts = count();
          return counts.links.size() == 4;
        },
        "lanes were not given the links");
    const auto derive = [&](uint32_t node, std::vector<uint32_t> runs) {
      const engine::DerivedRoutes routes{std::span<const uint32_t>(runs)};
      ask(engine::lanes::ChangeRoutes{node, {engine::lanes::Derive{routes}}});
    };
    derive(1, {1, 1, 2, 2});
    derive(2, {1, 1, 1, 2, 1, 3});
    derive(3, {2, 2, 1, 3});
    ask(engine::lanes::OpenSink{3, kFlow});
    if (!max) return;
    relay_thread_ = "nslab-max";
    for (uint32_t node = 1; node <= 3; node++)
      max_.serve(node, site.share(node), Site::at("0.0.0.0", kMaxPort), [](Status status) { need(status); });
    max_.set_peer(1, 2, Site::at(Site::kNear, kMaxPort));
    max_.set_peer(2, 3, Site::at(Site::kLast, kMaxPort));
    await([&] { return count().streams.size() == 2; }, "max mode did not begin");
  }
  ~Lanes() {
    max_.stop();
    links_.post(engine::Stop{});
    links_.join();
    engine_->stop();
  }

  void pass(const char* way, double seconds, uint32_t packet_bytes) {
    start(packet_bytes, 0);
    measure_passing(way, seconds, {{"source", "nslab-lane-1"}, {"relay", relay_thread_}, {"sink", "nslab-lane-0"}},
                    [&] {
                      const auto counts = count();
                      Passed passed{counts.sinks[0].received_bytes, counts.sinks[0].received_packets, 0};
                      for (const auto& [ends, link] : counts.links) passed.dropped += link.sent.dropped_packets();
                      for (const auto& [id, node] : counts.nodes) passed.dropped += node.dropped_packets();
                      return passed;
                    });
  }
  void latency(double seconds, int64_t gap_ns, uint32_t packet_bytes) {
    start(packet_bytes, static_cast<uint64_t>(packet_bytes) * 1'000'000'000 / static_cast<uint64_t>(gap_ns));
    ::usleep(static_cast<useconds_t>(seconds * 1e6));
    const auto counts = count();
    const auto& sink = counts.sinks[0];
    print_latency("engine-latency", sink.received_packets, sink.latency_p50_ns, sink.latency_p99_ns);
  }

 private:
  static engine::lanes::Options options(bool backpressure) {
    engine::lanes::Options made;
    made.lanes = 3;
    made.backpressure = backpressure;
    return made;
  }
  static void await(const std::function<bool()>& holds, const char* otherwise) {
    for (int tries = 0; tries < 10'000; tries++) {
      if (holds()) return;
      ::usleep(1000);
    }
    die(otherwise);
  }
  engine::lanes::Reply ask(engine::lanes::Command command) {
    engine_->post(std::move(command), ++last_);
    engine::lanes::Reply answer;
    await(
        [&] {
          auto outbox = engine_->collect();
          for (auto& reply : outbox.replies)
            if (reply.id == last_) answer = std::move(reply);
          return answer.id == last_;
        },
        "the engine did not answer");
    need(answer.status);
    return answer;
  }
  engine::lanes::Counts count() { return std::move(*ask(engine::lanes::Count{}).counts); }

  void start(uint32_t packet_bytes, uint64_t rate) {
    engine::lanes::FlowSetting flow;
    flow.flow = kFlow;
    flow.destination = 3;
    flow.packet_bytes = packet_bytes;
    flow.duration_ns = 3'600'000'000'000;
    flow.rate_bytes_per_s = rate;
    flow.base = 0x0a00'0000;
    ask(engine::lanes::StartFlow{1, flow});
  }

  std::shared_ptr<engine::lanes::PacketEngine> engine_;
  engine::Links links_;
  engine::max::MaxStreams max_;
  const char* relay_thread_ = "nslab-lane-2";
  uint64_t last_ = 0;
};

}  // namespace nslab::bench
