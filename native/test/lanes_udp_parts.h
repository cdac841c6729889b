// What tests of links over UDP share: nodes in a line, and a peer that the test plays itself.
#pragma once

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>

#include <array>
#include <vector>

#include "engine/udp/datagram.h"
#include "engine/udp/socket.h"
#include "test/lanes_links_test.h"

namespace {

using Bytes = std::vector<uint8_t>;
using udp::Header;
using udp::Kind;

const LinkCount& link_of(const Counts& counts, uint32_t node, uint32_t peer) {
  static const LinkCount none;
  const auto found = counts.links.find({node, peer});
  return found == counts.links.end() ? none : found->second;
}

/** Each direction: what left is what came and what is lost, once all is said. */
bool adds_up(const Counts& counts, uint32_t one, uint32_t other) {
  const LinkCount &there = link_of(counts, one, other), &back = link_of(counts, other, one);
  return there.sent.out_packets == back.received_packets + back.lost_packets &&
         back.sent.out_packets == there.received_packets + there.lost_packets;
}

/** Nodes 1 … `count` in a line, over UDP; every node knows the way to each. */
struct Line {
  Line(const Options& made, uint32_t count, uint32_t silence_ms = kSilenceMs)
      : bench(made, false), links(bench.share(), Transport::udp, silence_ms), nodes(count) {
    bench.start();
    for (uint32_t node = 1; node <= count; node++) {
      std::vector<uint32_t> peers;
      if (node > 1) peers.push_back(node - 1);
      if (node < count) peers.push_back(node + 1);
      links.links().post(engine::AddNode{node, node, own_netns(), at(node), 1, peers});
    }
    if (!links.await([&] { return links.replies.size() == count; })) std::abort();
    for (uint32_t node = 1; node <= count; node++) {
      std::vector<uint32_t> runs;
      for (uint32_t to = 1; to <= count; to++)
        runs.insert(runs.end(), {1, to == node ? to : to > node ? node + 1 : node - 1});
      if (!bench.did(ChangeRoutes{node, {Derive{derived(runs)}}})) std::abort();
    }
  }
  ~Line() {
    links.links().post(engine::Stop{});
    links.links().join();
    (void)bench.end();
  }
  static netns::Endpoint at(uint32_t node) { return LinkBench::at(static_cast<uint16_t>(7100 + node)); }
  void dial(uint32_t node, uint32_t peer) { links.links().post(engine::Dial{node, peer, at(peer)}); }
  bool up() {
    for (uint32_t node = 1; node < nodes; node++) dial(node, node + 1);
    return links.await([&] { return links.links().ends_up() == 2 * (nodes - 1); }) && has_lanes();
  }
  bool has_lanes() {
    return bench.await([&] {
      size_t count = 0;
      for (const auto& [ends, link] : bench.counts().links) count += link.up ? 1 : 0;
      return count == 2 * (nodes - 1);
    });
  }
  bool await_adds_up() {
    return bench.await([&] {
      const Counts counts = bench.counts();
      bool well = true;
      for (uint32_t node = 1; node < nodes; node++) well = well && adds_up(counts, node, node + 1);
      return well;
    });
  }

  Bench bench;
  LinkBench links;
  const uint32_t nodes;
};

/** Node 2, played by the test, beside node 1 of an engine. */
class Player {
 public:
  explicit Player(Line& line) : line_(line), socket_(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0)) {
    const sockaddr_in own = udp::name_of(*netns::Endpoint::parse("127.0.0.1", 0));
    (void)::bind(socket_.get(), reinterpret_cast<const sockaddr*>(&own), sizeof own);
  }
  [[nodiscard]] int fd() const { return socket_.get(); }
  [[nodiscard]] netns::Endpoint own() const { return udp::own_endpoint(fd()); }
  void say_to(const netns::Endpoint& to, const Bytes& bytes) const {
    const sockaddr_in name = udp::name_of(to);
    (void)::sendto(fd(), bytes.data(), bytes.size(), 0, reinterpret_cast<const sockaddr*>(&name), sizeof name);
  }
  /** The next of that kind, and where it came from; false after so long. */
  bool hear(Kind kind, Header& header, Frame& frame, sockaddr_in& from, int wait_ms = 10'000) const {
    const auto deadline = std::chrono::steady_clock::now() + std::chrono::milliseconds(wait_ms);
    for (;;) {
      const auto left = deadline - std::chrono::steady_clock::now();
      const auto ms = std::chrono::duration_cast<std::chrono::milliseconds>(left).count();
      pollfd ready{fd(), POLLIN, 0};
      if (ms <= 0 || ::poll(&ready, 1, static_cast<int>(ms)) <= 0) return false;
      std::array<uint8_t, 65'536> bytes;
      socklen_t size = sizeof from;
      const ssize_t count = ::recvfrom(fd(), bytes.data(), bytes.size(), 0, reinterpret_cast<sockaddr*>(&from), &size);
      if (count < 0) continue;
      const std::span<const uint8_t> said{bytes.data(), static_cast<size_t>(count)};
      if (!udp::decode(said, header) || header.kind != kind) continue;
      if (header.kind <= Kind::reject) (void)udp::decode_handshake(said, header, frame);
      return true;
    }
  }
  [[nodiscard]] static Bytes shake(Kind kind, uint64_t key, uint64_t cookie, uint32_t sender = 2, uint32_t to = 1,
                                   const RunId& run = LinkBench::kRun, uint64_t receiver_key = 0) {
    const FrameKind frame = kind == Kind::hello || kind == Kind::challenge ? FrameKind::hello : FrameKind::ready;
    const auto bytes =
        udp::encode_handshake({kind, 0, 0, receiver_key, key, cookie}, {frame, Reason::none, run, sender, to, 1});
    return {bytes.begin(), bytes.end()};
  }
  /** Dials node 1 as node 2; false where it is not taken. */
  bool dial(uint64_t key) {
    own_key = key;
    Header header;
    Frame frame;
    sockaddr_in from{};
    say_to(Line::at(1), shake(Kind::hello, key, 0));
    if (!hear(Kind::challenge, header, frame, from) || header.key != key) return false;
    ready = shake(Kind::ready, key, header.packets);
    say_to(Line::at(1), ready);
    if (!hear(Kind::go, header, frame, from) || header.key != key) return false;
    peer_key = header.number;
    link = {from.sin_addr, static_cast<uint16_t>(header.packets)};
    return true;
  }
  void say(Kind kind, uint64_t number = 0, uint64_t packets = 0, Bytes rest = {}, uint64_t key = 0) const {
    Bytes bytes(udp::kHeaderBytes);
    udp::encode({kind, 0, 0, key == 0 ? peer_key : key, number, packets}, bytes.data());
    bytes.insert(bytes.end(), rest.begin(), rest.end());
    say_to(link, bytes);
  }
  [[nodiscard]] bool await(const std::function<bool(const LinkCount&)>& holds) const {
    return line_.bench.await([&] {
      const Counts counts = line_.bench.counts();
      return holds(link_of(counts, 1, 2));
    });
  }

  uint64_t own_key = 0;
  uint64_t peer_key = 0;
  netns::Endpoint link;
  Bytes ready;

 private:
  Line& line_;
  UniqueFd socket_;
};

}  // namespace
