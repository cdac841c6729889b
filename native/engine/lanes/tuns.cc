// The TUN interface of a node: what programs send enters the overlay here, and what is for them leaves it. With
// offloads the kernel hands over one packet for several, and takes them back as one; on the overlay they are as many as
// on a wire, each no larger than the interface's own.
#include <netinet/in.h>
#include <sys/epoll.h>
#include <sys/uio.h>
#include <unistd.h>

#include <algorithm>
#include <array>
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
  tun->offloads = command.offloads;
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

Lane::FromTun Lane::read(Tun& tun, uint8_t* packet, uint32_t& bytes) {
  VnetHeader vnet;
  std::array<iovec, 2> places{{{&vnet, sizeof vnet}, {packet, kPacketBytesMax}}};
  const size_t first = tun.offloads ? 0 : 1;
  const ssize_t count =
      sys::call([&] { return ::readv(tun.fd->get(), &places[first], static_cast<int>(places.size() - first)); });
  if (count <= 0) return FromTun::nothing;
  bytes = static_cast<uint32_t>(count);
  if (!tun.offloads) return FromTun::packet;
  if (bytes <= sizeof vnet) return FromTun::fault;
  bytes -= static_cast<uint32_t>(sizeof vnet);
  if (vnet.gso_type == kVnetGsoNone) {
    const bool well = complete_checksum(vnet, {packet, bytes}) == OffloadFault::none;
    return well ? FromTun::packet : FromTun::fault;
  }
  return tun.segments.open(vnet, {packet, bytes}) == OffloadFault::none ? FromTun::segments : FromTun::fault;
}

bool Lane::frame_packet(Tun& tun, uint8_t* frame, uint32_t bytes) {
  NodePart& part = *tun.part;
  const uint8_t* packet = frame + kPacketHeaderBytes;
  const uint32_t address = bytes >= kPacketBytesMin && packet[0] >> 4 == 4 ? read_u32(packet + 16) : tun.base;
  const bool is_group = address - kGroupBase <= kGroupMax;
  const uint32_t to = address - (is_group ? kGroupBase : tun.base);
  if (to == 0 || (!is_group && to > tun.nodes_max)) return false;
  PacketHeader header;
  header.packet_bytes = static_cast<uint16_t>(bytes);
  header.source = part.id;
  header.destination = to;
  header.flow = conversation_hash(packet, bytes);
  if (is_group) header.flags = kFlagGroup;
  encode_header(header, frame);
  return true;
}

void Lane::serve(Tun& tun) {
  NodePart& part = *tun.part;
  for (uint32_t i = 0; i < kFlowBatch; i++) {
    if (!tun.pending) {
      const bool is_segment = !tun.segments.done();
      uint32_t bytes = is_segment ? tun.segments.next_bytes() : static_cast<uint32_t>(kPacketBytesMax);
      if (!make_room(bytes + static_cast<uint32_t>(kPacketHeaderBytes))) return make_ready(tun);
      uint8_t* frame = current_->bytes() + filled_;
      FromTun came = FromTun::packet;
      if (!is_segment) {
        came = read(tun, frame + kPacketHeaderBytes, bytes);
      } else {
        tun.segments.write(frame + kPacketHeaderBytes);
        if (tun.segments.done()) tun.large = {};
      }
      if (came == FromTun::nothing) {
        tun.readable = false;
        return;
      }
      const uint32_t size = bytes + static_cast<uint32_t>(kPacketHeaderBytes);
      const auto keep = [&] {
        current_->holders.fetch_add(1, std::memory_order_relaxed);
        return PacketRef(current_, std::exchange(filled_, filled_ + size), size);
      };
      if (came == FromTun::segments) {
        tun.large = keep();
        continue;
      }
      if (came == FromTun::fault || !frame_packet(tun, frame, bytes)) {
        part.account.in_packets++;
        part.account.in_bytes += bytes;
        count_drop(part.account, Drop::malformed);
        continue;
      }
      tun.pending = keep();
    }
    Slice slice{tun.pending.block(), 0, tun.pending.size()};
    slice.offset = static_cast<uint32_t>(tun.pending.data() - slice.block->bytes());
    PacketHeader header;
    (void)decode_header(slice.frame(), header);
    if (!forward(part, slice, header, true, tun)) return;
    AppFlow* begun = tun.flows.count(slice.frame(), slice.size, false, 1, slice.packet_bytes(), now_ns_);
    if (begun) begun->route = part.routes.route_of(header);
    tun.pending = {};
  }
  make_ready(tun);
}

void Lane::count_written(Tun& tun, const uint8_t* frame, uint32_t frame_bytes, uint32_t packets, uint64_t bytes,
                         bool is_written) {
  count_delivered(*tun.part, packets, bytes, is_written ? Drop::none : write_refusal());
  if (is_written) (void)tun.flows.count(frame, frame_bytes, true, packets, bytes, now_ns_);
}

void Lane::take_app_flows(NodePart& part, Counts& counts) const {
  if (!part.tun) return;
  const auto route_of = [&](const AppFlow& flow) -> std::optional<uint32_t> {
    if (flow.remote == 0) return {};
    PacketHeader header;
    header.source = part.id;
    header.destination = flow.remote;
    header.flow = flow.hash;
    return part.routes.route_of(header);
  };
  const auto tell = [&](const AppFlows::Taken& taken) { counts.app_flows.push_back({part.id, taken}); };
  part.tun->flows.take(now_ns_, route_of, tell);
  if (const AppFlows::Excess excess = part.tun->flows.excess(); excess.packets > 0) {
    counts.app_excess[part.id].packets += excess.packets;
    counts.app_excess[part.id].bytes += excess.bytes;
  }
}

Drop Lane::write_refusal() { return errno == EINVAL ? Drop::malformed : Drop::local_full; }

void Lane::join(Tun& tun, const Slice& slice) {
  const std::span<const uint8_t> packet(slice.packet(), slice.packet_bytes());
  const bool was_begun = tun.joined.packets() > 0;
  if (!tun.joined.add(packet)) {
    if (was_begun) write_joined(tun);
    if (!tun.joined.begin(packet)) {
      VnetHeader vnet;
      const std::array<iovec, 2> places{{{&vnet, sizeof vnet}, {slice.packet(), slice.packet_bytes()}}};
      const ssize_t written = sys::call([&] { return ::writev(tun.fd->get(), places.data(), places.size()); });
      return count_written(tun, slice.frame(), slice.size, 1, packet.size(), written >= 0);
    }
    joining_.push_back(&tun);
  }
  slice.block->holders.fetch_add(1, std::memory_order_relaxed);
  tun.parts.emplace_back(slice.block, slice.offset, slice.size);
  if (tun.joined.closed() || tun.parts.size() == kIovecs) write_joined(tun);
}

void Lane::write_joined(Tun& tun) {
  if (tun.parts.empty()) return;
  std::array<iovec, kIovecs + 2> places;
  VnetHeader vnet;
  std::array<uint8_t, Joined::kHeadMax> head;
  tun.joined.head(vnet, head.data());
  const size_t skipped = kPacketHeaderBytes + tun.joined.header_bytes();
  places[0] = {&vnet, sizeof vnet};
  places[1] = {head.data(), tun.joined.header_bytes()};
  uint64_t bytes = 0;
  int count = 2;
  for (const PacketRef& one : tun.parts) {
    places[static_cast<size_t>(count++)] = {one.data() + skipped, one.size() - skipped};
    bytes += one.size() - kPacketHeaderBytes;
  }
  const ssize_t written = sys::call([&] { return ::writev(tun.fd->get(), places.data(), count); });
  // All of one flow.
  const PacketRef& first = tun.parts.front();
  count_written(tun, first.data(), first.size(), static_cast<uint32_t>(tun.parts.size()), bytes, written >= 0);
  tun.parts.clear();
  tun.joined.end();
}

void Lane::write_all_joined() {
  for (Tun* tun : joining_) write_joined(*tun);
  joining_.clear();
}

}  // namespace nslab::engine::lanes
