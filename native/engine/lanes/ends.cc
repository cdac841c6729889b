// A node's own ends: built-in flows; its TUN interface is in tuns.cc.
#include <unistd.h>

#include <algorithm>
#include <utility>

#include "base/sys.h"
#include "engine/lanes/lane.h"
#include "engine/lanes/limits.h"

namespace nslab::engine::lanes {
void Lane::deliver(NodePart& part, const Slice& slice) {
  const uint8_t* packet = slice.packet();
  if (const auto mark = flow_mark(packet, slice.packet_bytes())) {
    FlowSink* sink = sink_of(part, *mark);
    if (!sink) return count_delivered(part, 1, slice.packet_bytes(), Drop::nobody);
    if (sink->take(*mark, slice.packet_bytes(), now_ns_)) outbox_.finished.push_back({part.id, mark->flow, false});
    return count_delivered(part, 1, slice.packet_bytes());
  }
  if (const auto taken = deliver_message(part, slice)) return count_delivered(part, 1, slice.packet_bytes(), *taken);
  if (!part.tun) return count_delivered(part, 1, slice.packet_bytes(), Drop::nobody);
  if (part.tun->offloads) return join(*part.tun, slice);
  const ssize_t written = sys::call([&] { return ::write(part.tun->fd->get(), packet, slice.packet_bytes()); });
  count_written(*part.tun, slice.frame(), slice.size, 1, slice.packet_bytes(), written >= 0);
}

void Lane::count_delivered(NodePart& part, uint32_t packets, uint64_t bytes, Drop refused) {
  if (refused != Drop::none) return count_drop(part.account, refused, packets);
  part.account.out_packets += packets;
  part.account.out_bytes += bytes;
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

}  // namespace nslab::engine::lanes
