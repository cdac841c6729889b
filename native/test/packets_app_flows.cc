// Flows of programs: which packets are of one, what is told of them and when they are forgotten. Part of packets_test.
#include <map>
#include <tuple>

#include "engine/packets/app_flows.h"
#include "test/packets_parts.h"

namespace nslab::test::app_flows {

using namespace nslab::engine;

constexpr uint32_t kNear = 0x0a00'0001;
constexpr uint32_t kFar = 0x0a00'0002;
constexpr int64_t kSecond = 1'000'000'000;
constexpr uint8_t kFin = 1, kSyn = 2, kRst = 4, kAck = 16;

struct Packet {
  uint16_t port = 4000;
  uint8_t flags = kAck;
  uint8_t protocol = 6;
  uint32_t bytes = 100;
  uint32_t source = kNear;
  uint32_t destination = kFar;
  /** Of the destination. */
  uint16_t to_port = 80;
};

std::vector<uint8_t> frame_of(const Packet& packet) {
  std::vector<uint8_t> frame(kPacketHeaderBytes + packet.bytes);
  PacketHeader header;
  header.packet_bytes = static_cast<uint16_t>(packet.bytes);
  header.source = packet.source - 0x0a00'0000;
  header.destination = packet.destination - 0x0a00'0000;
  header.flow = packet.port;
  encode_header(header, frame.data());
  uint8_t* ip = frame.data() + kPacketHeaderBytes;
  ip[0] = 0x45;
  ip[9] = packet.protocol;
  write_u32(ip + 12, packet.source);
  write_u32(ip + 16, packet.destination);
  if (packet.bytes >= 40) {
    write_u16(ip + 20, packet.port);
    write_u16(ip + 22, packet.to_port);
    ip[33] = packet.flags;
  }
  return frame;
}

struct World {
  explicit World(uint32_t max = kAppFlowsMax) : flows(max) {}
  AppFlow* see(const Packet& packet, bool is_sink = false) {
    const auto frame = frame_of(packet);
    return flows.count(frame.data(), frame.size(), is_sink, 1, packet.bytes, now_ns);
  }
  std::vector<AppFlows::Taken> take() {
    std::vector<AppFlows::Taken> all;
    flows.take(
        now_ns, [&](const AppFlow&) { return route; }, [&](const AppFlows::Taken& one) { all.push_back(one); });
    return all;
  }
  AppFlows flows;
  int64_t now_ns = kSecond;
  std::optional<uint32_t> route;
};

void test_connection() {
  World world;
  AppFlow* begun = world.see({.flags = kSyn, .bytes = 60});
  check(begun && begun->remote == 2 && begun->first_ns == kSecond, "a flow begins with its first packet");
  begun->route = world.route = 7;
  world.now_ns += 5;
  check(!world.see({}), "and is known with the next");
  auto told = world.take();
  check(told.size() == 1 && told[0].is_new && !told[0].has_ended && told[0].has_route && told[0].flow.route == 7 &&
            told[0].flow.packets == 2 && told[0].flow.bytes == 160 && told[0].flow.last_ns == kSecond + 5,
        "what is told: its start, its route, what it has moved");
  check(world.take().empty(), "once");
  world.route = 8;
  told = world.take();
  check(told.size() == 1 && told[0].has_route && !told[0].is_new && told[0].flow.packets == 0, "and another route");
  (void)world.see({.flags = kAck | kFin, .bytes = 40});
  world.now_ns += 10;
  (void)world.see({.bytes = 40});
  told = world.take();
  check(told.size() == 1 && told[0].has_ended && told[0].flow.ended_ns == kSecond + 5 && told[0].flow.packets == 2,
        "it ends with its FIN, and what acknowledges after it is its own");
  world.now_ns += kAppFlowLingerNs;
  check(world.take().empty() && world.flows.size() == 0, "then it is forgotten");
}

void test_ports_again() {
  World world;
  (void)world.see({.flags = kSyn});
  (void)world.see({.flags = kFin});
  world.now_ns += 3;
  check(world.see({.flags = kSyn, .bytes = 60}) != nullptr, "a connection with the ports of one that ended is new");
  check(!world.see({}), "and later packets are its own");
  const auto told = world.take();
  check(told.size() == 2 && told[0].has_ended && told[0].flow.bytes == 200 && !told[1].has_ended &&
            told[1].flow.bytes == 160 && told[1].flow.first_ns == kSecond + 3,
        "both are told");
  check(world.flows.size() == 1 && !world.see({}), "of the two the later stays");
}

void test_reset() {
  World world;
  (void)world.see({.flags = kSyn});
  const Packet refusal{.port = 80, .flags = kRst | kAck, .source = kFar, .destination = kNear, .to_port = 4000};
  (void)world.see(refusal, true);
  const auto told = world.take();
  check(told.size() == 2 && told[0].has_ended && !told[0].flow.key.is_sink && told[1].has_ended &&
            told[1].flow.key.is_sink && told[1].flow.remote == 2,
        "a reset ends both directions");
}

void test_idle() {
  World world;
  (void)world.see({.protocol = 17});
  world.now_ns += kAppFlowIdleNs - 1;
  check(!world.take()[0].has_ended, "what says nothing goes on for a minute");
  world.now_ns += 1;
  const auto told = world.take();
  check(told.size() == 1 && told[0].has_ended && told[0].flow.ended_ns == kSecond && world.flows.size() == 0,
        "then it has ended, with its last packet");
  check(world.see({.protocol = 17}) != nullptr, "what comes later is another");
}

void test_told_apart() {
  World world;
  const bool all_new = world.see({}) && world.see({.port = 4001}) && world.see({.protocol = 17}) &&
                       world.see({.protocol = 1}) && world.see({.destination = kFar + 1}) && world.see({}, true);
  check(all_new && world.flows.size() == 6, "addresses, protocol, ports and direction tell flows apart");
  check(!world.see({.port = 9, .protocol = 1}), "a protocol without ports has none");
  std::vector<uint8_t> odd = frame_of({});
  odd[kPacketHeaderBytes] = 0x60;
  (void)world.flows.count(odd.data(), odd.size(), false, 1, 100, 0);
  for (size_t bytes = 0; bytes < kPacketHeaderBytes + 45; bytes++) {
    // Of its own size, so that a sanitizer sees whoever reads beyond.
    const auto whole = frame_of({.port = 5000});
    const std::vector<uint8_t> cut(whole.begin(), whole.begin() + static_cast<std::ptrdiff_t>(bytes));
    (void)world.flows.count(cut.data(), cut.size(), false, 1, bytes, 0);
  }
  check(world.flows.size() == 8, "what is cut off is of none, or has no ports");
}

void test_bound() {
  World world(100);
  for (uint16_t port = 0; port < 150; port++) (void)world.see({.port = port});
  check(world.flows.size() == 100 && world.flows.excess().packets == 50 && world.flows.excess().bytes == 5000,
        "beyond the bound packets are of no flow, and counted");
  uint64_t packets = 0;
  for (const auto& one : world.take()) packets += one.flow.packets;
  check(packets == 100, "those within are told");
  std::vector<uint8_t> frame = frame_of({});
  const uint64_t before = allocations;
  for (uint16_t round = 0; round < 1000; round++) {
    const auto port = static_cast<uint16_t>(round % 150);
    write_u16(frame.data() + kPacketHeaderBytes + 20, port);
    (void)world.flows.count(frame.data(), frame.size(), false, 1, 100, world.now_ns);
  }
  const bool none = allocations == before;
  check(none, "packets allocate nothing");
  for (uint16_t port = 0; port < 50; port++) (void)world.see({.port = port, .flags = kFin});
  (void)world.take();
  world.now_ns += kAppFlowLingerNs;
  (void)world.take();
  check(world.flows.size() == 50 && world.see({.port = 149}) != nullptr, "what has ended makes room");
}

/** Against a map, which is slow and obvious: every packet is told of once, whatever comes and goes. */
void test_walk(uint32_t seed) {
  World world(64);
  std::mt19937 chance(seed);
  std::map<std::tuple<uint16_t, bool>, uint64_t> seen, told;
  for (int step = 0; step < 20'000; step++) {
    world.now_ns += static_cast<int64_t>(chance() % 1000) * 1'000'000;
    const auto port = static_cast<uint16_t>(chance() % 90);
    const bool is_sink = chance() % 2 == 0;
    const uint64_t excess = world.flows.excess().packets;
    const uint8_t flags = chance() % 8 == 0 ? kFin : chance() % 30 == 0 ? kRst : chance() % 8 == 0 ? kSyn : kAck;
    (void)world.see({.port = port, .flags = flags}, is_sink);
    if (world.flows.excess().packets == excess) seen[{port, is_sink}]++;
    if (chance() % 50 != 0) continue;
    for (const auto& one : world.take()) told[{one.flow.key.source_port, one.flow.key.is_sink}] += one.flow.packets;
  }
  for (const auto& one : world.take()) told[{one.flow.key.source_port, one.flow.key.is_sink}] += one.flow.packets;
  check(seen == told && world.flows.excess().packets > 0, "what is told is what was seen, flow by flow");
}

void run_all(uint32_t seed) {
  test_connection();
  test_ports_again();
  test_reset();
  test_idle();
  test_told_apart();
  test_bound();
  test_walk(seed);
}

}  // namespace nslab::test::app_flows
