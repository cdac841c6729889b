// Blocks of one pool, and copies in spares, given back by several threads while their owner takes them: under
// ThreadSanitizer. Prints TAP. Run by test/native/packets.test.ts.

#include <algorithm>
#include <atomic>
#include <thread>

#include "engine/packets/spares.h"
#include "test/packets_parts.h"

namespace {

using namespace nslab::engine;
using namespace nslab::test;

constexpr size_t kThreads = 4;
constexpr uint64_t kPackets = 20'000;

/** One place where a packet is handed over. */
struct Place {
  std::atomic<bool> full{false};
  PacketRef packet;
};

void give_back_by_many() {
  Pool pool(256, 12);
  Spares spares({32, 1, 1});
  std::vector<Place> places(kThreads * 4);
  std::atomic<bool> ended{false};
  std::atomic<uint64_t> seen{0};
  std::vector<std::thread> threads;
  for (size_t thread = 0; thread < kThreads; thread++) {
    threads.emplace_back([&, thread] {
      while (!ended.load(std::memory_order_acquire)) {
        for (size_t i = thread * 4; i < thread * 4 + 4; i++) {
          if (!places[i].full.load(std::memory_order_acquire)) continue;
          const PacketRef packet = std::move(places[i].packet);
          places[i].full.store(false, std::memory_order_release);
          // Whole, and nobody else's.
          if (packet.data()[0] == packet.data()[packet.size() - 1]) seen.fetch_add(1, std::memory_order_relaxed);
        }
        std::this_thread::yield();
      }
    });
  }
  uint64_t handed = 0;
  uint32_t empty = 0;
  for (uint32_t round = 0; handed < kPackets; round++) {
    Block* block = pool.take();
    if (!block) {
      empty++;
      std::this_thread::yield();
      continue;
    }
    // Two frames of one block, to two threads.
    std::memset(block->bytes(), static_cast<int>(round), 200);
    const PacketRef first(block, 0, 100);
    PacketRef second(first);
    if (round % 8 == 0) second = spares.copy(second);
    for (size_t i = round % places.size(), tries = 0; second && tries < places.size(); tries++, i++) {
      Place& place = places[i % places.size()];
      if (place.full.load(std::memory_order_acquire)) continue;
      place.packet = tries % 2 ? first : std::move(second);
      place.full.store(true, std::memory_order_release);
      handed++;
    }
    if (second) std::this_thread::yield();
  }
  while (std::ranges::any_of(places, [](const Place& place) { return place.full.load(std::memory_order_acquire); }))
    std::this_thread::yield();
  ended.store(true, std::memory_order_release);
  for (std::thread& thread : threads) thread.join();
  check(seen.load() == handed, std::to_string(handed) + " packets, each whole where it was given back");
  check(pool.free_count() == 12, "all blocks are free again; the pool was empty " + std::to_string(empty) + " times");
  uint32_t taken = 0;
  std::vector<PacketRef> all;
  while (Block* block = pool.take()) {
    all.emplace_back(block, 0, 1);
    taken++;
  }
  check(taken == 12 && pool.free_count() == 0, "each once");
  all.clear();
  check(pool.free_count() == 12, "and again");
}

}  // namespace

int main() {
  give_back_by_many();
  return end_checks();
}
