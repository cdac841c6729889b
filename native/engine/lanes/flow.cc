#include "engine/lanes/flow.h"

#include <arpa/inet.h>

#include <algorithm>
#include <cstring>

#include "engine/lanes/limits.h"
#include "engine/packets/big_endian.h"
#include "engine/packets/egress.h"
#include "engine/packets/mix.h"

namespace nslab::engine::lanes {
namespace {

constexpr uint32_t kMagic = 0x4e53'4c46;
constexpr size_t kStartAt = 4, kUdpAt = 20, kMarkAt = 28;
constexpr uint32_t kClosingBit = 0x8000'0000;

uint64_t read_u64(const uint8_t* bytes) { return uint64_t{read_u32(bytes)} << 32 | read_u32(bytes + 4); }
void write_u64(uint8_t* bytes, uint64_t value) {
  write_u32(bytes, static_cast<uint32_t>(value >> 32));
  write_u32(bytes + 4, static_cast<uint32_t>(value));
}

uint16_t header_sum(const uint8_t* header) {
  uint32_t sum = 0;
  for (size_t i = 0; i < 20; i += 2) sum += read_u16(header + i);
  while (sum >> 16) sum = (sum & 0xffff) + (sum >> 16);
  return static_cast<uint16_t>(~sum);
}

}  // namespace

uint32_t flow_hash(uint32_t flow) {
  // The finalizer of MurmurHash3: numbers that follow each other spread over lanes and routes.
  uint32_t hash = flow;
  hash = (hash ^ hash >> 16) * 0x85eb'ca6b;
  hash = (hash ^ hash >> 13) * 0xc2b2'ae35;
  return hash ^ hash >> 16;
}

void write_flow_headers(uint8_t* ip, uint16_t packet_bytes, uint16_t identification, uint32_t from, uint32_t to,
                        uint32_t flow) {
  std::memset(ip, 0, kMarkAt);
  ip[0] = 0x45;
  write_u16(ip + 2, packet_bytes);
  write_u16(ip + kStartAt, identification);
  // Don't fragment; time to live 64.
  write_u16(ip + 6, 0x4000);
  ip[8] = 64;
  ip[9] = IPPROTO_UDP;
  write_u32(ip + 12, from);
  write_u32(ip + 16, to);
  write_u16(ip + 10, header_sum(ip));
  write_u16(ip + kUdpAt, static_cast<uint16_t>(49'152 + flow % 16'384));
  write_u16(ip + kUdpAt + 2, kFlowPort);
  // No checksum: RFC 768 allows that over IPv4.
  write_u16(ip + kUdpAt + 4, static_cast<uint16_t>(packet_bytes - kUdpAt));
}

std::optional<FlowMark> flow_mark(const uint8_t* packet, uint32_t bytes) {
  const bool ours = bytes >= kFlowPacketMin && packet[0] == 0x45 && packet[9] == IPPROTO_UDP &&
                    read_u16(packet + kUdpAt + 2) == kFlowPort && read_u32(packet + kMarkAt) == kMagic;
  if (!ours) return {};
  const uint32_t flow = read_u32(packet + kMarkAt + 4);
  return FlowMark{{flow & ~kClosingBit, read_u16(packet + kStartAt)},
                  (flow & kClosingBit) != 0,
                  read_u64(packet + kMarkAt + 8),
                  static_cast<int64_t>(read_u64(packet + kMarkAt + 16))};
}

void FlowSource::open(uint32_t node, const FlowSetting& setting, int64_t now_ns) {
  setting_ = setting;
  stats_ = {};
  stats_.node = node;
  stats_.flow = setting.flow;
  began_ns_ = next_ns_ = now_ns;
  closings_left_ = kClosings;
  ended_ = false;
  PacketHeader header;
  header.packet_bytes = static_cast<uint16_t>(setting.packet_bytes);
  header.source = node;
  header.destination = setting.destination;
  header.flow = flow_hash(setting.flow);
  if (setting.is_group) header.flags = kFlagGroup;
  encode_header(header, start_.data());
  uint8_t* ip = start_.data() + kPacketHeaderBytes;
  // Chance enough: another start of the same flow is seldom, and one in 65,536 of them is taken for the one before.
  const auto start = static_cast<uint16_t>(mix(static_cast<uint64_t>(now_ns)));
  write_flow_headers(ip, static_cast<uint16_t>(setting.packet_bytes), start, setting.base + node,
                     (setting.is_group ? kGroupBase : setting.base) + setting.destination, setting.flow);
  write_u32(ip + kMarkAt, kMagic);
  write_u32(ip + kMarkAt + 4, setting.flow);
}

bool FlowSource::all_made(int64_t now_ns) const {
  return ended_ || (setting_.bytes > 0 && stats_.sent_bytes >= setting_.bytes) ||
         (setting_.duration_ns > 0 && now_ns - began_ns_ >= setting_.duration_ns);
}

uint32_t FlowSource::due(int64_t now_ns, uint32_t most) {
  if (closed()) return 0;
  if (!stats_.finished && all_made(now_ns)) {
    stats_.finished = true;
    next_ns_ = now_ns;
  }
  if (stats_.finished) return now_ns >= next_ns_ ? 1 : 0;
  uint64_t count = most;
  if (setting_.bytes > 0) {
    const uint64_t left = setting_.bytes - stats_.sent_bytes;
    count = std::min<uint64_t>(count, (left + setting_.packet_bytes - 1) / setting_.packet_bytes);
  }
  if (setting_.rate_bytes_per_s == 0) return static_cast<uint32_t>(count);
  const double bytes_due =
      static_cast<double>(now_ns - began_ns_) * 1e-9 * static_cast<double>(setting_.rate_bytes_per_s);
  const double packets_due = bytes_due / setting_.packet_bytes + 1 - static_cast<double>(stats_.sent_packets);
  if (packets_due >= 1) return static_cast<uint32_t>(std::min<double>(static_cast<double>(count), packets_due));
  const double due_s =
      static_cast<double>(stats_.sent_packets) * setting_.packet_bytes / static_cast<double>(setting_.rate_bytes_per_s);
  next_ns_ = std::max(began_ns_ + static_cast<int64_t>(due_s * 1e9) + 1, now_ns + kPaceGapNs);
  if (setting_.duration_ns > 0) next_ns_ = std::min(next_ns_, began_ns_ + setting_.duration_ns);
  return 0;
}

void FlowSource::write(uint8_t* frame, int64_t now_ns) const {
  std::memcpy(frame, start_.data(), start_.size());
  uint8_t* mark = frame + kPacketHeaderBytes + kMarkAt;
  if (stats_.finished) write_u32(mark + 4, setting_.flow | kClosingBit);
  write_u64(mark + 8, stats_.sent_packets);
  write_u64(mark + 16, static_cast<uint64_t>(now_ns));
  std::memset(frame + start_.size(), 0, frame_bytes() - start_.size());
}

void FlowSource::made(int64_t now_ns) {
  if (stats_.finished) {
    closings_left_--;
    next_ns_ = now_ns + kClosingGapNs;
    return;
  }
  if (stats_.sent_packets == 0) stats_.first_ns = now_ns;
  stats_.last_ns = now_ns;
  stats_.sent_packets++;
  stats_.sent_bytes += setting_.packet_bytes;
}

FlowSink::FlowSink(uint32_t node, uint32_t flow) {
  stats_.node = node;
  stats_.flow = flow;
}

void FlowSink::begin(uint16_t start) {
  if (start_) {
    const auto before = start_;
    *this = FlowSink(stats_.node, stats_.flow);
    start_before_ = before;
  }
  start_ = start;
}

bool FlowSink::take(const FlowMark& mark, uint32_t bytes, int64_t now_ns) {
  if (start_ != mark.start) {
    if (start_before_ == mark.start) {
      stats_.too_late_packets++;
      return false;
    }
    begin(mark.start);
  }
  if (mark.closing) {
    stats_.sent_packets = mark.number;
    return !std::exchange(stats_.finished, true);
  }
  const auto bit_of = [&](uint64_t number) -> std::pair<uint64_t&, uint64_t> {
    return {seen_[number % kWindow / 64], uint64_t{1} << number % 64};
  };
  if (mark.number >= next_) {
    // What lies between, and what the window held there before, was not seen.
    const uint64_t from = mark.number - next_ >= kWindow ? mark.number - kWindow + 1 : next_;
    for (uint64_t number = from; number < mark.number; number++) {
      auto [word, bit] = bit_of(number);
      word &= ~bit;
    }
    next_ = mark.number + 1;
  } else if (next_ - mark.number > kWindow) {
    stats_.too_late_packets++;
    return false;
  } else {
    auto [word, bit] = bit_of(mark.number);
    if (word & bit) {
      stats_.duplicate_packets++;
      return false;
    }
    stats_.reordered_packets++;
  }
  auto [word, bit] = bit_of(mark.number);
  word |= bit;
  if (stats_.received_packets == 0) stats_.first_ns = now_ns;
  stats_.last_ns = now_ns;
  stats_.received_packets++;
  stats_.received_bytes += bytes;
  const auto latency = static_cast<uint64_t>(std::max<int64_t>(0, now_ns - mark.sent_ns));
  latency_.add(latency);
  stats_.latency_max_ns = std::max(stats_.latency_max_ns, latency);
  return false;
}

SinkStats FlowSink::stats() const {
  SinkStats stats = stats_;
  stats.latency_p50_ns = latency_.quantile(0.5);
  stats.latency_p99_ns = latency_.quantile(0.99);
  return stats;
}

}  // namespace nslab::engine::lanes
