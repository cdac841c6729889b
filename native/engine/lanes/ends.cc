// A node's own ends: built-in flows and the TUN interface.
#include <netinet/in.h>
#include <sys/epoll.h>
#include <unistd.h>

#include <algorithm>
#include <string>
#include <utility>

#include "base/sys.h"
#include "engine/lanes/lane.h"
#include "engine/lanes/limits.h"
#include "engine/packets/big_endian.h"

namespace nslab::engine::lanes {
namespace {

/** Addresses, protocol, and ports where there are any: the same for all packets of a conversation. */
uint32_t conversation_hash(const uint8_t* packet, uint32_t bytes) {
  const uint32_t header = (packet[0] & 15u) * 4;
  const bool has_ports = (packet[9] == IPPROTO_TCP || packet[9] == IPPROTO_UDP) &&
                         (read_u16(packet + 6) & 0x1fff) == 0 && bytes >= header + 4;
  uint64_t hash = uint64_t{read_u32(packet + 12)} << 32 | read_u32(packet + 16);
  hash = (hash ^ packet[9]) * 0x9e37'79b9'7f4a'7c15;
  if (has_ports) hash = (hash ^ hash >> 29 ^ read_u32(packet + header)) * 0xbf58'476d'1ce4'e5b9;
  return static_cast<uint32_t>(hash >> 32);
}

}  // namespace

Drop Lane::deliver(NodePart& part, const Slice& slice) {
  const uint8_t* packet = slice.packet();
  if (const auto mark = flow_mark(packet, slice.packet_bytes())) {
    FlowSink* sink = sink_of(part, *mark);
    if (!sink) return Drop::nobody;
    if (sink->take(*mark, slice.packet_bytes(), now_ns_)) outbox_.finished.push_back({part.id, mark->flow, false});
    return Drop::none;
  }
  if (!part.tun) return Drop::nobody;
  const ssize_t written = sys::call([&] { return ::write(part.tun->fd->get(), packet, slice.packet_bytes()); });
  if (written >= 0) return Drop::none;
  return errno == EINVAL ? Drop::malformed : Drop::local_full;
}

FlowSink* Lane::sink_of(NodePart& part, const FlowMark& mark) {
  if (const auto found = part.sinks.find(mark.flow); found != part.sinks.end()) return found->second.get();
  if (std::ranges::find(part.stopped, static_cast<const FlowStart&>(mark)) != part.stopped.end()) return nullptr;
  if (hub_.sinks.fetch_add(1) >= kSinksMax) {
    hub_.sinks.fetch_sub(1);
    return nullptr;
  }
  auto& sink = part.sinks[mark.flow];
  sink = std::make_unique<FlowSink>(part.id, mark.flow);
  return sink.get();
}

void Lane::start_timer(Source& source, int64_t at_ns) {
  source.timer_ns = at_ns;
  timers_.push({at_ns, false, source.part->id, source.flow.stats().flow});
}

void Lane::serve(Source& source) {
  NodePart& part = *source.part;
  const bool was_finished = source.flow.stats().finished;
  const uint32_t count = source.flow.due(now_ns_, kFlowBatch);
  if (!was_finished && source.flow.stats().finished)
    outbox_.finished.push_back({part.id, source.flow.stats().flow, true});
  if (count == 0) {
    if (!source.flow.closed()) start_timer(source, source.flow.next_ns());
    return;
  }
  const uint32_t size = source.flow.frame_bytes();
  const uint64_t lost_before = part.account.dropped_packets();
  for (uint32_t i = 0; i < count; i++) {
    if (!make_room(size)) return make_ready(source);
    const Slice slice{current_, filled_, size};
    source.flow.write(slice.frame(), now_ns_);
    PacketHeader header;
    (void)decode_header(slice.frame(), header);
    if (!forward(part, slice, header, true, source)) return;
    filled_ += size;
    source.flow.made(now_ns_);
  }
  // One that has no way to go would otherwise turn for nothing.
  const bool went_nowhere = source.flow.unpaced() && part.account.dropped_packets() - lost_before >= count;
  if (went_nowhere) start_timer(source, now_ns_ + kNoWayPauseNs);
  else make_ready(source);
}

Status Lane::carry_out(const AttachTun& command, const Order&) {
  const std::string where = "node " + std::to_string(command.node);
  NodePart* part = part_of(command.node);
  if (!part) return Status::failed(ENOENT, "AttachTun", where);
  if (part->tun) return Status::failed(EEXIST, "AttachTun", where);
  auto tun = std::make_unique<Tun>();
  tun->part = part;
  tun->fd = command.fd;
  tun->base = command.base;
  tun->nodes_max = command.nodes_max;
  tun->reads = hub_.lane_of(part->id, part->processors, 0) == index_;
  if (tun->reads) {
    epoll_event event{};
    event.events = EPOLLIN | EPOLLET;
    event.data.u64 = kTunBit | part->id;
    if (sys::call([&] { return ::epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, command.fd->get(), &event); }) != 0)
      return Status::from_errno("epoll_ctl", where);
  }
  part->tun = std::move(tun);
  return {};
}

Status Lane::carry_out(const DetachTun& command, const Order&) {
  NodePart* part = part_of(command.node);
  if (!part || !part->tun) return Status::failed(ENOENT, "DetachTun", "node " + std::to_string(command.node));
  detach(*part);
  return {};
}

void Lane::detach(NodePart& part) {
  if (!part.tun) return;
  forget(*part.tun);
  if (part.tun->reads) (void)::epoll_ctl(epoll_.get(), EPOLL_CTL_DEL, part.tun->fd->get(), nullptr);
  part.tun.reset();
}

void Lane::serve(Tun& tun) {
  NodePart& part = *tun.part;
  constexpr uint32_t kRoom = static_cast<uint32_t>(kPacketHeaderBytes + kPacketBytesMax);
  for (uint32_t i = 0; i < kFlowBatch; i++) {
    if (!tun.pending) {
      if (!make_room(kRoom)) return make_ready(tun);
      uint8_t* frame = current_->bytes() + filled_;
      uint8_t* packet = frame + kPacketHeaderBytes;
      const ssize_t count = sys::call([&] { return ::read(tun.fd->get(), packet, kPacketBytesMax); });
      if (count <= 0) {
        tun.readable = false;
        return;
      }
      const auto bytes = static_cast<uint32_t>(count);
      const uint32_t address = bytes >= kPacketBytesMin && packet[0] >> 4 == 4 ? read_u32(packet + 16) : tun.base;
      const bool is_group = address - kGroupBase <= kGroupMax;
      const uint32_t to = address - (is_group ? kGroupBase : tun.base);
      if (to == 0 || (!is_group && to > tun.nodes_max)) {
        part.account.in_packets++;
        part.account.in_bytes += bytes;
        part.account.dropped[static_cast<size_t>(Drop::malformed)]++;
        continue;
      }
      PacketHeader header;
      header.packet_bytes = static_cast<uint16_t>(bytes);
      header.source = part.id;
      header.destination = to;
      header.flow = conversation_hash(packet, bytes);
      if (is_group) header.flags = kFlagGroup;
      encode_header(header, frame);
      const uint32_t size = bytes + static_cast<uint32_t>(kPacketHeaderBytes);
      current_->holders.fetch_add(1, std::memory_order_relaxed);
      tun.pending = PacketRef(current_, filled_, size);
      filled_ += size;
    }
    Slice slice{tun.pending.block(), 0, tun.pending.size()};
    slice.offset = static_cast<uint32_t>(tun.pending.data() - slice.block->bytes());
    PacketHeader header;
    (void)decode_header(slice.frame(), header);
    if (!forward(part, slice, header, true, tun)) return;
    tun.pending = {};
  }
  make_ready(tun);
}

}  // namespace nslab::engine::lanes
