// Links over UDP, from the handshake to the last count, on a loopback of the test's own: with the engine at both ends,
// and with a peer played by the test, which says what no engine would. One line of TAP a check. Usage: lanes_udp_test
// (test/native/udp.test.ts)

#include "test/lanes_udp_parts.h"

namespace {

bool set_loopback_mtu(int bytes) {
  const UniqueFd socket(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  ifreq loopback{};
  std::strcpy(loopback.ifr_name, "lo");
  loopback.ifr_mtu = bytes;
  return ::ioctl(socket.get(), SIOCSIFMTU, &loopback) == 0;
}

void test_sizes() {
  check(set_loopback_mtu(1500), "sizes: a way of 1,500 bytes");
  Line line(options(2, false), 3);
  check(line.up(), "sizes: links are up");
  uint32_t number = 0;
  for (const uint32_t bytes : {52u, 1400u, 1500u, 9000u, 65'535u}) {
    (void)line.bench.did(OpenSink{3, ++number});
    (void)line.bench.did(StartFlow{1, flow(number, 3, 40 * bytes, bytes, 4'000'000)});
  }
  check(line.bench.await_finished(number, false), "sizes: every flow is heard to its end");
  const Counts counts = line.bench.counts();
  bool whole = true;
  for (uint32_t i = 1; i <= number; i++) {
    const SinkStats* sink = sink_of(counts, 3, i);
    whole = whole && sink && sink->received_packets == sink->sent_packets && sink->reordered_packets == 0;
  }
  check(whole, "sizes: packets of 52 to 65,535 bytes come, each once and in order");
  check(line.await_adds_up() && balanced(counts), "sizes: accounts are exact");
  check(link_of(counts, 2, 1).lost_packets == 0 && link_of(counts, 2, 1).ignored_datagrams == 0,
        "sizes: nothing is lost or ignored");
  check(set_loopback_mtu(1280), "sizes: the way becomes narrower");
  (void)line.bench.did(OpenSink{3, ++number});
  (void)line.bench.did(StartFlow{1, flow(number, 3, 4'000'000, 1400)});
  check(line.bench.await([&] {
    const Counts now = line.bench.counts();
    const SinkStats* sink = sink_of(now, 3, number);
    return sink && sink->received_packets > 100;
  }),
        "sizes: packets still come");
  check(line.await_adds_up(), "sizes: and accounts are exact");
  (void)set_loopback_mtu(65'536);
}

/** Nobody holds a sender back over UDP: what the receiver is too slow for is lost, and told to the last packet. */
void test_overflow(bool backpressure) {
  const std::string what = backpressure ? "overflow, backpressure: " : "overflow, drop: ";
  Line line(options(2, backpressure), 3);
  check(line.up(), what + "links are up");
  LinkSetting slow;
  slow.rate_bytes_per_s = 4'000'000;
  slow.queue_packets = 50;
  check(line.bench.did(SetLink{2, 3, slow}), what + "a slow link behind a fast one");
  (void)line.bench.did(OpenSink{3, 1});
  (void)line.bench.did(StartFlow{1, flow(1, 3, 40'000'000, 1400)});
  check(line.bench.await_finished(1), what + "the sender is not held back");
  check(line.await_adds_up(), what + "every packet came or is lost in transport");
  const Counts counts = line.bench.counts();
  const uint64_t lost = link_of(counts, 2, 1).lost_packets;
  std::printf("# %llu of %llu lost in transport\n", (unsigned long long)lost,
              (unsigned long long)link_of(counts, 1, 2).sent.out_packets);
  if (backpressure) check(lost > 0, what + "and many are");
  else check(dropped(counts, Drop::queue_full) > 0, what + "the queue behind it drops");
  check(balanced(counts), what + "accounts balance");
  check(line.links.count(EventKind::down, 1) == 0, what + "the link stays up");
}

void test_both_dial() {
  Line line(options(2, false), 8);
  for (uint32_t round = 0; round < 3; round++)
    for (uint32_t node = 1; node < 8; node++) {
      line.dial(node, node + 1);
      line.dial(node + 1, node);
    }
  check(line.links.await([&] { return line.links.links().ends_up() == 14; }) && line.has_lanes(),
        "both dial: one link an edge");
  ::usleep(300'000);
  (void)line.links.await([] { return true; });
  bool once = true;
  for (uint32_t node = 1; node <= 8; node++)
    once = once && line.links.count(EventKind::up, node) == (node == 1 || node == 8 ? 1 : 2) &&
           line.links.count(EventKind::down, node) == 0;
  check(once, "both dial: none came up twice");
}

/** Node 2's listener is closed: it is the test from now on. */
void leave_to_player(Line& line) { line.links.links().post(engine::RemoveNode{2}); }

Bytes packet_from_2(uint32_t name) {
  Bytes bytes(kPacketHeaderBytes + 100);
  PacketHeader header;
  header.packet_bytes = 100;
  header.source = 2;
  header.destination = 1;
  header.flow = name;
  encode_header(header, bytes.data());
  return bytes;
}

void test_hostile() {
  Line line(options(1, false), 2, 2000);
  leave_to_player(line);
  Player player(line);
  Header header;
  Frame frame;
  sockaddr_in from{};
  const auto is_refused = [&](const Bytes& bytes, const char* reason) {
    const size_t before = line.links.count(EventKind::refused, 1, reason);
    player.say_to(Line::at(1), bytes);
    return line.links.await([&] { return line.links.count(EventKind::refused, 1, reason) > before; });
  };
  const Bytes hello = Player::shake(Kind::hello, 77, 0);
  check(is_refused(Bytes(5, 'x'), "truncated") && is_refused(Bytes(1500, 'x'), "malformed"),
        "hostile: noise is told of");
  check(is_refused(Bytes(hello.begin(), hello.end() - 1), "truncated"), "hostile: a hello cut off");
  Bytes longer = hello;
  longer.push_back(0);
  check(is_refused(longer, "malformed"), "hostile: a hello too long");
  Bytes newer = hello;
  newer[4] = 2;
  check(is_refused(newer, "wrong_version"), "hostile: another version");
  check(is_refused(Player::shake(Kind::hello, 77, 0, 2, 1, {9}), "wrong_run") &&
            player.hear(Kind::reject, header, frame, from) && frame.reason == Reason::wrong_run,
        "hostile: another run, which is answered");
  check(is_refused(Player::shake(Kind::hello, 77, 0, 2, 5), "wrong_peer"), "hostile: to another node");
  check(is_refused(Player::shake(Kind::hello, 77, 0, 9), "unknown_peer"), "hostile: from nobody's peer");
  check(is_refused(Player::shake(Kind::go, 77, 7000), "malformed"), "hostile: an answer that nobody has asked for");
  player.say_to(Line::at(1), Player::shake(Kind::ready, 77, 12345));
  check(!player.hear(Kind::go, header, frame, from, 300), "hostile: a ready with a cookie of its own is not heard");
  check(line.links.links().ends_up() == 0, "hostile: no link came of it");

  check(player.dial(78) && line.links.await([&] { return line.links.links().ends_up() == 1; }), "a dial that is well");
  check(!player.hear(Kind::alive, header, frame, from, 300), "its dialler is not spoken to before it was heard");
  player.say_to(Line::at(1), player.ready);
  check(player.hear(Kind::go, header, frame, from) && header.number == player.peer_key,
        "a ready that comes again has the same answer");
  player.say(Kind::alive);
  check(player.hear(Kind::alive, header, frame, from) && header.key == player.own_key, "then it is spoken to");
  player.say_to(Line::at(1), Player::shake(Kind::hello, 78, 0));
  player.say_to(Line::at(1), Player::shake(Kind::hello, 79, 0));
  check(player.hear(Kind::reject, header, frame, from) && frame.reason == Reason::duplicate && header.key == 79,
        "another dial meanwhile is a duplicate, and its own hello that comes late is nothing");

  player.say(Kind::data, 0, 1, packet_from_2(1));
  player.say(Kind::data, 0, 1, packet_from_2(1));
  player.say(Kind::data, 2, 3, packet_from_2(3));
  check(player.await([](const LinkCount& count) {
    return count.received_packets == 2 && count.lost_packets == 1 && count.duplicate_datagrams == 1;
  }),
        "data: one twice, one not at all");
  player.say(Kind::data, 1, 2, packet_from_2(2));
  player.say(Kind::data, 3, 4, packet_from_2(4), 4711);
  player.say(Kind::data, 3, 4, Bytes(100, 'x'));
  player.say_to(player.link, Bytes(3));
  player.say_to(player.link, Bytes(1400, 'x'));
  player.say_to(player.link, Bytes(60'000, 'x'));
  check(player.await([](const LinkCount& count) { return count.ignored_datagrams == 5; }),
        "of another key, no packets, noise: ignored and counted");
  player.say(Kind::alive, 3, 4);
  check(player.await([](const LinkCount& count) {
    return count.received_packets == 3 && count.lost_packets == 1 && count.reordered_datagrams == 1 && count.up;
  }),
        "one that came late counts, one that is damaged is lost, and the link lives");

  // Tokens: said again until they are answered, and heard once.
  line.links.links().post(SendToken{1, 2, 5, 6});
  check(player.hear(Kind::token, header, frame, from) && player.hear(Kind::token, header, frame, from) &&
            header.number == 1,
        "a token is said again until it is answered");
  line.links.links().post(SendToken{1, 2, 5, 7});
  player.say(Kind::token_heard, 1);
  do {
    player.say(Kind::alive, 3, 4);
    if (!player.hear(Kind::token, header, frame, from)) break;
  } while (header.number == 1);
  check(header.number == 2, "the next follows");
  player.say(Kind::token_heard, 2);
  const FrameBytes token = engine::encode({FrameKind::token, Reason::none, LinkBench::kRun, 2, 1, token_payload(8, 9)});
  for (int i = 0; i < 3; i++) player.say(Kind::token, 1, 4, Bytes(token.begin(), token.end()));
  check(player.hear(Kind::token_heard, header, frame, from) && header.number == 1, "one that is heard is answered");
  check(line.links.await([&] { return line.links.count(EventKind::token, 1) == 1; }), "and told");
  ::usleep(100'000);
  (void)line.links.await([] { return true; });
  check(line.links.count(EventKind::token, 1) == 1, "once");

  // Its last word, with its count.
  player.say(Kind::close, 9, 10);
  check(line.links.await([&] { return line.links.count(EventKind::down, 1, "closed") == 1; }), "a peer that closes");
  check(player.await([](const LinkCount& count) { return count.lost_packets == 7 && count.breaks == 1; }),
        "has told what it had sent");
  player.say_to(Line::at(1), player.ready);
  check(!player.hear(Kind::go, header, frame, from, 300) && line.links.links().ends_up() == 0,
        "a ready of a link that is over is not heard again");

  check(player.dial(80), "it dials again");
  player.say(Kind::alive);
  check(line.links.await([&] { return line.links.count(EventKind::down, 1, "ETIMEDOUT") == 1; }),
        "and falls silent: the link is lost after the silence");
  {
    Player mortal(line);
    check(mortal.dial(81), "another");
    mortal.say(Kind::alive);
    check(mortal.hear(Kind::alive, header, frame, from), "is heard");
  }
  check(line.links.await([&] { return line.links.count(EventKind::down, 1, "ECONNREFUSED") == 1; }),
        "and dies: the kernel tells of it");
  {
    Player mortal(line);
    check(mortal.dial(82), "one is sent packets in many parts");
    mortal.say(Kind::alive);
    (void)line.bench.did(StartFlow{1, flow(1, 2, 65'535'000, 65'535)});
    check(mortal.hear(Kind::data, header, frame, from), "and hears one");
  }
  check(line.links.await([&] { return line.links.count(EventKind::down, 1, "ECONNREFUSED") == 2; }),
        "and dies amid them: the link ends all the same");
  (void)line.bench.did(StopSources{});
}

/** Node 1 dials the player, whose answers are late. */
void test_retransmission() {
  Line line(options(1, false), 2, 2000);
  leave_to_player(line);
  Player player(line);
  Header header;
  Frame frame;
  sockaddr_in from{};
  line.links.links().post(engine::Dial{1, 2, player.own()});
  bool same = player.hear(Kind::hello, header, frame, from);
  const uint64_t key = header.number;
  for (int i = 0; i < 2; i++) same = same && player.hear(Kind::hello, header, frame, from) && header.number == key;
  check(same, "a hello is said again, with the same key");
  const netns::Endpoint dialler = udp::endpoint_of(from);
  const auto answer = [&](Kind kind, uint64_t number, uint64_t packets, uint64_t to) {
    player.say_to(dialler, Player::shake(kind, number, packets, 2, 1, LinkBench::kRun, to));
  };
  answer(Kind::challenge, 0, 66, key + 1);
  answer(Kind::go, 5, 7, key);
  player.say_to(dialler, Bytes(900, 'x'));
  check(player.hear(Kind::hello, header, frame, from),
        "answers to another dial, out of order or of noise change nothing");
  answer(Kind::challenge, 0, 66, key);
  answer(Kind::challenge, 0, 99, key);
  same = player.hear(Kind::ready, header, frame, from) && header.packets == 66;
  same = same && player.hear(Kind::ready, header, frame, from) && header.packets == 66 && header.number == key;
  check(same, "a ready is said again, with the first cookie");
  answer(Kind::go, 4242, player.own().port, key);
  check(player.hear(Kind::alive, header, frame, from) && header.key == 4242 &&
            player.hear(Kind::alive, header, frame, from),
        "a dialler speaks first, until it is heard");
  check(line.links.await([&] { return line.links.count(EventKind::up, 1) == 1; }), "and is up");
  line.links.links().post(engine::RemoveNode{1});
  check(player.hear(Kind::close, header, frame, from), "a node that ends says so");
  line.links.links().post(engine::AddNode{9, 1, own_netns(), Line::at(1), 2, {2}});
  line.links.links().post(engine::Dial{1, 2, LinkBench::at(7999)});
  check(line.links.await([&] { return line.links.count(EventKind::dial_failed, 1, "ECONNREFUSED") > 0; }),
        "a dial to nobody fails at once");
}

/** Nodes that come and go under load. */
void test_churn() {
  Line line(options(3, false), 6);
  check(line.up(), "churn: links are up");
  for (uint32_t node = 1; node <= 6; node++) {
    FlowSetting load = flow(node, node <= 3 ? node + 3 : node - 3, 0, 900, 1'000'000);
    load.duration_ns = 600 * kSecondNs;
    (void)line.bench.did(StartFlow{node, load});
  }
  for (uint32_t round = 2; round < 5; round++) {
    line.links.links().post(engine::RemoveNode{round});
    line.links.links().post(
        engine::AddNode{100 + round, round, own_netns(), Line::at(round), 2, {round - 1, round + 1}});
    line.dial(round, round + 1);
    line.dial(round - 1, round);
    line.dial(round, round - 1);
    check(line.links.await([&] {
      return line.links.replies.size() == 6 + round - 1 && line.links.links().ends_up() == 10;
    }) && line.has_lanes(),
          "churn: a node that comes back has its links again");
  }
  (void)line.bench.did(StopSources{});
  check(line.bench.await([&] { return adds_up(line.bench.counts(), 5, 6); }),
        "churn: what crossed the link that stayed is exact");
  check(balanced(line.bench.counts()), "churn: accounts balance");
}

}  // namespace

int main() {
  std::thread([] {}).join();
  (void)own_netns();
  check(raise_loopback(), "a namespace of its own");
  const size_t descriptors = entries("/proc/self/fd"), threads = entries("/proc/self/task");
  test_hand_over(Transport::udp);
  test_sizes();
  test_overflow(false);
  test_overflow(true);
  test_both_dial();
  test_hostile();
  test_retransmission();
  test_churn();
  {
    Links alone(
        LinkBench::kRun, std::make_shared<netns::SwitchLog>(), [] {}, kSilenceMs, Transport::udp);
    const Status refused = alone.start();
    check(!refused.ok() && refused.error().number == EINVAL, "links over UDP without a packet engine are refused");
  }
  check(entries("/proc/self/fd") == descriptors, "no descriptor is left");
  size_t left = 0;
  for (int tries = 0; tries < 1000 && (left = entries("/proc/self/task")) > threads; ++tries) ::usleep(1000);
  check(left <= threads, "no thread is left");
  return end_checks();
}
