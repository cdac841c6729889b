// Built-in flows: what is asked of one, and what its two ends count, in fixed memory.
#pragma once

#include <array>
#include <bit>
#include <cstdint>
#include <memory>

namespace nslab::engine::lanes {

/** UDP port that packets of built-in flows go to, as in the published configuration (user_space_server_port). */
inline constexpr uint16_t kFlowPort = 8888;

struct FlowSetting {
  /** Number of the flow, the same at both ends. */
  uint32_t flow = 0;
  /** A node, or a group. */
  uint32_t destination = 0;
  /** Bytes of one IPv4 packet, headers included; from kFlowPacketMin. */
  uint32_t packet_bytes = 1400;
  /** Of packets, in all; 0: no such end. */
  uint64_t bytes = 0;
  /** 0: no such end. */
  int64_t duration_ns = 0;
  /** Bytes a second of packets; 0: as fast as its first link takes them. */
  uint64_t rate_bytes_per_s = 0;
  /** Addresses are base + node id, in host order. */
  uint32_t base = 0;
  bool is_group = false;
  /** In the round robin of the links of the node that makes it. */
  uint32_t weight = 1;
};

/** Addresses of groups are this plus their number, in host order: 239.255.0.0. */
inline constexpr uint32_t kGroupBase = 0xefff'0000;
inline constexpr uint32_t kGroupMax = 0xffff;

/** IPv4 and UDP header, and 24 bytes of our own. */
inline constexpr uint32_t kFlowPacketMin = 20 + 8 + 24;

/** Log-linear, as HdrHistogram: 64 steps an octave, so that a value is known to 1.6 %; up to 2^41 ns (36 minutes). */
class Histogram {
 public:
  void add(uint64_t value) {
    const size_t index = index_of(value);
    auto& octave = octaves_[index / kSteps];
    if (!octave) octave = std::make_unique<Octave>();
    (*octave)[index % kSteps]++;
  }
  /** The value that `share` (0..1) of all are at or below; 0 where there are none. */
  [[nodiscard]] uint64_t quantile(double share) const {
    uint64_t total = 0;
    for (const auto& octave : octaves_)
      if (octave)
        for (const uint64_t count : *octave) total += count;
    if (total == 0) return 0;
    auto wanted = static_cast<uint64_t>(share * static_cast<double>(total) + 0.5);
    if (wanted < 1) wanted = 1;
    uint64_t seen = 0;
    for (size_t i = 0; i < octaves_.size() * kSteps; i++)
      if (const auto& octave = octaves_[i / kSteps]; octave && (seen += (*octave)[i % kSteps]) >= wanted)
        return top_of(i);
    return top_of(octaves_.size() * kSteps - 1);
  }

 private:
  static constexpr unsigned kStepBits = 6;
  static constexpr unsigned kBits = 41;
  static constexpr size_t kSteps = size_t{1} << kStepBits;

  static size_t index_of(uint64_t value) {
    if (value < kSteps) return value;
    if (value >> kBits) value = (uint64_t{1} << kBits) - 1;
    const unsigned shift = static_cast<unsigned>(std::bit_width(value)) - 1 - kStepBits;
    return (size_t{shift} + 1) * kSteps + ((value >> shift) - kSteps);
  }
  static uint64_t top_of(size_t index) {
    if (index < kSteps) return index;
    const size_t shift = index / kSteps - 1;
    return ((index % kSteps + kSteps + 1) << shift) - 1;
  }

  using Octave = std::array<uint64_t, kSteps>;
  /** There from its first value on: of one flow's latencies few are. */
  std::array<std::unique_ptr<Octave>, kBits - kStepBits + 1> octaves_;
};

struct SourceStats {
  uint32_t node = 0;
  uint32_t flow = 0;
  /** Without closing packets. */
  uint64_t sent_packets = 0;
  uint64_t sent_bytes = 0;
  int64_t first_ns = 0;
  int64_t last_ns = 0;
  bool finished = false;
};

struct SinkStats {
  uint32_t node = 0;
  uint32_t flow = 0;
  /** Each once. */
  uint64_t received_packets = 0;
  uint64_t received_bytes = 0;
  uint64_t duplicate_packets = 0;
  /** Came after one that was sent later. */
  uint64_t reordered_packets = 0;
  /** Came so late that nobody knows whether it had come before; not received_packets. */
  uint64_t too_late_packets = 0;
  /** What the source said that it sent; 0 until it has. */
  uint64_t sent_packets = 0;
  bool finished = false;
  int64_t first_ns = 0;
  int64_t last_ns = 0;
  /** One way, by the clocks of both ends (CLOCK_MONOTONIC: one machine). */
  uint64_t latency_p50_ns = 0;
  uint64_t latency_p99_ns = 0;
  uint64_t latency_max_ns = 0;
};

}  // namespace nslab::engine::lanes
