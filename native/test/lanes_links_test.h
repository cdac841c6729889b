// Links that are handed over: made by the link engine in a namespace of the test's own, used by the packet engine.
#pragma once

#include <net/if.h>
#include <sys/ioctl.h>

#include "engine/links.h"
#include "test/lanes_parts.h"

namespace {

/** Where this process is; held until its end. */
const std::shared_ptr<const netns::Netns>& own_netns() {
  static const auto here = std::make_shared<const netns::Netns>(std::move(*netns::Netns::current()));
  return here;
}

/** A link engine whose events can be waited for. */
class LinkBench {
 public:
  static constexpr RunId kRun{1, 2, 3};

  explicit LinkBench(std::shared_ptr<PacketEngine> engine, Transport transport = Transport::tcp,
                     uint32_t silence_ms = kSilenceMs)
      : links_(
            kRun, std::make_shared<netns::SwitchLog>(), [] {}, silence_ms, transport) {
    if (engine) links_.hand_over_to(std::move(engine));
    if (!links_.start().ok()) std::abort();
  }

  void add(uint32_t node, uint32_t peer, uint16_t port, uint64_t incarnation = 1) {
    links_.post(engine::AddNode{node, node, own_netns(), at(port), incarnation, {peer}});
  }
  static netns::Endpoint at(uint16_t port) { return *netns::Endpoint::parse("127.0.0.1", port); }

  size_t count(EventKind kind, uint32_t node, const std::string& reason = {}) {
    size_t sum = 0;
    for (const LinkEvent& event : events)
      sum += event.kind == kind && event.node == node && (reason.empty() || reason == event.reason) ? 1 : 0;
    return sum;
  }
  bool await(const std::function<bool()>& holds) {
    for (int tries = 0; tries < 6000; ++tries) {
      engine::Outbox more = links_.collect();
      for (const LinkEvent& event : more.events) events.push_back(event);
      for (engine::Reply& reply : more.replies) replies.push_back(std::move(reply));
      if (holds()) return true;
      ::usleep(10'000);
    }
    return false;
  }
  engine::Links& links() { return links_; }
  std::vector<LinkEvent> events;
  std::vector<engine::Reply> replies;

 private:
  engine::Links links_;
};

bool raise_loopback() {
  const UniqueFd socket(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  ifreq loopback{};
  std::strcpy(loopback.ifr_name, "lo");
  loopback.ifr_flags = IFF_UP | IFF_RUNNING;
  return ::ioctl(socket.get(), SIOCSIFFLAGS, &loopback) == 0;
}

/** Nodes 1 and 2 with a real link; packets and tokens cross it, and it dies and comes back under load. */
void test_hand_over(Transport transport = Transport::tcp) {
  check(raise_loopback(), "handed over: a namespace of its own");
  Bench bench(options(2, false), false);
  LinkBench one(bench.share(), transport);
  bench.start();
  one.add(1, 2, 7001);
  one.add(2, 1, 7002);
  check(one.await([&] { return one.replies.size() == 2; }), "handed over: nodes are there");
  const auto route = [&](uint32_t node) { return bench.did(ChangeRoutes{node, {Derive{derived({1, 1, 1, 2})}}}); };
  check(route(1) && route(2), "handed over: and the lanes have them");
  one.links().post(engine::Dial{1, 2, LinkBench::at(7002)});
  check(one.await([&] { return one.count(EventKind::up, 1) == 1 && one.count(EventKind::up, 2) == 1; }),
        "handed over: up at both ends");
  check(bench.await([&] {
    const Counts counts = bench.counts();
    return counts.links.contains({1, 2}) && counts.links.contains({2, 1}) && counts.links.at({2, 1}).up;
  }),
        "handed over: lanes have it");
  (void)bench.did(OpenSink{2, 1});
  FlowSetting load = flow(1, 2, 0, 1400, 20'000'000);
  load.duration_ns = 600 * kSecondNs;
  (void)bench.did(StartFlow{1, load});
  for (uint32_t walk = 1; walk <= 20; walk++) one.links().post(SendToken{1, 2, walk, 5});
  check(one.await([&] { return one.count(EventKind::token, 2) == 20; }), "handed over: tokens cross between packets");
  check(bench.await([&] { return sink_of(bench.counts(), 2, 1)->received_packets > 1000; }),
        "handed over: packets cross");
  // Its peer goes and comes back.
  one.links().post(engine::RemoveNode{2});
  check(one.await([&] { return one.count(EventKind::down, 1) == 1; }), "handed over: a removed peer's end is told");
  one.links().post(SendToken{1, 2, 99, 0});
  check(one.await([&] { return one.count(EventKind::token_unsent, 1, "no_link") == 1; }),
        "handed over: a token without a link is told of");
  one.add(2, 1, 7002, 2);
  check(one.await([&] { return one.replies.size() == 3; }) && route(2), "handed over: there again, with nothing");
  one.links().post(engine::Dial{1, 2, LinkBench::at(7002)});
  check(one.await([&] { return one.count(EventKind::up, 1) == 2; }), "handed over: up again");
  check(bench.await([&] {
    const Counts counts = bench.counts();
    const SinkStats* sink = sink_of(counts, 2, 1);
    return sink && sink->received_packets > 1000;
  }),
        "handed over: packets go on");
  (void)bench.did(StopFlow{1, 1});
  check(balanced(bench.counts()), "handed over: accounts balance");
  one.links().post(engine::Stop{});
  one.links().join();
  check(bench.end(), "handed over: blocks are back");
}

}  // namespace
