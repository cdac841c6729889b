// Max mode without JavaScript: nodes of one engine in one network namespace, whose flows go in streams of their own
// over the loopback. One line of TAP a check.
// Usage: max_test (test/native/max.test.ts)

#include <arpa/inet.h>
#include <poll.h>

#include <atomic>
#include <chrono>

#include "engine/max/stream_header.h"
#include "test/lanes_links_test.h"
#include "test/max_ends_test.h"

namespace {

/** From one end of a line to the other and back, in sizes of all kinds. */
void test_line(uint32_t nodes, bool backpressure) {
  const std::string name = "line of " + std::to_string(nodes) + (backpressure ? ", backpressure: " : ": ");
  constexpr uint32_t kPackets = 1000;
  MaxBench max(options(2, backpressure), nodes);
  max.serve_all(nodes);
  uint32_t number = 0;
  for (const uint32_t size : {52u, 1400u, 65'535u})
    for (const auto& [from, to] : {std::pair{1u, nodes}, std::pair{nodes, 1u}}) {
      number++;
      (void)max.bench.did(OpenSink{to, number});
      (void)max.bench.did(StartFlow{from, flow(number, to, uint64_t{kPackets} * size, size)});
    }
  check(max.bench.await_finished(number, false), name + "flows end");
  const Counts counts = max.bench.counts();
  bool each = counts.sinks.size() == number;
  for (const SinkStats& sink : counts.sinks)
    each = each && sink.received_packets == kPackets && sink.reordered_packets + sink.duplicate_packets == 0;
  check(each, name + "each packet once, in order");
  check(max.streams.counters().relayed == uint64_t{number} * (nodes - 2) && max.streams.counters().refused == 0,
        name + "a relay has one stream for each flow");
  check(counts.links.empty() && counts.nodes.at(2).in_packets == 0, name + "relays look at no packet");
  check(max.in_balance(), name + "accounts balance");
  check(max.bench.await([&] {
    const MaxBench::Sums sums = max.sums();
    return sums.out == sums.received && sums.breaks == 0;
  }),
        name + "what streams took they have brought");
  check(max.end(), name + "blocks are back");
}

void test_reply_of_peers() {
  MaxBench max(options(1, false), 2);
  const uint64_t reply = uint64_t{1} << 40;
  const auto answered = [&](uint64_t id, int number) {
    return max.bench.await([&] {
      for (const Reply& reply : max.bench.seen.replies)
        if (reply.id == id) return number == 0 ? reply.status.ok() : reply.status.error().number == number;
      return false;
    });
  };
  max.streams.set_peer(1, 2, server_at(2), reply);
  check(answered(reply, ENOENT), "peers: of a node without a server: ENOENT");
  if (!max.serve(1)) std::abort();
  max.streams.set_peer(1, 2, server_at(2), reply + 1);
  check(answered(reply + 1, 0), "peers: else it is answered when it holds");
  check(max.end(), "peers: blocks are back");
}

/** 1 and 2 in max mode, 3 not: 2 reads the stream and has a link to 3. */
void test_mixed() {
  MaxBench max(options(2, true), 3);
  join(max.bench, 2, 3);
  for (const uint32_t node : {1u, 2u})
    if (!max.serve(node)) std::abort();
  max.streams.set_peer(1, 2, server_at(2));
  (void)max.bench.await([&] { return max.bench.counts().streams.size() == 1; });
  (void)max.bench.did(OpenSink{3, 1});
  (void)max.bench.did(StartFlow{1, flow(1, 3, 1000 * 1000, 1000)});
  check(max.bench.await_finished(1, false) && max.received(3, 1) == 1000, "mixed: a stream ends where max mode does");
  const Counts counts = max.bench.counts();
  check(counts.streams.at(2).received_packets >= 1000 && counts.links.at({2, 3}).sent.out_packets >= 1000,
        "mixed: and goes on in a link");
  check(max.in_balance(), "mixed: accounts balance");
  check(max.end(), "mixed: blocks are back");
}

/** The relay goes and comes back while packets pass. */
void test_dead_relay() {
  MaxBench max(options(2, false), 3);
  max.serve_all(3);
  (void)max.bench.did(OpenSink{3, 1});
  (void)max.bench.did(StartFlow{1, endless(1, 3, 20'000'000)});
  bool went = true, lost = true;
  for (int turn = 0; turn < 3; turn++) {
    const uint64_t before = max.received(3, 1);
    went = went && max.bench.await([&] { return max.received(3, 1) > before + 1000; });
    max.streams.remove_node(2);
    went = went && max.await_relays(0);
    // Nobody is there: what waits for another stream has ended with it.
    const auto ended = [&] { return max.bench.counts().streams.at(1).sent.dropped[static_cast<size_t>(Drop::ended)]; };
    const uint64_t ended_before = ended();
    lost = max.bench.await([&] { return ended() > ended_before; }) && lost;
    if (!max.serve(2)) std::abort();
    max.streams.set_peer(2, 3, server_at(3));
  }
  const uint64_t before = max.received(3, 1);
  check(went && max.bench.await([&] { return max.received(3, 1) > before + 1000; }),
        "dead relay: the flow's next packet opens another");
  (void)max.bench.did(StopFlow{1, 1});
  const Counts counts = max.bench.counts();
  check(lost, "dead relay: what waited has ended");
  check(counts.streams.at(3).received_packets <= counts.streams.at(1).sent.out_packets,
        "dead relay: no more came than was sent");
  check(max.sums().breaks > 0 && max.streams.counters().broken >= 3, "dead relay: streams that broke are counted");
  check(max.in_balance(), "dead relay: accounts balance");
  check(max.end(), "dead relay: blocks are back");
}

/** 1 - 2 - 3, and 4 beside 2: the relay's route goes, comes back by 4, and the source's goes. */
void test_withdrawal() {
  MaxBench max(options(2, false), 4);
  max.serve_all(4);
  max.streams.set_peer(2, 4, server_at(4));
  (void)max.bench.did(OpenSink{3, 1});
  (void)max.bench.did(StartFlow{1, endless(1, 3, 20'000'000)});
  check(max.bench.await([&] { return max.received(3, 1) > 1000; }), "withdrawal: packets pass");
  // 2 knows of 1 and itself alone.
  (void)max.bench.did(ChangeRoutes{2, {Derive{derived({1, 1, 1, 2})}}});
  check(max.await_relays(0), "withdrawal: the stream ends with its route");
  // What had left before the answer is on its way, and may take a while where threads wait; nothing follows it.
  uint64_t after = max.received(3, 1);
  const bool rests = max.bench.await([&] {
    ::usleep(100'000);
    const uint64_t now = max.received(3, 1);
    return std::exchange(after, now) == now;
  });
  check(rests, "withdrawal: nothing more comes");
  (void)max.bench.did(ChangeRoutes{4, {Install{1, 3, {{1, 1, 3, {3}}}}}});
  (void)max.bench.did(ChangeRoutes{2, {Install{1, 3, {{2, 1, 3, {4}}}}}});
  check(max.bench.await([&] { return max.received(3, 1) > after + 1000; }), "withdrawal: the new way is taken");
  (void)max.bench.did(ChangeRoutes{1, {Install{1, 3, {{1, 1, 3, {1}}}}}});
  const uint64_t out = max.bench.counts().streams.at(1).sent.in_packets;
  check(max.await_relays(0), "withdrawal: at its source it ends everywhere");
  check(max.bench.counts().streams.at(1).sent.in_packets == out, "withdrawal: and no packet leaves after the answer");
  (void)max.bench.did(StopFlow{1, 1});
  check(max.in_balance(), "withdrawal: accounts balance");
  check(max.end(), "withdrawal: blocks are back");
}

/** 1 and 2 send each other what is for 3. */
void test_loop() {
  MaxBench max(options(2, false), 3);
  max.serve_all(2);
  (void)max.bench.did(ChangeRoutes{2, {Install{1, 3, {{1, 1, 3, {1}}}}}});
  // A few packets a second, for each of which a hundred sockets and more are woken.
  (void)max.bench.did(StartFlow{1, endless(1, 3, 20'000)});
  check(max.bench.await([&] { return max.streams.counters().refused > 0; }), "loop: the last hop is refused");
  const uint64_t relayed = max.streams.counters().relayed;
  check(relayed >= kStreamHopsMax - 1u, "loop: it had its hops: " + std::to_string(relayed));
  (void)max.bench.did(StopFlow{1, 1});
  check(max.await_relays(0), "loop: nothing is left of it");
  check(max.in_balance(), "loop: accounts balance");
  check(max.end(), "loop: blocks are back");
}

UniqueFd connected(uint32_t node) {
  UniqueFd fd(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_in to{};
  to.sin_family = AF_INET;
  to.sin_port = htons(server_at(node).port);
  to.sin_addr = server_at(node).address;
  if (::connect(fd.get(), reinterpret_cast<const sockaddr*>(&to), sizeof to) != 0) std::abort();
  return fd;
}

/** Says these bytes to node 2's server; true where it ends the connection. */
bool is_refused(const std::vector<uint8_t>& bytes) {
  const UniqueFd fd = connected(2);
  (void)!::send(fd.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL);
  pollfd ended{fd.get(), POLLIN, 0};
  uint8_t byte;
  return ::poll(&ended, 1, 60'000) == 1 && ::recv(fd.get(), &byte, 1, 0) <= 0;
}

void test_headers() {
  MaxBench max(options(1, false), 2);
  max.serve_all(2);
  const auto with = [](const std::function<void(StreamHeaderBytes&)>& change) {
    StreamHeaderBytes bytes = encode(StreamHeader{9, kRun, 2, 1, 2, 5, 1});
    change(bytes);
    return std::vector<uint8_t>(bytes.begin(), bytes.end());
  };
  StreamHeader read;
  const StreamHeaderBytes good = encode(StreamHeader{9, kRun, 2, 1, 2, 5, 1});
  check(decode(good, read) && read.hops_left == 9 && read.run_id == kRun && read.intended == 2 && read.source == 1 &&
            read.destination == 2 && read.flow == 5 && read.sender == 1,
        "headers: what was written is read");
  uint64_t refused = 0;
  const auto refuses = [&](const std::vector<uint8_t>& bytes, const char* what) {
    const bool ended = is_refused(bytes);
    refused++;
    check(ended && max.bench.await([&] { return max.streams.counters().refused == refused; }),
          std::string("headers: refused: ") + what);
  };
  refuses(with([](auto& bytes) { bytes[0] = 'X'; }), "magic");
  refuses(with([](auto& bytes) { bytes[4]++; }), "version");
  refuses(with([](auto& bytes) { bytes[6] = 1; }), "zeros");
  refuses(with([](auto& bytes) { bytes[8]++; }), "run id");
  refuses(with([](auto& bytes) { bytes[27] = 3; }), "another node's");
  refuses(with([](auto& bytes) { std::fill_n(bytes.begin() + 28, 4, uint8_t{0}); }), "no source");
  refuses(with([](auto& bytes) { bytes[35] = 77; }), "no route");
  refuses(std::vector<uint8_t>(kStreamHeaderBytes, 'G'), "other bytes");
  refuses({good.begin(), good.begin() + 20}, "none in time");
  // A good one, in two pieces, whose frames are none.
  const UniqueFd fd = connected(2);
  (void)!::send(fd.get(), good.data(), 10, MSG_NOSIGNAL);
  ::usleep(5000);
  (void)!::send(fd.get(), good.data() + 10, good.size() - 10, MSG_NOSIGNAL);
  check(max.bench.await([&] { return max.bench.counts().streams.at(2).up; }), "headers: one in pieces is taken");
  (void)!::send(fd.get(), "GET / HTTP/1.1\r\n\r\n.........", 28, MSG_NOSIGNAL);
  check(max.bench.await([&] { return !max.bench.counts().streams.at(2).up; }), "headers: other bytes end the stream");
  check(max.end(), "headers: blocks are back");
}

/** 3 is none of ours: it accepts, and reads nothing. */
void test_silent_end(bool backpressure) {
  const std::string name = backpressure ? "silent end, backpressure: " : "silent end: ";
  MaxBench max(options(2, backpressure), 3);
  auto listener = netns::open_tcp_listener(*own_netns(), server_at(3), 8);
  for (const uint32_t node : {1u, 2u})
    if (!max.serve(node)) std::abort();
  max.streams.set_peer(1, 2, server_at(2));
  max.streams.set_peer(2, 3, server_at(3));
  (void)max.bench.await([&] { return max.bench.counts().streams.size() == 2; });
  (void)max.bench.did(StartFlow{1, endless(1, 3, 0)});
  const uint32_t queue = LinkSetting{}.queue_packets;
  check(max.bench.await([&] { return max.bench.counts().streams.at(1).sent.held_packets >= queue; }),
        name + "what it doesn't read waits at the source");
  // What lies in sockets and the relay's pipe comes to an end.
  const auto out = [&] { return max.bench.counts().streams.at(1).sent.out_bytes; };
  check(max.bench.await([&] {
    const uint64_t before = out();
    ::usleep(300'000);
    return out() == before;
  }),
        name + "and goes nowhere else");
  const Account sent = max.bench.counts().streams.at(1).sent;
  check(sent.held_packets <= queue && sent.out_bytes < 64u << 20, name + "no more than a queue, and what sockets hold");
  // Other flows of the same nodes have streams of their own.
  (void)max.bench.did(OpenSink{2, 2});
  (void)max.bench.did(StartFlow{1, flow(2, 2, 1000 * 1000, 1000)});
  check(max.bench.await_finished(1, false) && max.received(2, 2) == 1000, name + "other flows are not touched");
  check(max.in_balance(), name + "accounts balance");
  check(max.end(), name + "blocks are back");
}

/** A next hop whose server is away is asked again, ever more seldom. */
void test_nobody() {
  MaxBench max(options(1, false), 2);
  if (!max.serve(1)) std::abort();
  max.streams.set_peer(1, 2, server_at(2));
  (void)max.bench.await([&] { return max.bench.counts().streams.size() == 1; });
  (void)max.bench.did(OpenSink{2, 1});
  (void)max.bench.did(StartFlow{1, endless(1, 2, 1'000'000)});
  const auto began = std::chrono::steady_clock::now();
  check(max.bench.await([&] { return max.streams.counters().failed >= 3; }), "nobody: tried again");
  check(std::chrono::steady_clock::now() - began >= std::chrono::milliseconds(100), "nobody: not at once");
  check(max.serve(2) && max.bench.await([&] { return max.received(2, 1) > 0; }), "nobody: and found once it is there");
  check(!max.serve(2), "nobody: a second server of a node is refused");
  (void)max.bench.did(StopFlow{1, 1});
  check(max.in_balance(), "nobody: accounts balance");
  check(max.end(), "nobody: blocks are back");
  // A node that spreads has no streams.
  Bench wide(options(2, false));
  (void)wide.did(AddNode{1, 2});
  check(wide.ask(SetMaxPeer{1, 2, true}).status.error().number == EOPNOTSUPP, "nobody: not where a node spreads");
}

}  // namespace

int main() {
  // Sanitizers start what they need with the first thread.
  std::thread([] {}).join();
  (void)own_netns();
  check(raise_loopback(), "a namespace of its own");
  // Where a thread belongs is opened with its first listener, and stays open.
  (void)netns::open_tcp_listener(*own_netns(), server_at(0), 1);
  const size_t descriptors = entries("/proc/self/fd"), threads = entries("/proc/self/task");
  for (const bool backpressure : {false, true}) test_silent_end(backpressure);
  test_line(3, true);
  test_line(5, true);
  test_mixed();
  test_link_end();
  test_ordered_end();
  test_withdrawn_within();
  test_reply_of_peers();
  test_dead_relay();
  test_withdrawal();
  test_loop();
  test_headers();
  test_nobody();
  check(entries("/proc/self/fd") == descriptors, "no descriptor is left");
  size_t left = 0;
  for (int tries = 0; tries < 1000 && (left = entries("/proc/self/task")) > threads; ++tries) ::usleep(1000);
  check(left <= threads, "no thread is left");
  return end_checks();
}
