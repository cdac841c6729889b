// Streams of max mode that end while packets are on their way: with their link, and withdrawn at their source.
#pragma once

#include <poll.h>
#include <sys/socket.h>

#include <optional>

#include "engine/max/stream_header.h"
#include "test/lanes_links_test.h"
#include "test/max_parts.h"

namespace {

/** The link between 1 and 2 ends, and with it what goes that way in streams, though the server is still there. */
void test_link_end() {
  MaxBench max(options(2, false), 3);
  max.serve_all(3);
  join(max.bench, 1, 2);
  (void)max.bench.did(SetDefault{[] {
    LinkSetting lossy;
    lossy.loss_ratio = 1;
    return lossy;
  }()});
  (void)max.bench.did(OpenSink{3, 1});
  (void)max.bench.did(StartFlow{1, endless(1, 3, 20'000'000)});
  check(max.bench.await([&] { return max.received(3, 1) > 1000; }), "link end: no link's setting is a stream's");
  (void)max.bench.did(RemoveLink{1, 2});
  check(max.sums().breaks >= 1, "link end: the stream ends at once");
  const uint64_t opened = max.streams.counters().opened, before = max.received(3, 1);
  check(max.bench.await([&] { return max.received(3, 1) > before + 1000; }) && max.streams.counters().opened > opened,
        "link end: and another is opened");
  (void)max.bench.did(StopFlow{1, 1});
  // 2 has a link to 3, in whose stream the flow passes.
  (void)max.bench.did(StartFlow{1, endless(2, 3, 20'000'000)});
  check(max.bench.await([&] { return max.received(3, 2) > 1000; }), "link end: another flow");
  join(max.bench, 2, 3);
  const uint64_t breaks = max.bench.counts().streams.at(2).breaks;
  (void)max.bench.did(RemoveLink{2, 3});
  check(max.bench.counts().streams.at(2).breaks > breaks, "link end: what passes ends, too");
  (void)max.bench.did(StopFlow{1, 2});
  check(max.in_balance(), "link end: accounts balance");
  check(max.end(), "link end: blocks are back");
}

/** A flow's stream is withdrawn at its source while packets are on their way: all of them arrive. */
void test_ordered_end() {
  MaxBench max(options(2, true), 3);
  max.serve_all(3);
  (void)max.bench.did(OpenSink{3, 1});
  (void)max.bench.did(StartFlow{1, endless(1, 3, 0)});
  for (int turn = 1; turn <= 5; turn++) {
    const uint64_t before = max.received(3, 1);
    (void)max.bench.await([&] { return max.received(3, 1) > before + 1000; });
    max.streams.set_peer(1, 2, {});
    const uint64_t turns = turn;
    (void)max.bench.await([&] { return max.streams.counters().relayed == turns && max.await_relays(0); });
    max.streams.set_peer(1, 2, server_at(2));
  }
  (void)max.bench.did(StopFlow{1, 1});
  check(max.bench.await([&] {
    const MaxBench::Sums sums = max.sums();
    return sums.out == sums.received && sums.out > 5000;
  }),
        "ordered end: nothing is lost on the way");
  check(max.sums().breaks == 0 && max.streams.counters().broken == 0, "ordered end: and none has broken");
  check(max.in_balance(), "ordered end: accounts balance");
  check(max.end(), "ordered end: blocks are back");
}

/** Of 2, who is none of ours: whoever connects is accepted, and not read before this is asked. */
class Reader {
 public:
  Reader() : listener_(std::move(*netns::open_tcp_listener(*own_netns(), server_at(2), 8))) {}
  /** Reads the oldest stream to its end; the packets it brought, or nothing where it ends within one. */
  std::optional<uint64_t> read_all() {
    pollfd asked{listener_.get(), POLLIN, 0};
    if (::poll(&asked, 1, 60'000) != 1) return std::nullopt;
    const UniqueFd fd(::accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC));
    std::vector<uint8_t> bytes(kStreamHeaderBytes + kPacketHeaderBytes + 65'535);
    uint64_t packets = 0;
    if (::recv(fd.get(), bytes.data(), kStreamHeaderBytes, MSG_WAITALL) != ssize_t{kStreamHeaderBytes})
      return std::nullopt;
    for (;;) {
      const ssize_t head = ::recv(fd.get(), bytes.data(), kPacketHeaderBytes, MSG_WAITALL);
      if (head == 0) return packets;
      if (head != ssize_t{kPacketHeaderBytes}) return std::nullopt;
      const ssize_t rest = bytes[6] << 8 | bytes[7];
      if (::recv(fd.get(), bytes.data(), static_cast<size_t>(rest), MSG_WAITALL) != rest) return std::nullopt;
      packets++;
    }
  }

 private:
  UniqueFd listener_;
};

/** A stream is withdrawn at its source while a part of a packet has left: its rest follows, and no other packet. */
void test_withdrawn_within() {
  Reader reader;
  MaxBench max(options(1, false), 2);
  if (!max.serve(1)) std::abort();
  const auto sent = [&] { return max.bench.counts().streams.at(1).sent; };
  const auto withdrawn = [&] { return sent().dropped[static_cast<size_t>(Drop::withdrawn)]; };
  const auto await_stuck = [&] {
    return max.bench.await([&] {
      const uint64_t before = sent().out_bytes;
      ::usleep(300'000);
      return sent().held_packets > 0 && sent().out_bytes == before;
    });
  };
  // Such large ones that a part of one is in the socket's buffer.
  (void)max.bench.did(StartFlow{1, [] {
    FlowSetting load = endless(1, 2, 100'000'000);
    load.packet_bytes = 65'535;
    return load;
  }()});
  uint64_t packets = 0;
  for (const char* how : {"read", "read again"}) {
    max.streams.set_peer(1, 2, server_at(2));
    check(max.bench.await([&] { return !max.bench.counts().streams.empty(); }) && await_stuck(),
          std::string("withdrawn within: it waits: ") + how);
    const uint64_t before = withdrawn();
    max.streams.set_peer(1, 2, {});
    check(max.bench.await([&] { return withdrawn() > before && sent().held_packets == 1; }),
          std::string("withdrawn within: what has not begun is withdrawn: ") + how);
    const auto came = reader.read_all();
    packets += came.value_or(0);
    check(came && max.bench.await([&] { return sent().held_packets == 0; }) && sent().out_packets == packets,
          std::string("withdrawn within: what has is whole, and the last: ") + how);
  }
  check(max.bench.counts().streams.at(1).breaks == 0, "withdrawn within: none has broken");
  max.streams.set_peer(1, 2, server_at(2));
  (void)await_stuck();
  join(max.bench, 1, 2);
  max.streams.set_peer(1, 2, {});
  check(max.bench.await([&] { return sent().held_packets == 1; }), "withdrawn within: one that nobody reads stays");
  (void)max.bench.did(RemoveLink{1, 2});
  check(sent().held_packets == 0 && max.bench.counts().streams.at(1).breaks == 1,
        "withdrawn within: until its link ends, which is a break");
  (void)max.bench.did(StopFlow{1, 1});
  check(max.in_balance(), "withdrawn within: accounts balance");
  check(max.end(), "withdrawn within: blocks are back");
}

}  // namespace
