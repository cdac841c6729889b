// The two ends of a built-in flow. Its packets are IPv4 and UDP, and after those headers, in network byte order:
//
//    0  4  magic "NSLF"        8  8  sequence number, from 0; of a closing packet how many were sent
//    4  4  flow; its first    16  8  when it was sent, ns
//          bit: closing
//
// The IPv4 header's identification is the same in all packets of one start of the flow.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include "engine/lanes/flow_stats.h"
#include "engine/packets/frame.h"

namespace nslab::engine::lanes {

inline constexpr uint32_t kFlowMax = 0x7fff'ffff;

/** What packets of a flow have in their frame's header. */
[[nodiscard]] uint32_t flow_hash(uint32_t flow);

/** One start of a flow: numbers of packets begin anew with it. */
struct FlowStart {
  uint32_t flow = 0;
  uint16_t start = 0;
  bool operator==(const FlowStart&) const = default;
};

struct FlowMark : FlowStart {
  bool closing = false;
  uint64_t number = 0;
  int64_t sent_ns = 0;
};

/** Nothing where the packet is of no built-in flow. */
[[nodiscard]] std::optional<FlowMark> flow_mark(const uint8_t* packet, uint32_t bytes);

/** IPv4 and UDP header of a packet of a flow, 28 bytes. Addresses in host order. */
void write_flow_headers(uint8_t* packet, uint16_t packet_bytes, uint16_t identification, uint32_t from, uint32_t to,
                        uint32_t flow);

class FlowSource {
 public:
  void open(uint32_t node, const FlowSetting& setting, int64_t now_ns);
  /** As if all were made: its closing packets follow. */
  void end() { ended_ = true; }

  /** How many packets may be made now, `most` at most; 0: not before next_ns(), or all is made. */
  [[nodiscard]] uint32_t due(int64_t now_ns, uint32_t most);
  /** Bytes of the next frame. */
  [[nodiscard]] uint32_t frame_bytes() const {
    return static_cast<uint32_t>(kPacketHeaderBytes) + setting_.packet_bytes;
  }
  /** Writes the next frame, and counts it with made(). */
  void write(uint8_t* frame, int64_t now_ns) const;
  void made(int64_t now_ns);
  /** kNever: when there is room. */
  [[nodiscard]] int64_t next_ns() const { return next_ns_; }
  [[nodiscard]] bool unpaced() const { return setting_.rate_bytes_per_s == 0; }
  /** All is made, closing packets included. */
  [[nodiscard]] bool closed() const { return closings_left_ == 0; }
  [[nodiscard]] const SourceStats& stats() const { return stats_; }
  [[nodiscard]] uint32_t destination() const { return setting_.destination; }

 private:
  [[nodiscard]] bool all_made(int64_t now_ns) const;

  FlowSetting setting_;
  /** Headers, as every packet has them. */
  std::array<uint8_t, kPacketHeaderBytes + kFlowPacketMin> start_{};
  SourceStats stats_;
  int64_t began_ns_ = 0;
  int64_t next_ns_ = 0;
  uint32_t closings_left_ = 0;
  bool ended_ = false;
};

class FlowSink {
 public:
  FlowSink(uint32_t node, uint32_t flow);
  /**
   * True where this says, for the first time, that the source has sent all. A flow that was started again counts from
   * zero; what is left of its start before is too late.
   */
  bool take(const FlowMark& mark, uint32_t bytes, int64_t now_ns);
  [[nodiscard]] SinkStats stats() const;
  /** Nothing before the first packet. */
  [[nodiscard]] std::optional<uint16_t> start() const { return start_; }

 private:
  /** Packets that may overtake each other by so many, and are still told apart from duplicates. */
  static constexpr uint64_t kWindow = 16'384;

  void begin(uint16_t start);

  SinkStats stats_;
  std::optional<uint16_t> start_;
  std::optional<uint16_t> start_before_;
  Histogram latency_;
  /** The next number that was never seen. */
  uint64_t next_ = 0;
  std::array<uint64_t, kWindow / 64> seen_{};
};

}  // namespace nslab::engine::lanes
