#include "engine/packets/app_flows.h"

#include <netinet/in.h>

#include <algorithm>

#include "engine/packets/big_endian.h"
#include "engine/packets/frame.h"
#include "engine/packets/mix.h"

namespace nslab::engine {
namespace {

constexpr uint32_t kTcpHeadBytes = 20;
constexpr uint32_t kFlagsOfTcp = 13;
constexpr uint8_t kFlagFin = 1;
constexpr uint8_t kFlagSyn = 2;
constexpr uint8_t kFlagRst = 4;
constexpr size_t kIndexMin = 64;

/** False where it is no whole IPv4 header. `tcp_flags`: 0 of what is no TCP. */
bool read_key(const uint8_t* packet, size_t bytes, bool is_sink, AppFlowKey& key, uint8_t& tcp_flags) {
  if (bytes < kPacketBytesMin || packet[0] >> 4 != 4) return false;
  key = {read_u32(packet + 12), read_u32(packet + 16), 0, 0, packet[9], is_sink};
  tcp_flags = 0;
  const size_t header = (packet[0] & 15U) * 4;
  const bool has_ports = (packet[9] == IPPROTO_TCP || packet[9] == IPPROTO_UDP) &&
                         (read_u16(packet + 6) & 0x1fff) == 0 && bytes >= header + 4;
  if (!has_ports) return true;
  key.source_port = read_u16(packet + header);
  key.destination_port = read_u16(packet + header + 2);
  if (packet[9] == IPPROTO_TCP && bytes >= header + kTcpHeadBytes) tcp_flags = packet[header + kFlagsOfTcp];
  return true;
}

}  // namespace

AppFlow* AppFlows::count(const uint8_t* frame, size_t frame_bytes, bool is_sink, uint32_t packets, uint64_t bytes,
                         int64_t now_ns) {
  AppFlowKey key;
  uint8_t flags = 0;
  if (frame_bytes < kPacketHeaderBytes) return nullptr;
  if (!read_key(frame + kPacketHeaderBytes, frame_bytes - kPacketHeaderBytes, is_sink, key, flags)) return nullptr;
  const uint16_t last = last_[is_sink ? 1 : 0];
  Entry* entry = last < entries_.size() && entries_[last].flow.key == key ? &entries_[last] : find(key);
  const bool is_new = !entry || (entry->flow.ended_ns != 0 && (flags & kFlagSyn) != 0);
  if (is_new) [[unlikely]] {
    entry = open(key, entry);
    if (!entry) {
      excess_.packets += packets;
      excess_.bytes += bytes;
      return nullptr;
    }
    PacketHeader header;
    (void)decode_header(frame, header);
    entry->flow.hash = header.flow;
    entry->flow.remote = is_sink ? header.source : (header.flags & kFlagGroup) != 0 ? 0 : header.destination;
    entry->flow.first_ns = now_ns;
  }
  AppFlow& flow = entry->flow;
  last_[is_sink ? 1 : 0] = static_cast<uint16_t>(entry - entries_.data());
  flow.packets += packets;
  flow.bytes += bytes;
  flow.last_ns = now_ns;
  if ((flags & (kFlagFin | kFlagRst)) != 0) [[unlikely]] {
    if (flow.ended_ns == 0) flow.ended_ns = now_ns;
    // Who was told that there is no such connection says nothing more.
    const AppFlowKey back{key.destination_address, key.source_address, key.destination_port,
                          key.source_port,         key.protocol,       !is_sink};
    Entry* other = (flags & kFlagRst) != 0 ? find(back) : nullptr;
    if (other && other->flow.ended_ns == 0) other->flow.ended_ns = now_ns;
  }
  return is_new ? &flow : nullptr;
}

size_t AppFlows::slot_of(const AppFlowKey& key) const {
  const uint64_t addresses = uint64_t{key.source_address} << 32 | key.destination_address;
  const uint64_t rest = uint64_t{key.source_port} << 32 | uint64_t{key.destination_port} << 16 |
                        uint64_t{key.protocol} << 1 | (key.is_sink ? 1 : 0);
  return mix(addresses ^ mix(rest)) & (index_.size() - 1);
}

AppFlows::Entry* AppFlows::find(const AppFlowKey& key) {
  if (index_.empty()) return nullptr;
  for (size_t at = slot_of(key);; at = (at + 1) & (index_.size() - 1)) {
    if (index_[at] == kNobody) return nullptr;
    if (entries_[index_[at]].flow.key == key) return &entries_[index_[at]];
  }
}

AppFlows::Entry* AppFlows::open(const AppFlowKey& key, Entry* before) {
  if (entries_.size() >= max_) return nullptr;
  const auto number = static_cast<uint16_t>(entries_.size());
  if (before) before->superseded = true;
  entries_.emplace_back().flow.key = key;
  if (before || entries_.size() * 2 > index_.size()) index_all(std::max(index_.size(), kIndexMin));
  else index(number);
  return &entries_.back();
}

void AppFlows::index(uint16_t number) {
  size_t at = slot_of(entries_[number].flow.key);
  while (index_[at] != kNobody) at = (at + 1) & (index_.size() - 1);
  index_[at] = number;
}

void AppFlows::index_all(size_t slots) {
  while (slots < entries_.size() * 2) slots *= 2;
  index_.assign(slots, kNobody);
  for (size_t i = 0; i < entries_.size(); i++)
    if (!entries_[i].superseded) index(static_cast<uint16_t>(i));
}

void AppFlows::forget_ended(int64_t now_ns) {
  const auto is_over = [&](const Entry& entry) {
    return entry.flow.ended_ns != 0 && (entry.superseded || now_ns - entry.flow.last_ns >= kAppFlowLingerNs);
  };
  if (std::erase_if(entries_, is_over) == 0) return;
  last_ = {kNobody, kNobody};
  index_all(index_.size());
}

}  // namespace nslab::engine
