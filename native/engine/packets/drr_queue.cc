#include "engine/packets/drr_queue.h"

#include <algorithm>
#include <utility>

#include "engine/packets/mix.h"

namespace nslab::engine {

DrrQueue::DrrQueue() : buckets_(16, kNone) {}

void DrrQueue::set_round_robin(bool round_robin) {
  if (round_robin == round_robin_) return;
  round_robin_ = round_robin;
  std::vector<uint32_t> waiting;
  for (uint32_t flow = active_first_; flow != kNone; flow = flows_[flow].next)
    for (uint32_t at = flows_[flow].first; at != kNone; at = entries_[at].next) waiting.push_back(at);
  std::ranges::sort(waiting, {}, [&](uint32_t at) { return entries_[at].sequence; });
  while (active_first_ != kNone) {
    const uint32_t flow = active_first_;
    active_first_ = flows_[flow].next;
    leave(flow);
  }
  active_last_ = kNone;
  turn_given_ = false;
  for (const uint32_t entry : waiting) put(entry);
}

void DrrQueue::set_weight(uint32_t flow, uint32_t weight) {
  weight = std::clamp(weight, 1U, kWeightMax);
  if (weight == 1) weights_.erase(flow);
  else weights_[flow] = weight;
  if (!round_robin_) return;
  for (uint32_t at = *bucket_of(flow); at != kNone; at = flows_[at].chained)
    if (flows_[at].id == flow) flows_[at].weight = weight;
}

void DrrQueue::push(PacketRef packet, uint32_t flow, uint32_t bytes, int64_t now_ns) {
  uint32_t at = free_entry_;
  if (at == kNone) {
    at = static_cast<uint32_t>(entries_.size());
    entries_.emplace_back();
  } else {
    free_entry_ = entries_[at].next;
  }
  entries_[at] = {std::move(packet), flow, bytes, now_ns, sequence_++, kNone};
  quantum_ = std::max<int64_t>(quantum_, bytes);
  size_++;
  put(at);
}

void DrrQueue::put(uint32_t entry) {
  Flow& flow = flows_[flow_of(round_robin_ ? entries_[entry].flow : 0)];
  entries_[entry].next = kNone;
  if (flow.first == kNone) flow.first = entry;
  else entries_[flow.last].next = entry;
  flow.last = entry;
}

const DrrQueue::Entry& DrrQueue::front() {
  for (;;) {
    Flow& flow = flows_[active_first_];
    const Entry& entry = entries_[flow.first];
    if (!round_robin_) return entry;
    if (!turn_given_) {
      turn_given_ = true;
      flow.deficit += quantum_ * flow.weight;
    }
    if (flow.deficit >= entry.bytes) return entry;
    // To the end of the ring; what it saved it keeps.
    turn_given_ = false;
    if (flow.next == kNone) continue;
    flows_[active_last_].next = active_first_;
    active_last_ = active_first_;
    active_first_ = std::exchange(flow.next, kNone);
  }
}

DrrQueue::Entry DrrQueue::pop() {
  (void)front();
  Flow& flow = flows_[active_first_];
  const uint32_t at = flow.first;
  Entry& entry = entries_[at];
  flow.first = entry.next;
  flow.deficit -= entry.bytes;
  if (flow.first == kNone) {
    const uint32_t empty = active_first_;
    active_first_ = flow.next;
    if (active_first_ == kNone) active_last_ = kNone;
    turn_given_ = false;
    leave(empty);
  }
  Entry popped = std::move(entry);
  entry.next = free_entry_;
  free_entry_ = at;
  size_--;
  return popped;
}

void DrrQueue::remove_if(const std::function<bool(const Entry&)>& gone) {
  const uint32_t turn = active_first_;
  uint32_t flow = std::exchange(active_first_, kNone);
  active_last_ = kNone;
  while (flow != kNone) {
    Flow& own = flows_[flow];
    const uint32_t next = own.next;
    uint32_t at = std::exchange(own.first, kNone);
    own.last = kNone;
    while (at != kNone) {
      Entry& entry = entries_[at];
      const uint32_t after = std::exchange(entry.next, kNone);
      if (gone(entry)) {
        entry.packet.reset();
        entry.next = free_entry_;
        free_entry_ = at;
        size_--;
      } else {
        if (own.first == kNone) own.first = at;
        else entries_[own.last].next = at;
        own.last = at;
      }
      at = after;
    }
    if (own.first == kNone) {
      if (flow == turn) turn_given_ = false;
      leave(flow);
    } else {
      own.next = kNone;
      if (active_first_ == kNone) active_first_ = flow;
      else flows_[active_last_].next = flow;
      active_last_ = flow;
    }
    flow = next;
  }
}

uint32_t* DrrQueue::bucket_of(uint32_t id) { return &buckets_[mix(id) & (buckets_.size() - 1)]; }

uint32_t DrrQueue::flow_of(uint32_t id) {
  for (uint32_t at = *bucket_of(id); at != kNone; at = flows_[at].chained)
    if (flows_[at].id == id) return at;
  if (active_ >= buckets_.size()) grow_buckets();
  uint32_t at = free_flow_;
  if (at == kNone) {
    at = static_cast<uint32_t>(flows_.size());
    flows_.emplace_back();
  } else {
    free_flow_ = flows_[at].next;
  }
  const auto weight = weights_.find(id);
  uint32_t* bucket = bucket_of(id);
  flows_[at] = {id, kNone, kNone, weight == weights_.end() ? 1 : weight->second, 0, kNone, *bucket};
  *bucket = at;
  if (active_first_ == kNone) active_first_ = at;
  else flows_[active_last_].next = at;
  active_last_ = at;
  active_++;
  return at;
}

/** Out of its chain, and free; the ring is the caller's. */
void DrrQueue::leave(uint32_t flow) {
  uint32_t* link = bucket_of(flows_[flow].id);
  while (*link != flow) link = &flows_[*link].chained;
  *link = flows_[flow].chained;
  flows_[flow].next = free_flow_;
  free_flow_ = flow;
  active_--;
}

void DrrQueue::grow_buckets() {
  std::vector<uint32_t> old(buckets_.size() * 2, kNone);
  old.swap(buckets_);
  for (const uint32_t first : old) {
    for (uint32_t at = first; at != kNone;) {
      const uint32_t after = flows_[at].chained;
      uint32_t* bucket = bucket_of(flows_[at].id);
      flows_[at].chained = *bucket;
      *bucket = at;
      at = after;
    }
  }
}

}  // namespace nslab::engine
