// A link's egress with packets to offer, for its tests.
#pragma once

#include "engine/packets/egress.h"
#include "test/packets_parts.h"

namespace nslab::test::egress {

using namespace engine;

constexpr int64_t kMs = 1'000'000;
constexpr int64_t kSecond = 1'000 * kMs;

struct Link {
  explicit Link(const LinkSetting& setting = {}, uint64_t seed = 1, const Spares::Counts& counts = {64, 4'096, 1})
      : spares(counts), egress(setting, seed, spares) {}

  Drop offer(uint32_t bytes, int64_t now_ns, uint32_t flow = 1) {
    return egress.offer(frames.make(bytes, flow), flow, now_ns);
  }
  /** Numbers of those that leave. */
  std::vector<uint32_t> take(int64_t now_ns, size_t room = 10'000) {
    std::vector<PacketRef> out(room);
    const size_t count = egress.take(out.data(), room, now_ns);
    std::vector<uint32_t> numbers;
    for (size_t i = 0; i < count; i++) numbers.push_back(Frames::number(out[i]));
    return numbers;
  }
  [[nodiscard]] uint64_t dropped(Drop reason) const { return egress.account().dropped[static_cast<size_t>(reason)]; }

  Frames frames{2'048, 4'200};
  Spares spares;
  Egress egress;
};

using Numbers = std::vector<uint32_t>;

}  // namespace nslab::test::egress
