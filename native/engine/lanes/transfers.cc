// The ends of lossless transfers at a node: what they say becomes packets here, and packets go to them.
#include <netinet/in.h>

#include <string>
#include <utility>

#include "engine/lanes/lane.h"
#include "engine/lanes/limits.h"
#include "engine/packets/big_endian.h"
#include "engine/packets/mix.h"

namespace nslab::engine::lanes {
namespace {

constexpr uint32_t kPortAt = 22, kMessageAt = 28;

/** The message in a packet of a transfer; empty where it is none. */
std::span<const uint8_t> message_of(const Slice& slice) {
  const uint8_t* packet = slice.packet();
  const uint32_t bytes = slice.packet_bytes();
  if (bytes < kMessageAt || packet[0] != 0x45 || packet[9] != IPPROTO_UDP || read_u16(packet + kPortAt) != kFlowPort)
    return {};
  const std::span<const uint8_t> message{packet + kMessageAt, bytes - kMessageAt};
  return lossless::is_message(message) ? message : std::span<const uint8_t>();
}

/** Lanes of relays are chosen by flow and tree. */
uint32_t hash_of(uint32_t flow, const lossless::Outgoing& out) {
  return out.tree ? flow_hash(flow ^ (uint32_t{*out.tree} + 1) * 0x9e37'79b1) : flow_hash(flow);
}

template <typename End>
uint32_t size_of(const End& out) {
  return static_cast<uint32_t>(kPacketHeaderBytes) + kMessageAt + out.message_bytes;
}

}  // namespace

std::optional<uint32_t> Lane::transfer_lane(const NodePart& part, const Slice& slice) const {
  const auto message = message_of(slice);
  if (message.empty()) return {};
  return hub_.lane_of(part.id, part.processors, flow_hash(lossless::flow_of(message)));
}

std::optional<Drop> Lane::deliver_message(NodePart& part, const Slice& slice) {
  const auto message = message_of(slice);
  if (message.empty()) return {};
  lossless::Head head;
  if (!lossless::read_head(message, head)) return Drop::malformed;
  const uint32_t from = read_u32(slice.frame() + 8);
  const auto found = part.transfers.find(head.flow);
  Transfer* transfer = found == part.transfers.end() ? nullptr : found->second.get();
  if (head.kind == lossless::Kind::report) {
    if (!transfer || !transfer->sender) return Drop::nobody;
    if (transfer->sender->take(from, head, message, now_ns_)) outbox_.finished.push_back({part.id, head.flow, true});
  } else if (head.kind == lossless::Kind::poll) {
    lossless::Poll poll;
    if (!lossless::read_poll(message, poll)) return Drop::malformed;
    if (poll.to != part.id) return Drop::none;
    transfer = receiver_of(part, from, head, poll.cut);
    if (!transfer) return Drop::nobody;
    // As it has the source's own address.
    transfer->base = read_u32(slice.packet() + 12) - from;
    if (transfer->receiver->take_poll(head, poll, now_ns_)) outbox_.finished.push_back({part.id, head.flow, false});
  } else {
    if (!transfer || !transfer->receiver || transfer->receiver->source() != from) return Drop::nobody;
    if (!transfer->receiver->take_symbol(head, message, now_ns_)) return Drop::nobody;
  }
  if (!transfer->waiting) make_ready(*transfer);
  return Drop::none;
}

Transfer* Lane::receiver_of(NodePart& part, uint32_t from, const lossless::Head& head, const lossless::Cut& cut) {
  auto& place = part.transfers[head.flow];
  if (place && place->sender) return nullptr;
  if (place && place->receiver->source() == from && place->receiver->start() == head.start) return place.get();
  const auto none = [&]() -> Transfer* {
    if (!place) part.transfers.erase(head.flow);
    return nullptr;
  };
  // A start that was ended by another is over, and stays so.
  if (place && place->start_before == head.start) return nullptr;
  const uint64_t bytes = lossless::Receiver::bytes_of(cut);
  if (bytes > kTransferBytesMax) return none();
  const auto library = cut.parity_symbols > 0 ? lossless::isa_l() : Result<const lossless::IsaL*>(nullptr);
  if (!library) return none();
  if (hub_.transfer_bytes.fetch_add(bytes) + bytes > kTransfersBytesMax) {
    hub_.transfer_bytes.fetch_sub(bytes);
    return none();
  }
  auto transfer = std::make_unique<Transfer>();
  transfer->part = &part;
  transfer->flow = head.flow;
  transfer->bytes = bytes;
  if (place) transfer->start_before = place->receiver->start();
  transfer->receiver = std::make_unique<lossless::Receiver>(part.id, from, head, cut, *library, now_ns_);
  if (place) end(*place);
  place = std::move(transfer);
  return place.get();
}

void Lane::end(Transfer& transfer) {
  forget(transfer);
  hub_.transfer_bytes.fetch_sub(transfer.bytes);
}

void Lane::stop_transfer(NodePart& part, uint32_t flow) {
  const auto found = part.transfers.find(flow);
  if (found == part.transfers.end()) return;
  end(*found->second);
  part.transfers.erase(found);
}

void Lane::serve(Transfer& transfer) {
  NodePart& part = *transfer.part;
  const auto speak = [&](auto& end) {
    for (uint32_t i = 0; i < kFlowBatch; i++) {
      const auto out = end.next(now_ns_);
      if (!out) {
        transfer.timer_ns = end.next_ns();
        if (transfer.timer_ns != kNever) timers_.push({transfer.timer_ns, false, part.id, transfer.flow});
        return;
      }
      if (!make_room(size_of(*out))) return make_ready(transfer);
      const Slice slice{current_, filled_, size_of(*out)};
      PacketHeader header = write_packet(transfer, *out, slice);
      end.write({slice.packet() + kMessageAt, out->message_bytes});
      if (!forward(part, slice, header, true, transfer)) return;
      filled_ += slice.size;
      end.made(now_ns_);
    }
    make_ready(transfer);
  };
  if (transfer.sender) {
    const bool was_finished = transfer.sender->finished();
    speak(*transfer.sender);
    if (!was_finished && transfer.sender->finished()) outbox_.finished.push_back({part.id, transfer.flow, true});
    return;
  }
  if (transfer.receiver->group() != 0 && !part.routes.is_member(transfer.receiver->group()))
    transfer.receiver->leave(now_ns_);
  speak(*transfer.receiver);
}

PacketHeader Lane::write_packet(const Transfer& transfer, const lossless::Outgoing& out, const Slice& slice) {
  PacketHeader header;
  header.packet_bytes = static_cast<uint16_t>(kMessageAt + out.message_bytes);
  header.source = transfer.part->id;
  header.destination = out.destination;
  header.flow = hash_of(transfer.flow, out);
  if (out.is_group) header.flags = kFlagGroup;
  if (out.tree) {
    header.flags |= kFlagTree;
    header.tree = *out.tree;
  }
  encode_header(header, slice.frame());
  const uint32_t base = transfer.base;
  write_flow_headers(slice.packet(), header.packet_bytes, 0, base + header.source,
                     (out.is_group ? kGroupBase : base) + out.destination, transfer.flow);
  return header;
}

Status Lane::carry_out(const StartTransfer& command, const Order&) {
  const std::string where = "node " + std::to_string(command.node);
  NodePart* part = part_of(command.node);
  if (!part) return Status::failed(ENOENT, "StartTransfer", where);
  const lossless::TransferSetting& wanted = command.setting;
  lossless::Cut cut = wanted.cut;
  if (cut.window_blocks == 0 && cut.source_symbols > 0 && cut.symbol_bytes > 0) cut.window_blocks = window_of(cut);
  const bool good =
      cut.good() && wanted.flow <= kFlowMax && wanted.destination > 0 && cut.symbol_bytes <= kSymbolBytesMax &&
      lossless::Receiver::bytes_of(cut) <= kTransferBytesMax &&
      (wanted.is_group ? wanted.destination <= kGroupMax && cut.group == wanted.destination : cut.group == 0);
  if (!good) return Status::failed(EINVAL, "StartTransfer", where, "no such flow, destination, payload or symbols");
  if (hub_.lane_of(part->id, part->processors, flow_hash(wanted.flow)) != index_) return {};
  const auto found = part->transfers.find(wanted.flow);
  const bool is_taken =
      found != part->transfers.end() && (!found->second->sender || !found->second->sender->finished());
  if (is_taken || part->sources.contains(wanted.flow)) return Status::failed(EEXIST, "StartTransfer", where);
  const auto library = cut.parity_symbols > 0 ? lossless::isa_l() : Result<const lossless::IsaL*>(nullptr);
  if (!library) return Status(library.error());
  stop_transfer(*part, wanted.flow);
  auto transfer = std::make_unique<Transfer>();
  transfer->part = part;
  transfer->flow = wanted.flow;
  transfer->base = command.base;
  lossless::TransferSetting setting = wanted;
  setting.cut = cut;
  const auto start = static_cast<uint32_t>(mix(static_cast<uint64_t>(now_ns_)));
  transfer->sender = std::make_unique<lossless::Sender>(part->id, setting, *library, start, now_ns_);
  make_ready(*transfer);
  part->transfers[wanted.flow] = std::move(transfer);
  return {};
}

}  // namespace nslab::engine::lanes
