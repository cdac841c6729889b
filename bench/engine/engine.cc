// Routing and forwarding in memory: blocks full of frames with 64-byte packets, as a read of a link leaves them,
// through the packet engine's units on one thread; and the floor, which only reads each frame's destination and indexes
// an array.
//
// engine [--packets N]   prints one line of JSON: for each way packets, and its seconds of processor and of clock

#include <time.h>

#include <array>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <random>
#include <string>
#include <vector>

#include "engine/packets/big_endian.h"
#include "engine/packets/egress.h"
#include "engine/packets/route_table.h"
#include "engine/packets/stream.h"

namespace {

using namespace nslab::engine;

constexpr uint32_t kPacketBytes = 64;
constexpr uint32_t kFrame = kPacketHeaderBytes + kPacketBytes;
/** Together more than a second-level cache has. */
constexpr uint32_t kBlocks = 64;
constexpr uint32_t kBlockBytes = 65'536;
constexpr uint32_t kNodes = 800;
/** Every fourth node of the far half. */
constexpr uint32_t kSources = kNodes / 8;
constexpr uint32_t kFlows = 1'000;
constexpr size_t kBatch = 256;
constexpr uint32_t kFramesOfBlock = kBlockBytes / kFrame;

double seconds(clockid_t clock) {
  timespec time{};
  ::clock_gettime(clock, &time);
  return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_nsec) / 1e9;
}

struct Measured {
  const char* name;
  uint64_t packets;
  double cpu_s;
  double wall_s;
};

/** What a relay of a ring of 800 gets: flows of others to others. */
class Traffic {
 public:
  Traffic() : pool_(kBlockBytes, kBlocks) {
    std::mt19937 random(1);
    std::vector<PacketHeader> flows(kFlows);
    for (PacketHeader& header : flows) {
      header.packet_bytes = kPacketBytes;
      header.source = kNodes / 2 + random() % kSources * 4 + 1;
      header.destination = random() % (kNodes / 2 - 1) + 2;
      header.flow = random();
    }
    for (uint32_t i = 0; i < kBlocks; i++) {
      Block* block = pool_.take();
      blocks.push_back(block);
      for (uint32_t frame = 0; frame < kFramesOfBlock; frame++)
        encode_header(flows[random() % kFlows], block->bytes() + size_t{frame} * kFrame);
    }
  }
  /** As if read anew: each pass takes one hop. */
  void renew() {
    for (Block* block : blocks)
      for (uint32_t frame = 0; frame < kFramesOfBlock; frame++)
        write_u16(block->bytes() + size_t{frame} * kFrame + kHopsOffset, kHopsMax);
  }
  std::vector<Block*> blocks;

 private:
  Pool pool_;
};

/** Calls `block_pass(block)` for blocks in turn until there were `packets`. */
template <typename Pass>
Measured measure(const char* name, Traffic& traffic, uint64_t packets, Pass block_pass) {
  traffic.renew();
  for (Block* block : traffic.blocks) block_pass(*block);
  uint64_t done = 0;
  const double cpu = seconds(CLOCK_THREAD_CPUTIME_ID), wall = seconds(CLOCK_MONOTONIC);
  for (uint32_t pass = 0; done < packets; pass++) {
    if (pass % 200 == 0) traffic.renew();
    for (Block* block : traffic.blocks) block_pass(*block);
    done += uint64_t{kBlocks} * kFramesOfBlock;
  }
  return {name, done, seconds(CLOCK_THREAD_CPUTIME_ID) - cpu, seconds(CLOCK_MONOTONIC) - wall};
}

/** So that nothing measured is left out. */
uint64_t sink = 0;

Measured measure_floor(Traffic& traffic, uint64_t packets) {
  std::vector<uint32_t> next(kNodes + 1);
  for (uint32_t to = 0; to <= kNodes; to++) next[to] = to % 2;
  std::array<uint64_t, 2> counts{};
  const Measured measured = measure("floor", traffic, packets, [&](Block& block) {
    for (uint32_t frame = 0; frame < kFramesOfBlock; frame++) {
      const uint32_t to = read_u32(block.bytes() + size_t{frame} * kFrame + 12);
      counts[next[to <= kNodes ? to : 0]]++;
    }
  });
  sink += counts[0] + counts[1];
  return measured;
}

/** A relay with two links: decode, route, take a hop, and hand on. */
class Relay {
 public:
  Relay(RouteTable& table, const LinkSetting& setting) : table_(table) {
    for (size_t i = 0; i < links_.size(); i++) links_[i] = std::make_unique<Egress>(setting, i + 1, spares_);
  }
  void pass(Block& block) {
    // One share a frame, counted at once.
    block.holders.fetch_add(kFramesOfBlock, std::memory_order_relaxed);
    now_ns_ += 10'000;
    std::span<uint8_t> bytes{block.bytes(), size_t{kFramesOfBlock} * kFrame};
    uint32_t offset = 0;
    while (!bytes.empty()) {
      const NextFrame next = next_frame(bytes);
      if (next.found != Found::packet) std::abort();
      PacketRef packet(&block, offset, static_cast<uint32_t>(next.size));
      if (next.header.hops_left == 0) std::abort();
      take_hop(bytes.data());
      Hops hops;
      if (table_.resolve(next.header, hops) != Drop::none) std::abort();
      // Node 1 of the ring: by 2 or by 800.
      const size_t link = hops.next[0] == 2 ? 0 : 1;
      if (links_[link]->transparent()) {
        out_[link][out_count_[link]++] = std::move(packet);
        if (out_count_[link] == kBatch) send(link, true);
      } else {
        (void)links_[link]->offer(std::move(packet), next.header.flow, now_ns_);
        if (++waiting_ == kBatch) take();
      }
      bytes = bytes.subspan(next.size);
      offset += static_cast<uint32_t>(next.size);
    }
    for (size_t link = 0; link < 2; link++)
      if (out_count_[link] > 0) send(link, true);
    take();
  }
  [[nodiscard]] const Account& account(size_t link) const { return links_[link]->account(); }

 private:
  void take() {
    waiting_ = 0;
    for (size_t link = 0; link < 2; link++)
      while ((out_count_[link] = links_[link]->take(out_[link].data(), kBatch, now_ns_)) > 0) send(link, false);
  }
  /** Where a lane would write them to the socket. */
  void send(size_t link, bool past) {
    uint64_t bytes = 0;
    for (size_t i = 0; i < out_count_[link]; i++) {
      bytes += out_[link][i].size() - kPacketHeaderBytes;
      out_[link][i].reset();
    }
    if (past) links_[link]->passed(out_count_[link], bytes);
    out_count_[link] = 0;
  }

  RouteTable& table_;
  Spares spares_{Spares::Counts{}};
  std::array<std::unique_ptr<Egress>, 2> links_;
  std::array<std::array<PacketRef, kBatch>, 2> out_;
  std::array<size_t, 2> out_count_{};
  size_t waiting_ = 0;
  int64_t now_ns_ = 0;
};

Measured measure_relay(const char* name, Traffic& traffic, uint64_t packets, RouteTable& table,
                       const LinkSetting& setting) {
  Relay relay(table, setting);
  const Measured measured = measure(name, traffic, packets, [&](Block& block) { relay.pass(block); });
  for (size_t link = 0; link < 2; link++) {
    const Account& account = relay.account(link);
    if (!account.balanced() || account.dropped_packets() > 0) std::abort();
    sink += account.out_packets;
  }
  return measured;
}

}  // namespace

int main(int argc, char** argv) {
  uint64_t packets = 5'000'000;
  for (int i = 1; i + 1 < argc; i += 2)
    if (std::string(argv[i]) == "--packets") packets = std::strtoull(argv[i + 1], nullptr, 10);
  Traffic traffic;
  RouteTable derived(1);
  derived.derive(DerivedRoutes(std::vector<uint32_t>{1, 1, kNodes / 2, 2, kNodes / 2 - 1, kNodes}));
  RouteTable installed(1);
  for (uint32_t source = kNodes / 2 + 1; source <= kNodes; source += 4)
    for (uint32_t to = 2; to <= kNodes / 2; to++)
      installed.install(source, to, {{1, source, to, {2}}, {2, source, to, {kNodes}}});
  LinkSetting fair;
  fair.discipline = Discipline::wrr;
  // Kept from being transparent; no packet is ever lost by it.
  fair.loss_ratio = 1e-300;
  LinkSetting shaped;
  shaped.queue_packets = 10'000;
  shaped.rate_bytes_per_s = 100'000'000'000;
  shaped.bucket_bytes = 100'000'000;
  shaped.delay_ns = 20'000;

  std::vector<Measured> all;
  all.push_back(measure_floor(traffic, packets));
  all.push_back(measure_relay("derived", traffic, packets, derived, {}));
  all.push_back(measure_relay("installed", traffic, packets, installed, {}));
  all.push_back(measure_relay("queued", traffic, packets, derived, fair));
  all.push_back(measure_relay("shaped", traffic, packets, derived, shaped));
  std::printf("{");
  for (const Measured& one : all)
    std::printf("\"%s\": {\"packets\": %llu, \"cpu_s\": %.6f, \"wall_s\": %.6f}, ", one.name,
                static_cast<unsigned long long>(one.packets), one.cpu_s, one.wall_s);
  std::printf("\"sink\": %llu}\n", static_cast<unsigned long long>(sink));
  return 0;
}
