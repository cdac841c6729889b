// The packet engine without JavaScript: nodes of one engine, joined by socket pairs, and links of
// the link engine. In a network namespace of its own. One line of TAP a check.
// Usage: lanes_test SEED (test/native/lanes.test.ts)

#include <array>
#include <atomic>
#include <chrono>
#include <filesystem>
#include <fstream>
#include <memory>
#include <mutex>
#include <random>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "test/lanes_ends_test.h"
#include "test/lanes_links_test.h"
#include "test/lanes_parts.h"
#include "test/lanes_turns_test.h"

namespace {

std::mt19937 chance;

/** 1 - 2 - 3, packets of several sizes from 1 to 3 and back. */
void test_chain(const Options& made, uint32_t processors) {
  const std::string name = "chain (" + shape_of(made) + ", " + std::to_string(processors) + " of a node): ";
  constexpr uint32_t kPackets = 1000;
  Bench bench(made);
  for (uint32_t node = 1; node <= 3; node++) (void)bench.did(AddNode{node, processors});
  join(bench, 1, 2);
  join(bench, 2, 3);
  (void)bench.did(ChangeRoutes{1, {Derive{derived({1, 1, 2, 2})}}});
  (void)bench.did(ChangeRoutes{2, {Derive{derived({1, 1, 1, 2, 1, 3})}}});
  (void)bench.did(ChangeRoutes{3, {Derive{derived({2, 2, 1, 3})}}});
  uint32_t number = 0;
  for (const uint32_t size : {52u, 100u, 1400u, 9000u, 65'535u})
    for (const auto& [from, to] : {std::pair{1u, 3u}, std::pair{3u, 1u}}) {
      number++;
      (void)bench.did(OpenSink{to, number});
      (void)bench.did(StartFlow{from, flow(number, to, uint64_t{kPackets} * size, size)});
    }
  check(bench.await_finished(number) && bench.await_quiet(), name + "flows end");
  const Counts counts = bench.counts();
  uint64_t received = 0, sent = 0, bad = 0;
  for (const SinkStats& sink : counts.sinks) {
    received += sink.received_packets;
    bad += sink.reordered_packets + sink.duplicate_packets + sink.too_late_packets;
    bad += sink.finished && sink.sent_packets != kPackets;
  }
  for (const SourceStats& source : counts.sources) sent += source.sent_packets;
  const uint64_t lost =
      dropped(counts, Drop::queue_full) + dropped(counts, Drop::lane_full) + dropped(counts, Drop::no_spare);
  check(sent == uint64_t{kPackets} * number && bad == 0, name + "each packet once, in order");
  // Closing packets may be lost, too.
  check(received <= sent && sent - received <= lost && (!made.backpressure || received == sent),
        name + "lost " + std::to_string(sent - received) + ", dropped " + std::to_string(lost));
  check(balanced(counts), name + "accounts balance");
  check(bench.end(), name + "blocks are back");
}

/** Eight nodes, each sends to all others: over the shorter way, up to four hops. */
void test_ring(const Options& made) {
  const std::string name = "ring (" + shape_of(made) + "): ";
  constexpr uint32_t kNodes = 8;
  Bench bench(made);
  for (uint32_t node = 1; node <= kNodes; node++) (void)bench.did(AddNode{node, 1});
  for (uint32_t node = 1; node <= kNodes; node++) join(bench, node, node % kNodes + 1);
  for (uint32_t node = 1; node <= kNodes; node++)
    (void)bench.did(ChangeRoutes{node, {Derive{derived(ring_runs(node, kNodes))}}});
  uint32_t number = 0;
  for (uint32_t from = 1; from <= kNodes; from++)
    for (uint32_t to = 1; to <= kNodes; to++) {
      if (from == to) continue;
      number++;
      (void)bench.did(OpenSink{to, number});
      (void)bench.did(StartFlow{from, flow(number, to, 200 * 500, 500, 1'000'000)});
    }
  check(bench.await_finished(number, false) && bench.await_quiet(), name + "flows end");
  const Counts counts = bench.counts();
  uint64_t received = 0;
  for (const SinkStats& sink : counts.sinks) received += sink.received_packets;
  const uint64_t lost = dropped(counts, Drop::queue_full) + dropped(counts, Drop::no_spare);
  check(received <= 200u * number && 200u * number - received <= lost,
        name + "received " + std::to_string(received) + ", dropped " + std::to_string(lost));
  check(balanced(counts), name + "accounts balance");
  check(bench.end(), name + "blocks are back");
}

/** 1 to 2 and 3 and itself, 2 to 4 and 5: every member has each packet once, and a node that is none has none. */
void test_tree() {
  Bench bench(options(2, true));
  constexpr uint32_t kGroup = 70;
  for (uint32_t node = 1; node <= 5; node++) (void)bench.did(AddNode{node, 1});
  for (const auto& [one, other] : {std::pair{1u, 2u}, std::pair{1u, 3u}, std::pair{2u, 4u}, std::pair{2u, 5u}})
    join(bench, one, other);
  // Unicast routes with several next hops fan out the same way, and built-in flows take them.
  (void)bench.did(ChangeRoutes{1, {Install{1, kGroup, {{1, 1, kGroup, {1, 2, 3}}}}}});
  (void)bench.did(ChangeRoutes{2, {Install{1, kGroup, {{1, 1, kGroup, {4, 5}}}}}});
  for (const uint32_t leaf : {3u, 4u, 5u})
    (void)bench.did(ChangeRoutes{leaf, {Install{1, kGroup, {{1, 1, kGroup, {leaf}}}}}});
  for (const uint32_t node : {1u, 3u, 4u, 5u}) (void)bench.did(OpenSink{node, 1});
  (void)bench.did(StartFlow{1, flow(1, kGroup, 3000 * 700, 700)});
  check(bench.await_finished(4, false) && bench.await_quiet(), "tree: flows end");
  const Counts counts = bench.counts();
  bool each = counts.sinks.size() == 4;
  for (const SinkStats& sink : counts.sinks)
    each = each && sink.received_packets == 3000 && sink.duplicate_packets == 0;
  check(each, "tree: each member has each packet once");
  const Account& first = counts.nodes.at(1);
  check(first.in_packets >= 3000 && first.made_packets == 2 * first.in_packets,
        "tree: copies are made where it branches");
  check(balanced(counts), "tree: accounts balance");
  check(bench.end(), "tree: blocks are back");
}

/** Two ways from 1 to 4; while it sends, the route goes from one to the other and back. */
void test_withdrawal(bool shaped) {
  const std::string name = shaped ? "withdrawal, shaped: " : "withdrawal: ";
  Bench bench(options(2, false));
  for (uint32_t node = 1; node <= 4; node++) (void)bench.did(AddNode{node, 1});
  LinkSetting setting;
  // A queue stands in front of both links.
  if (shaped) setting.rate_bytes_per_s = 2'000'000, setting.bucket_bytes = 1000;
  for (const uint32_t middle : {2u, 3u}) {
    join(bench, 1, middle, setting, 8192);
    join(bench, middle, 4);
    (void)bench.did(ChangeRoutes{middle, {Install{1, 4, {{1, 1, 4, {4}}}}}});
  }
  (void)bench.did(ChangeRoutes{4, {Install{1, 4, {{1, 1, 4, {4}}}}}});
  (void)bench.did(OpenSink{4, 1});
  FlowSetting load = flow(1, 4, 0, 300, 8'000'000);
  load.duration_ns = 60 * kSecondNs;
  bool none_stale = true;
  uint64_t went = 0, withdrawn = 0;
  for (uint32_t turn = 0; turn < 10; turn++) {
    const uint32_t now = 2 + turn % 2, before = 5 - now;
    (void)bench.did(ChangeRoutes{1, {Install{1, 4, {{turn, 1, 4, {now}}}}}});
    // Once this is answered, nothing more leaves for the other.
    const Counts at = bench.counts();
    if (turn == 0) (void)bench.did(StartFlow{1, load});
    ::usleep(20'000);
    const Counts after = bench.counts();
    const Account& old = at.links.at({1, before}).sent;
    const Account& later = after.links.at({1, before}).sent;
    // One whose beginning has left goes on, and so do those that have had their tokens: they are on their way.
    const uint64_t under_way = 1 + setting.bucket_bytes / 300 + 1;
    none_stale = none_stale && later.in_packets == old.in_packets && later.out_packets <= old.out_packets + under_way;
    went += after.links.at({1, now}).sent.out_packets - at.links.at({1, now}).sent.out_packets;
    withdrawn = dropped(after, Drop::withdrawn);
  }
  check(none_stale, name + "no packet to the stale hop after the answer");
  check(went > 0 && (!shaped || withdrawn > 0), name + "what waited was withdrawn: " + std::to_string(withdrawn));
  (void)bench.did(StopFlow{1, 1});
  check(bench.await_quiet() && balanced(bench.counts()), name + "accounts balance");
  check(bench.end(), name + "blocks are back");
}

/** 1 sends to 2, whose end nobody reads, and to 3. */
void test_silent_peer(bool backpressure) {
  const std::string name = backpressure ? "silent peer, backpressure: " : "silent peer: ";
  Bench bench(options(1, backpressure));
  bench.whole = false;
  (void)bench.did(AddNode{1, 1});
  (void)bench.did(AddNode{3, 1});
  auto [here, there] = pair_of_sockets();
  (void)bench.did(AddLink{1, 2, here, {}, 1, 0});
  join(bench, 1, 3);
  (void)bench.did(ChangeRoutes{1, {Derive{derived({1, 1, 1, 2, 1, 3})}}});
  (void)bench.did(ChangeRoutes{3, {Derive{derived({2, 1, 1, 3})}}});
  FlowSetting stuck = flow(1, 2, 0, 1400, 50'000'000);
  stuck.duration_ns = 600 * kSecondNs;
  (void)bench.did(StartFlow{1, stuck});
  check(bench.await([&] {
    return bench.counts().links.at({1, 2}).sent.held_packets >= 1000;
  }),
        name + "its queue fills");
  (void)bench.did(OpenSink{3, 2});
  (void)bench.did(StartFlow{1, flow(2, 3, 5000 * 1400, 1400)});
  check(bench.await_finished(1, false), name + "the other link is not touched");
  const Counts counts = bench.counts();
  const Account& silent = counts.links.at({1, 2}).sent;
  check(sink_of(counts, 3, 2)->received_packets == 5000, name + "and loses nothing");
  check((silent.dropped[static_cast<size_t>(Drop::queue_full)] > 0) != backpressure,
        name + "more is dropped, or waits");
  check(balanced(counts), name + "accounts balance");
  check(bench.end(), name + "blocks are back");
}

/** The link between 1 and 2 dies under load, with packets in its queue, and comes back. */
void test_dead_link() {
  Bench bench(options(2, false));
  bench.whole = false;
  for (uint32_t node = 1; node <= 2; node++) (void)bench.did(AddNode{node, 1});
  (void)bench.did(ChangeRoutes{1, {Derive{derived({1, 1, 1, 2})}}});
  (void)bench.did(ChangeRoutes{2, {Derive{derived({1, 1, 1, 2})}}});
  (void)bench.did(OpenSink{2, 1});
  FlowSetting load = flow(1, 2, 0, 1000, 100'000'000);
  load.duration_ns = 600 * kSecondNs;
  (void)bench.did(StartFlow{1, load});
  bool told = true, went = true;
  for (int turn = 0; turn < 5; turn++) {
    const uint64_t before = bench.counts().links[{2, 1}].received_packets;
    {
      auto [here, there] = pair_of_sockets();
      (void)bench.did(AddLink{1, 2, here, {}, 1, 10u + turn});
      (void)bench.did(AddLink{2, 1, there, {}, 1, 20u + turn});
      went = went && bench.await([&] { return bench.counts().links[{2, 1}].received_packets > before + 1000; });
      (void)::shutdown(there->get(), SHUT_RDWR);
    }
    told = told && bench.await([&] {
      size_t lost = 0;
      for (const LinkLost& link : bench.seen.links.lost)
        lost += link.tag == 10u + turn || link.tag == 20u + turn ? 1 : 0;
      return lost == 2;
    });
  }
  check(told, "dead link: both ends tell, each once, by its tag");
  check(went, "dead link: packets go on when it is back");
  (void)bench.did(StopFlow{1, 1});
  const Counts counts = bench.counts();
  check(dropped(counts, Drop::no_link) > 0, "dead link: without it packets are dropped, no_link");
  check(bench.await_quiet() && balanced(bench.counts()), "dead link: accounts balance");
  check(bench.end(), "dead link: blocks are back");
}

/** 1 and 2 send each other what is for 3. */
void test_loop() {
  Bench bench(options(2, false));
  for (uint32_t node = 1; node <= 2; node++) (void)bench.did(AddNode{node, 1});
  join(bench, 1, 2);
  (void)bench.did(ChangeRoutes{1, {Derive{derived({1, 1, 2, 2})}}});
  (void)bench.did(ChangeRoutes{2, {Derive{derived({1, 1, 1, 2, 1, 1})}}});
  (void)bench.did(StartFlow{1, flow(1, 3, 100 * 100, 100, 100'000)});
  check(bench.await_finished(1), "loop: the flow ends");
  constexpr uint64_t kAll = 100 + kClosingPackets;
  check(bench.await([&] { return dropped(bench.counts(), Drop::hops_exceeded) == kAll; }),
        "loop: each packet ends at its last hop");
  check(bench.await_quiet(), "loop: nothing goes round");
  const Counts counts = bench.counts();
  const uint64_t hops = counts.links.at({1, 2}).sent.out_packets + counts.links.at({2, 1}).sent.out_packets;
  check(hops == kAll * (kHopsMax + 1), "loop: it had its hops: " + std::to_string(hops));
  check(balanced(counts), "loop: accounts balance");
  check(bench.end(), "loop: blocks are back");
}

/** Bytes that are no frame end a link, and it alone; tokens pass between packets, whole. */
void test_frames() {
  Bench bench(options(1, false));
  (void)bench.did(AddNode{1, 1});
  auto [here, there] = pair_of_sockets();
  (void)bench.did(AddLink{1, 2, here, {}, 1, 5});
  Frame token{FrameKind::token, Reason::none, {}, 2, 1, token_payload(7, 9)};
  const FrameBytes bytes = encode(token);
  // In two pieces.
  (void)!::send(there->get(), bytes.data(), 3, 0);
  ::usleep(5000);
  (void)!::send(there->get(), bytes.data() + 3, bytes.size() - 3, 0);
  check(bench.await([&] { return bench.seen.links.frames.size() == 1; }) && bench.seen.links.frames[0].frame == bytes &&
            bench.seen.links.frames[0].tag == 5 && bench.seen.links.frames[0].peer == 2,
        "frames: a token that came in pieces is told");
  (void)bench.did(SendFrame{1, 2, bytes});
  FrameBytes read{};
  check(bench.await([&] { return ::recv(there->get(), read.data(), read.size(), 0) > 0; }) && read == bytes,
        "frames: a token is sent");
  check(!bench.did(SendFrame{1, 3, bytes}) && bench.await([&] { return bench.seen.links.unsent.size() == 1; }),
        "frames: one for nobody is told as unsent");
  (void)!::send(there->get(), "GET / HTTP/1.1\r\n\r\n.........", 28, 0);
  check(bench.await([&] { return bench.seen.links.lost.size() == 1; }) &&
            std::string(bench.seen.links.lost[0].reason) == "protocol_error",
        "frames: other bytes end the link");
  check(bench.end(), "frames: blocks are back");
}

/** Ends in the midst of everything. */
void test_stop(const Options& made, uint32_t processors) {
  bool well = true;
  for (int turn = 0; turn < 5; turn++) {
    Bench bench(made);
    for (uint32_t node = 1; node <= 3; node++) (void)bench.did(AddNode{node, processors});
    LinkSetting slow;
    slow.delay_ns = 10'000'000;
    join(bench, 1, 2);
    join(bench, 2, 3, slow);
    (void)bench.did(ChangeRoutes{1, {Derive{derived({1, 1, 2, 2})}}});
    (void)bench.did(ChangeRoutes{2, {Derive{derived({1, 1, 1, 2, 1, 3})}}});
    (void)bench.did(ChangeRoutes{3, {Derive{derived({2, 2, 1, 3})}}});
    for (uint32_t number = 1; number <= 6; number++)
      (void)bench.did(StartFlow{number % 2 ? 1u : 3u, flow(number, number % 2 ? 3 : 1, 1 << 30, 1400)});
    ::usleep(chance() % 30'000);
    well = well && bench.end();
    // After its end everything is answered, and nothing done.
    well = well && !bench.did(AddNode{9, 1});
  }
  check(well, "stopped under load (" + shape_of(made) + "): blocks are back");
}

/** Whoever looks at the machine can tell its threads apart. */
void test_names() {
  Bench bench(options(3, false));
  // Answered by all of them.
  (void)bench.counts();
  std::set<std::string> names;
  for (const auto& task : std::filesystem::directory_iterator("/proc/self/task")) {
    std::string name;
    std::getline(std::ifstream(task.path() / "comm"), name);
    names.insert(name);
  }
  check(names.contains("nslab-lane-0") && names.contains("nslab-lane-1") && names.contains("nslab-lane-2"),
        "lanes are named");
  check(bench.end(), "lanes are named: blocks are back");
}

/** Whoever asks is answered, however many ask at once: a lane that falls asleep just then is woken. */
void test_wakes() {
  constexpr uint32_t kThreads = 4, kAsks = 20'000;
  std::array<std::atomic<uint32_t>, kThreads> answered{};
  std::unique_ptr<PacketEngine> engine;
  std::mutex collecting;
  engine = std::make_unique<PacketEngine>(options(1, false), [&] {
    const std::lock_guard lock(collecting);
    for (const Reply& reply : engine->collect().replies) answered[reply.id - 1]++;
  });
  if (!engine->start().ok()) std::abort();
  std::atomic<bool> late{false};
  std::vector<std::thread> threads;
  for (uint32_t thread = 0; thread < kThreads; thread++)
    threads.emplace_back([&, thread] {
      for (uint32_t ask = 1; ask <= kAsks && !late; ask++) {
        engine->post(Count{}, thread + 1);
        const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(20);
        while (answered[thread] < ask && !late) {
          std::this_thread::yield();
          if (std::chrono::steady_clock::now() > deadline) late = true;
        }
      }
    });
  for (std::thread& thread : threads) thread.join();
  engine->stop();
  check(!late, "a lane is woken whenever it is asked");
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 2) return 2;
  chance.seed(static_cast<uint32_t>(std::atol(argv[1])));
  // Sanitizers start what they need with the first thread.
  std::thread([] {}).join();
  (void)own_netns();
  const size_t descriptors = entries("/proc/self/fd"), threads = entries("/proc/self/task");
  for (const bool backpressure : {false, true}) {
    test_chain(options(1, backpressure), 1);
    test_chain(options(3, backpressure), 1);
    test_chain(options(3, backpressure), 3);
    test_chain(options(3, backpressure, true), 3);
    test_silent_peer(backpressure);
  }
  test_ring(options(1, false));
  test_ring(options(4, false));
  test_tree();
  test_withdrawal(false);
  test_withdrawal(true);
  test_dead_link();
  test_loop();
  test_frames();
  test_names();
  test_hand_over();
  test_sink_starts();
  test_settings();
  test_misses();
  test_capture();
  test_closer();
  for (const uint32_t processors : {1u, 3u}) {
    test_ends(processors);
    test_weights(processors);
    test_tun(processors);
  }
  test_tun_offloads();
  test_turns();
  test_wakes();
  test_stop(options(2, true), 1);
  test_stop(options(3, false), 3);
  check(entries("/proc/self/fd") == descriptors, "no descriptor is left");
  size_t left = 0;
  for (int tries = 0; tries < 1000 && (left = entries("/proc/self/task")) > threads; ++tries) ::usleep(1000);
  check(left <= threads, "no thread is left");
  return end_checks();
}
