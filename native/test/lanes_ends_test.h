// A node's ends: sinks that open by themselves, flows to groups, their weights, TUN interfaces, captures; and what is
// remembered of links that are not there.
#pragma once

#include "base/closer.h"
#include "engine/lanes/flow.h"
#include "engine/packets/big_endian.h"
#include "test/lanes_parts.h"

namespace {

const SinkStats* ended_sink(const Counts& counts, uint32_t node, uint32_t number) {
  const SinkStats* sink = sink_of(counts, node, number);
  return sink && sink->finished ? sink : nullptr;
}

/** 1 - 2 - 3: sinks open at members of the group alone; flows stop, start again, and all end at once. */
void test_ends(uint32_t processors) {
  const std::string name = "ends (" + std::to_string(processors) + " of a node): ";
  constexpr uint32_t kGroup = 9;
  Bench bench(options(3, true));
  for (uint32_t node = 1; node <= 3; node++) (void)bench.did(AddNode{node, processors});
  join(bench, 1, 2);
  join(bench, 2, 3);
  (void)bench.did(ChangeRoutes{1, {Derive{derived({1, 1, 2, 2})}, InstallTrees{1, kGroup, {{0, {2}}}}}});
  (void)bench.did(ChangeRoutes{2, {Derive{derived({1, 1, 1, 2, 1, 3})}, InstallTrees{1, kGroup, {{0, {3}}}}}});
  (void)bench.did(
      ChangeRoutes{3, {Derive{derived({2, 2, 1, 3})}, InstallTrees{1, kGroup, {{0, {3}}}}, SetMember{kGroup, true}}});
  FlowSetting to_group = flow(1, kGroup, 500 * 300, 300);
  to_group.is_group = true;
  (void)bench.did(StartFlow{1, to_group});
  (void)bench.did(StartFlow{1, flow(2, 3, 500 * 300, 300)});
  check(bench.await_finished(2, false) && bench.await_quiet(), name + "flows end at sinks that nobody opened");
  Counts counts = bench.counts();
  check(counts.sinks.size() == 2 && sink_of(counts, 3, 1)->received_packets == 500 &&
            sink_of(counts, 3, 2)->received_packets == 500,
        name + "one where the group has its member, one at the destination");
  FlowSetting endless = flow(3, 3, 0, 300, 3'000'000);
  endless.duration_ns = 3600 * kSecondNs;
  (void)bench.did(StartFlow{1, endless});
  const auto comes = [&](uint64_t packets) {
    return bench.await([&] {
      const Counts now = bench.counts();
      const SinkStats* sink = sink_of(now, 3, 3);
      return sink && sink->received_packets > packets;
    });
  };
  check(comes(100), name + "another flow goes on");
  (void)bench.did(StopFlow{3, 3});
  const auto nobodys = [&] { return bench.counts().nodes.at(3).dropped[static_cast<size_t>(Drop::nobody)]; };
  check(bench.await([&] { return nobodys() > 20; }), name + "what comes after its sink was stopped is nobody's");
  check(!sink_of(bench.counts(), 3, 3), name + "and opens none");
  (void)bench.did(StopFlow{1, 3});
  (void)bench.did(StartFlow{1, endless});
  check(comes(100), name + "started again, it has a sink");
  check(bench.did(StopSources{}), name + "all sources stop");
  check(bench.await([&] { return ended_sink(bench.counts(), 3, 3) != nullptr; }) && bench.await_quiet(),
        name + "and say so");
  counts = bench.counts();
  uint64_t sent = 0;
  for (const SourceStats& source : counts.sources) sent += source.flow == 3 ? source.sent_packets : 0;
  const SinkStats* last = sink_of(counts, 3, 3);
  check(last->sent_packets == sent && last->received_packets == sent && last->duplicate_packets == 0,
        name + "with the number of this start alone");
  check(balanced(counts), name + "accounts balance");
  check(bench.end(), name + "blocks are back");
}

/** A sink whose flow is started again without it being stopped. */
void test_sink_starts() {
  FlowSink sink(2, 1);
  const auto take = [&](uint16_t start, uint64_t number, bool closing = false) {
    return sink.take(FlowMark{{1, start}, closing, number, 0}, 100, 1000);
  };
  for (uint64_t number = 0; number < 10; number++) (void)take(7, number);
  check(take(7, 10, true) && !take(7, 10, true) && sink.stats().received_packets == 10, "a sink hears its end once");
  for (uint64_t number = 0; number < 4; number++) (void)take(8, number);
  SinkStats stats = sink.stats();
  check(stats.received_packets == 4 && stats.duplicate_packets == 0 && !stats.finished,
        "another start of its flow counts from zero");
  (void)take(7, 9);
  stats = sink.stats();
  check(stats.received_packets == 4 && stats.too_late_packets == 1, "what is left of the start before is too late");
  check(take(8, 4, true) && sink.stats().sent_packets == 4, "and it ends by itself");
}

/** What is said of a link before it is there, while it is and after; and of all links. */
void test_settings() {
  Bench bench(options(2, false));
  for (uint32_t node = 1; node <= 3; node++) (void)bench.did(AddNode{node});
  LinkSetting lossy;
  lossy.loss_ratio = 1;
  check(!bench.did(SetLink{9, 1, lossy}), "settings: of a node that is not there, refused");
  check(bench.did(SetLink{1, 2, lossy, 5}) && bench.did(SetDefault{lossy}), "settings: of a link that is not there");
  (void)bench.did(ChangeRoutes{1, {Derive{derived({1, 1, 1, 2, 1, 3})}}});
  const auto join_bare = [&](uint32_t one, uint32_t other) {
    auto [here, there] = pair_of_sockets();
    return bench.did(AddLink{one, other, here, {}, one, 0}) && bench.did(AddLink{other, one, there, {}, other, 0});
  };
  check(join_bare(1, 2) && join_bare(1, 3), "settings: links come");
  uint32_t number = 0;
  const auto lost = [&](uint32_t peer) {
    const uint64_t before = bench.counts().links.at({1, peer}).sent.dropped[static_cast<size_t>(Drop::loss)];
    (void)bench.did(StartFlow{1, flow(++number, peer, 100 * 100, 100)});
    (void)bench.await_finished(number);
    (void)bench.await_quiet();
    return bench.counts().links.at({1, peer}).sent.dropped[static_cast<size_t>(Drop::loss)] - before;
  };
  check(lost(2) >= 100 && lost(3) >= 100, "settings: both are as was said");
  check(bench.did(SetDefault{}) && lost(3) == 0, "settings: of all links, while they are there");
  check(lost(2) >= 100, "settings: but of those that have their own");
  check(bench.did(RemoveLink{1, 2, 0}) && bench.did(RemoveLink{2, 1, 0}) && join_bare(1, 2) && lost(2) >= 100,
        "settings: it comes back as it was");
  check(bench.did(SetLink{1, 2, {}}) && lost(2) == 0, "settings: until something else is said");
  (void)bench.did(SetLink{1, 2, lossy});
  (void)bench.did(RemoveNode{1});
  (void)bench.did(AddNode{1});
  (void)bench.did(ChangeRoutes{1, {Derive{derived({1, 1, 1, 2, 1, 3})}}});
  bench.whole = false;
  check(join_bare(1, 2) && lost(2) == 0, "settings: they end with their node");
  check(bench.end(), "settings: blocks are back");
}

/** Packets without a route are told of once a second, and all of them are. */
void test_misses() {
  Bench bench(options(1, false));
  for (uint32_t node = 1; node <= 2; node++) (void)bench.did(AddNode{node});
  (void)bench.did(StartFlow{1, flow(1, 2, 1'000'000'000, 100, 100'000)});
  const auto from = std::chrono::steady_clock::now();
  const bool told = bench.await([&] { return bench.seen.missed.size() >= 3; });
  (void)bench.did(StopFlow{1, 1});
  const Counts counts = bench.counts();
  const auto& missed = bench.seen.missed;
  const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(std::chrono::steady_clock::now() - from);
  uint64_t packets = 0;
  bool right = told;
  for (const RouteMissed& one : missed) {
    packets += one.packets;
    right = right && one.node == 1 && one.source == 1 && one.destination == 2 && !one.is_group;
  }
  check(right && missed[0].packets == 1 && missed.size() <= static_cast<size_t>(seconds.count()) + 2,
        "misses: told, with their way, at a bounded rate");
  const uint64_t lost = dropped(counts, Drop::no_route);
  check(told && packets > missed.size() && packets <= lost, "misses: with how many there were");
  check(bench.end(), "misses: blocks are back");
}

/** Two flows of one node wait for the same slow link; when the first of both is through says what its weight is. */
void test_weights(uint32_t processors) {
  const std::string name = "weights (" + std::to_string(processors) + " of a node): ";
  Bench bench(options(3, false));
  for (uint32_t node = 1; node <= 2; node++) (void)bench.did(AddNode{node, processors});
  (void)bench.did(ChangeRoutes{1, {Derive{derived({1, 1, 1, 2})}}});
  LinkSetting slow;
  slow.discipline = Discipline::wrr;
  slow.rate_bytes_per_s = 100'000;
  slow.bucket_bytes = 500;
  uint32_t number = 0;
  /** How long the first took, as a share of how long the other did. */
  const auto share = [&](uint32_t weight) {
    FlowSetting light = flow(++number, 2, 150 * 200, 200, 10'000'000);
    FlowSetting heavy = flow(++number, 2, 150 * 200, 200, 10'000'000);
    heavy.weight = weight;
    (void)bench.did(StartFlow{1, light});
    (void)bench.did(StartFlow{1, heavy});
    (void)bench.await_finished(number, false);
    const Counts counts = bench.counts();
    const SinkStats *first = sink_of(counts, 2, heavy.flow), *other = sink_of(counts, 2, light.flow);
    const int64_t began_ns = std::min(first->first_ns, other->first_ns);
    return static_cast<double>(first->last_ns - began_ns) / static_cast<double>(other->last_ns - began_ns);
  };
  // Before it is shaped, and so before there is anything that could know of weights, too.
  FlowSetting before = flow(++number, 2, 200, 200);
  before.weight = 7;
  (void)bench.did(StartFlow{1, before});
  join(bench, 1, 2, slow);
  // Of several tries: where the machine stands still meanwhile, both end at once.
  const auto holds = [&](const std::function<bool()>& check_once) {
    return check_once() || check_once() || check_once();
  };
  check(holds([&] { return share(4) < 0.8; }), name + "the heavier is through first");
  check(holds([&] { return share(1) > 0.9; }), name + "of two alike neither is");
  (void)bench.did(StopFlow{1, 1});
  check(bench.end(), name + "blocks are back");
}

/** An IPv4 packet, as a TUN interface gives it. */
std::vector<uint8_t> packet_to(uint32_t address, uint32_t bytes = 100) {
  std::vector<uint8_t> packet(bytes);
  packet[0] = 0x45;
  write_u16(packet.data() + 2, static_cast<uint16_t>(bytes));
  packet[9] = 17;
  write_u32(packet.data() + 12, kBase + 1);
  write_u32(packet.data() + 16, address);
  return packet;
}

/** Sockets in place of TUN interfaces: what is written to one end comes to the other, a packet a time. */
void test_tun(uint32_t processors) {
  const std::string name = "tun (" + std::to_string(processors) + " of a node): ";
  Bench bench(options(3, true));
  for (uint32_t node = 1; node <= 2; node++) (void)bench.did(AddNode{node, processors});
  join(bench, 1, 2);
  (void)bench.did(ChangeRoutes{1, {Derive{derived({1, 1, 1, 2})}, InstallTrees{1, 300, {{0, {2}}}}}});
  (void)bench.did(
      ChangeRoutes{2, {Derive{derived({1, 1, 1, 2})}, InstallTrees{1, 300, {{0, {2}}}}, SetMember{300, true}}});
  int ends[2][2];
  for (auto& both : ends)
    if (::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, both) != 0) std::abort();
  const SharedFd one = shared(ends[0][0]), other = shared(ends[1][0]);
  check(bench.did(AttachTun{1, shared(ends[0][1]), kBase, 100}) &&
            bench.did(AttachTun{2, shared(ends[1][1]), kBase, 100}),
        name + "attached");
  check(bench.ask(AttachTun{2, one, kBase, 100}).status.error().number == EEXIST, name + "one a node");
  const auto passes = [&](uint32_t address) {
    const auto packet = packet_to(address);
    if (::send(one->get(), packet.data(), packet.size(), 0) != static_cast<ssize_t>(packet.size())) return false;
    std::vector<uint8_t> came(200);
    ssize_t count = -1;
    return bench.await([&] { return (count = ::recv(other->get(), came.data(), came.size(), 0)) > 0; }) &&
           std::equal(packet.begin(), packet.end(), came.begin(), came.begin() + count);
  };
  check(passes(kBase + 2), name + "a packet to a node comes out there");
  check(passes(kGroupBase + 300), name + "and one to a group at its members");
  const auto malformed = [&] { return dropped(bench.counts(), Drop::malformed); };
  for (const uint32_t address : {kBase, kBase + 101, 0xe000'0016u}) {
    const auto packet = packet_to(address);
    (void)!::send(one->get(), packet.data(), packet.size(), 0);
  }
  check(bench.await([&] { return malformed() == 3; }), name + "others are no node's");
  const Reply taken = bench.ask(Count{true});
  uint64_t sent = 0, came = 0;
  for (const AppFlowNews& news : taken.counts->app_flows) {
    const auto& [is_new, has_ended, has_route, flow] = news.taken;
    const bool right = is_new && !has_ended && !has_route && flow.packets == 1 &&
                       news.node == (flow.key.is_sink ? 2 : 1) &&
                       flow.remote == (flow.key.is_sink                            ? 1
                                       : flow.key.destination_address == kBase + 2 ? 2
                                                                                   : 0);
    (flow.key.is_sink ? came : sent) += right ? flow.bytes : 0;
  }
  check(taken.counts->app_flows.size() == 4 && sent == 2 * packet_to(kBase).size() && came == sent,
        name + "programs' flows are told at both ends, the node's and the group's");
  check(bench.ask(Count{true}).counts->app_flows.empty(), name + "once");
  // Away while packets come.
  std::atomic<bool> ending{false};
  std::thread load([&] {
    const auto packet = packet_to(kBase + 2);
    while (!ending.load()) (void)!::send(one->get(), packet.data(), packet.size(), MSG_NOSIGNAL);
  });
  check(bench.did(DetachTun{1}) && bench.did(DetachTun{2}), name + "detached under load");
  check(bench.ask(DetachTun{1}).status.error().number == ENOENT, name + "there is none any more");
  ending.store(true);
  load.join();
  char byte;
  check(::recv(other->get(), &byte, 1, MSG_DONTWAIT | MSG_PEEK) >= 0 || errno == ECONNRESET || errno == EPIPE ||
            errno == EAGAIN,
        name + "the other end is told");
  check(bench.await_quiet() && balanced(bench.counts()), name + "accounts balance");
  check(bench.end(), name + "blocks are back");
}

/** Pipes in place of interfaces. */
void test_closer() {
  const size_t before = entries("/proc/self/fd");
  Closer closer;
  bool all = true;
  for (int turn = 0; turn < 3; turn++) {
    std::vector<std::thread> givers;
    for (int giver = 0; giver < 3; giver++)
      givers.emplace_back([&] {
        for (int i = 0; i < 20; i++) {
          int ends[2];
          if (::pipe2(ends, O_CLOEXEC) != 0) std::abort();
          for (const int end : ends) closer.close(UniqueFd(end));
        }
      });
    for (std::thread& giver : givers) giver.join();
    closer.wait();
    all = all && entries("/proc/self/fd") == before;
  }
  check(all, "closer: everything is closed when it has been waited for");
}

/** Of a node on three lanes, into one file: whole records, and no more of them than was asked for. */
void test_capture() {
  Bench bench(options(3, true));
  for (uint32_t node = 1; node <= 2; node++) (void)bench.did(AddNode{node, 3});
  join(bench, 1, 2);
  (void)bench.did(ChangeRoutes{1, {Derive{derived({1, 1, 1, 2})}}});
  (void)bench.did(ChangeRoutes{2, {Derive{derived({1, 1, 1, 2})}}});
  const SharedFd file = shared(::open("/tmp", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600));
  constexpr uint32_t kRecord = 16 + 200;
  check(bench.did(Capture{1, 0, shared(::dup(file->get())), 50 * kRecord + 10}), "capture: begins");
  for (uint32_t number = 1; number <= 6; number++)
    (void)bench.did(StartFlow{number % 2 ? 1u : 2u, flow(number, number % 2 ? 2 : 1, 200 * 100, 200)});
  check(bench.await_finished(6, false) && bench.await_quiet(), "capture: flows end");
  check(bench.did(Capture{1, 0, nullptr, 0}), "capture: ends");
  std::vector<uint8_t> bytes(1 << 20);
  const ssize_t size = ::pread(file->get(), bytes.data(), bytes.size(), 0);
  bool whole = size == 24 + 50 * kRecord;
  for (ssize_t at = 24; whole && at < size; at += kRecord)
    whole = bytes[static_cast<size_t>(at) + 16] == 0x45 && read_u16(bytes.data() + at + 18) == 200;
  check(whole, "capture: as many whole records as there was room for");
  // Nobody reads: lanes don't wait for it.
  int ends[2];
  if (::pipe2(ends, O_CLOEXEC) != 0) std::abort();
  const SharedFd unread = shared(ends[0]);
  (void)bench.did(Capture{1, 2, shared(ends[1]), 1 << 30});
  (void)bench.did(StartFlow{1, flow(7, 2, 1000 * 1400, 1400)});
  check(bench.await_finished(7, false), "capture: a pipe that nobody reads holds nothing up");
  check(bench.end(), "capture: blocks are back");
}

}  // namespace
