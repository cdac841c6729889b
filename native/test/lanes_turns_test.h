// Who turns the lanes: one thread while there is little to do, and each lane its own while there is much. And TUN
// interfaces with offloads, whose packets are taken apart and joined.
#pragma once

#include <fstream>
#include <string>
#include <vector>

#include "engine/packets/big_endian.h"
#include "engine/packets/ip.h"
#include "engine/packets/offload.h"
#include "test/lanes_parts.h"

namespace {

/** How often threads of lanes but the first have gone to sleep by themselves, ever. */
uint64_t other_lanes_sleeps() {
  uint64_t sum = 0;
  DIR* folder = ::opendir("/proc/self/task");
  while (const dirent* entry = ::readdir(folder)) {
    const std::string path = std::string("/proc/self/task/") + entry->d_name;
    std::string name, word;
    std::getline(std::ifstream(path + "/comm"), name);
    if (name.rfind("nslab-lane-", 0) != 0 || name == "nslab-lane-0") continue;
    for (std::ifstream status(path + "/status"); status >> word;)
      if (uint64_t count = 0; word == "voluntary_ctxt_switches:" && status >> count) sum += count;
  }
  ::closedir(folder);
  return sum;
}

void test_turns() {
  Bench bench(options(3, true));
  for (uint32_t node = 1; node <= 3; node++) (void)bench.did(AddNode{node, 1});
  join(bench, 1, 2);
  join(bench, 2, 3);
  (void)bench.did(ChangeRoutes{1, {Derive{derived({1, 1, 2, 2})}}});
  (void)bench.did(ChangeRoutes{2, {Derive{derived({1, 1, 1, 2, 1, 3})}}});
  (void)bench.did(ChangeRoutes{3, {Derive{derived({2, 2, 1, 3})}}});
  // A few packets a second over all three lanes, on and on.
  (void)bench.did(StartFlow{1, flow(1, 3, uint64_t{1} << 40, 200, 20'000)});
  const auto received = [&] {
    const Counts counts = bench.counts();
    const SinkStats* sink = sink_of(counts, 3, 1);
    return sink ? sink->received_packets : 0;
  };
  const auto is_calm = [&] {
    return bench.await([&] {
      const uint64_t before = received(), sleeps = other_lanes_sleeps();
      ::usleep(200'000);
      const bool slept_on = other_lanes_sleeps() == sleeps;
      return slept_on && received() > before;
    });
  };
  check(is_calm(), "turns: while little comes, one thread turns all lanes");
  (void)bench.did(StartFlow{1, flow(2, 3, uint64_t{1} << 50, 200)});
  check(bench.await([&] {
    const uint64_t sleeps = other_lanes_sleeps();
    ::usleep(50'000);
    // They wait for room and for packets.
    return other_lanes_sleeps() > sleeps + 10;
  }),
        "turns: while much comes, each has its own");
  (void)bench.did(StopFlow{1, 2});
  check(is_calm(), "turns: and one again when that is over");
  (void)bench.did(StopSources{});
  check(bench.await_quiet() && balanced(bench.counts()), "turns: accounts balance");
  check(bench.end(), "turns: blocks are back");
}

/** A TCP packet to node 2, as a kernel that leaves checksum and segments hands it over. */
std::vector<uint8_t> large_packet(uint32_t payload_bytes, VnetHeader& vnet) {
  std::vector<uint8_t> packet(40 + payload_bytes, 7);
  write_u16(&packet[0], 0x4500);
  write_u16(&packet[2], static_cast<uint16_t>(packet.size()));
  write_u32(&packet[4], 0x0001'4000);
  packet[8] = 64;
  packet[9] = 6;
  write_u16(&packet[10], 0);
  write_u32(&packet[12], kBase + 1);
  write_u32(&packet[16], kBase + 2);
  write_u16(&packet[10], checksum({packet.data(), 20}));
  write_u16(&packet[32], 0x5018);
  write_u16(&packet[36], static_cast<uint16_t>(~checksum({&packet[12], 8}, 6 + 20 + payload_bytes)));
  vnet = {kVnetNeedsChecksum, kVnetGsoTcp4, 40, 1000, 20, 16};
  return packet;
}

void test_tun_offloads() {
  const std::string name = "tun with offloads: ";
  Bench bench(options(2, true));
  for (uint32_t node = 1; node <= 2; node++) (void)bench.did(AddNode{node, 1});
  join(bench, 1, 2);
  for (uint32_t node = 1; node <= 2; node++) (void)bench.did(ChangeRoutes{node, {Derive{derived({1, 1, 1, 2})}}});
  int ends[2][2];
  for (auto& both : ends)
    if (::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, both) != 0) std::abort();
  const SharedFd one = shared(ends[0][0]), other = shared(ends[1][0]);
  check(bench.did(AttachTun{1, shared(ends[0][1]), kBase, 100, true}) &&
            bench.did(AttachTun{2, shared(ends[1][1]), kBase, 100, true}),
        name + "attached");
  const auto send = [&](const VnetHeader& vnet, const std::vector<uint8_t>& packet) {
    std::vector<uint8_t> bytes(sizeof vnet + packet.size());
    std::memcpy(bytes.data(), &vnet, sizeof vnet);
    std::copy(packet.begin(), packet.end(), bytes.begin() + sizeof vnet);
    return ::send(one->get(), bytes.data(), bytes.size(), 0) == static_cast<ssize_t>(bytes.size());
  };
  VnetHeader vnet;
  const std::vector<uint8_t> packet = large_packet(40'500, vnet);
  check(send(vnet, packet), name + "sent");
  std::vector<uint8_t> payload;
  size_t writes = 0;
  bool well = true;
  (void)bench.await([&] {
    std::vector<uint8_t> came(70'000);
    for (ssize_t count; (count = ::recv(other->get(), came.data(), came.size(), 0)) > 0; writes++) {
      VnetHeader made;
      std::memcpy(&made, came.data(), sizeof made);
      const auto bytes = static_cast<size_t>(count) - sizeof made;
      well = well && read_u16(&came[sizeof made + 2]) == bytes && made.gso_bytes == (bytes > 1040 ? 1000 : 0);
      payload.insert(payload.end(), came.begin() + sizeof made + 40, came.begin() + count);
    }
    return payload.size() >= 40'500;
  });
  check(well && payload == std::vector<uint8_t>(packet.begin() + 40, packet.end()), name + "every byte comes");
  // By how it was read from the link: 41 packets in a few pieces.
  check(writes < 20, name + "in " + std::to_string(writes) + " writes");
  const Counts counts = bench.counts();
  check(counts.nodes.at(1).in_packets == 41 && counts.nodes.at(2).out_packets == 41,
        name + "a packet is what goes over links");
  vnet.gso_bytes = 0;
  (void)send(vnet, packet);
  vnet = {};
  vnet.flags = kVnetNeedsChecksum;
  vnet.checksum_start = 65'000;
  (void)send(vnet, packet);
  check(bench.await([&] { return dropped(bench.counts(), Drop::malformed) == 2; }),
        name + "malformed ones are counted");
  check(bench.await_quiet() && balanced(bench.counts()), name + "accounts balance");
  check(bench.end(), name + "blocks are back");
}

}  // namespace
