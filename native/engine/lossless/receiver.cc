#include "engine/lossless/receiver.h"

#include <algorithm>
#include <cstring>

namespace nslab::engine::lossless {

uint64_t Receiver::bytes_of(const Cut& cut) {
  return uint64_t{cut.window_blocks} * (cut.source_symbols + cut.parity_symbols) * cut.symbol_bytes;
}

Receiver::Receiver(uint32_t node, uint32_t source, const Head& head, const Cut& cut, const IsaL* library,
                   int64_t now_ns)
    : cut_(cut),
      blocks_(cut.blocks()),
      start_(head.start),
      parity_(library, cut.source_symbols, cut.parity_symbols),
      last_parity_(library, cut.sources_of(blocks_ - 1), cut.parity_symbols),
      slots_(cut.window_blocks) {
  stats_.node = node;
  stats_.flow = head.flow;
  stats_.source = source;
  stats_.payload_bytes = cut.payload_bytes;
  heard_ns_ = now_ns;
  for (Slot& slot : slots_) {
    slot.bytes.resize(size_t{cut.source_symbols + cut.parity_symbols} * cut.symbol_bytes);
    clear(slot, now_ns);
  }
}

int64_t Receiver::first_gap() const { return std::clamp(2 * round_ns_, kAskFirstNs, kAskLongestNs); }

void Receiver::clear(Slot& slot, int64_t now_ns) {
  slot.have = 0;
  slot.whole = false;
  slot.has.fill(false);
  slot.last_ns = now_ns;
  slot.asked_ns = 0;
  slot.gap_ns = first_gap();
}

void Receiver::know(uint32_t blocks, int64_t now_ns) {
  blocks = std::min({blocks, blocks_, base_ + cut_.window_blocks});
  for (; known_ < blocks; known_++) slot_of(known_).last_ns = now_ns;
}

bool Receiver::take_symbol(const Head& head, std::span<const uint8_t> message, int64_t now_ns) {
  const bool fits = message.size() == kHeadBytes + size_t{cut_.symbol_bytes} && head.block < blocks_ &&
                    head.index < cut_.symbols_of(head.block) && head.block < uint64_t{base_} + cut_.window_blocks;
  if (!fits || head.start != start_) return false;
  heard_ns_ = now_ns;
  if (stats_.received_symbols == 0) stats_.first_ns = now_ns;
  stats_.received_symbols++;
  if (is_over() || head.block < base_) {
    stats_.spare_symbols++;
    return true;
  }
  know(head.block + 1, now_ns);
  sent_ = std::max(sent_, head.block);
  Slot& slot = slot_of(head.block);
  if (slot.whole || slot.has[head.index]) {
    stats_.spare_symbols++;
    return true;
  }
  if (slot.asked_ns > 0) {
    const int64_t round_ns = now_ns - slot.asked_ns;
    round_ns_ = round_ns_ == 0 ? round_ns : (7 * round_ns_ + round_ns) / 8;
    slot.asked_ns = 0;
    slot.gap_ns = first_gap();
  }
  slot.has[head.index] = true;
  slot.have++;
  slot.last_ns = now_ns;
  std::memcpy(slot.bytes.data() + size_t{head.index} * cut_.symbol_bytes, message.data() + kHeadBytes,
              cut_.symbol_bytes);
  if (slot.have >= cut_.sources_of(head.block)) complete(head.block, now_ns);
  return true;
}

void Receiver::complete(uint32_t block, int64_t now_ns) {
  Slot& slot = slot_of(block);
  const uint32_t sources = cut_.sources_of(block);
  const bool was_whole = std::all_of(slot.has.begin(), slot.has.begin() + sources, [](bool has) { return has; });
  Parity& parity = block + 1 == blocks_ ? last_parity_ : parity_;
  if (!was_whole && !parity.restore(slot.bytes.data(), cut_.symbol_bytes, slot.has)) return;
  slot.whole = true;
  if (!was_whole) stats_.decoded_blocks++;
  for (; base_ < known_ && slot_of(base_).whole; base_++) {
    Slot& first = slot_of(base_);
    const uint32_t bytes = cut_.bytes_of(base_);
    sha_.add({first.bytes.data(), bytes});
    stats_.whole_bytes += bytes;
    stats_.last_ns = now_ns;
    clear(first, now_ns);
  }
  if (base_ == told_base_) return;
  if (base_ == blocks_) stats_.digest = sha_.finish();
  const bool is_much = base_ - told_base_ >= std::max(1u, cut_.window_blocks / 4) || base_ == blocks_;
  report_ns_ = std::min(report_ns_, is_much ? now_ns : now_ns + kTellNs);
}

bool Receiver::take_poll(const Head& head, const Poll& poll, int64_t now_ns) {
  if (head.start != start_ || poll.cut != cut_) return false;
  heard_ns_ = now_ns;
  report_ns_ = now_ns;
  tells_all_ = true;
  if (is_over()) return false;
  // Another, before this node was made anew, has acknowledged what this one lacks: it is sent no more.
  if (head.block > uint64_t{base_} + poll.open_blocks) {
    leave(now_ns);
    return true;
  }
  know(head.block, now_ns);
  sent_ = std::max(sent_, std::min(head.block, known_));
  if (!(head.flags & kFlagAllSent) || !stats_.digest) return false;
  stats_.outcome = *stats_.digest == poll.digest ? Outcome::delivered : Outcome::mismatch;
  return true;
}

void Receiver::leave(int64_t now_ns) {
  if (is_over()) return;
  stats_.outcome = Outcome::left;
  report_ns_ = now_ns;
}

void Receiver::stop() {
  if (is_over()) return;
  stats_.outcome = Outcome::stopped;
  report_ns_ = kNeverNs;
}

int64_t Receiver::due_ns(Slot& slot) const { return std::max(slot.last_ns, slot.asked_ns) + slot.gap_ns; }

std::optional<Outgoing> Receiver::next(int64_t now_ns) {
  const auto report = [&] {
    planned_ = true;
    return Outgoing{stats_.source, false, {}, kHeadBytes + asks_count_ * kEntryBytes};
  };
  if (planned_) return report();
  asks_count_ = 0;
  if (!is_over() && now_ns - heard_ns_ > kAbandonedNs) {
    stop();
    stats_.outcome = Outcome::silent;
  }
  next_ns_ = report_ns_;
  if (!is_over())
    for (uint32_t block = base_; block < std::min(known_, sent_); block++) {
      Slot& slot = slot_of(block);
      if (slot.whole) continue;
      const int64_t due = due_ns(slot);
      // What was asked for just now is under way.
      const bool is_asked = now_ns >= due || (tells_all_ && report_ns_ <= now_ns && slot.asked_ns == 0);
      if (!is_asked) next_ns_ = std::min(next_ns_, due);
      else if (asks_count_ < kEntriesMax) asks_[asks_count_++] = block;
    }
  if (asks_count_ == 0 && now_ns < report_ns_) return {};
  return report();
}

void Receiver::write(std::span<uint8_t> message) {
  Head head{stats_.flow, start_, Kind::report, 0, static_cast<uint16_t>(asks_count_), base_};
  if (stats_.outcome == Outcome::delivered) head.flags = kFlagDelivered;
  if (stats_.outcome == Outcome::mismatch) head.flags = kFlagMismatch;
  if (stats_.outcome == Outcome::left) head.flags = kFlagLeft;
  write_head(head, message.data());
  for (uint32_t i = 0; i < asks_count_; i++) {
    SymbolMap map{};
    // One that has become whole since has all.
    const bool is_here = asks_[i] < base_ || slot_of(asks_[i]).whole;
    for (uint32_t index = 0; index < cut_.symbols_of(asks_[i]); index++)
      if (is_here || slot_of(asks_[i]).has[index]) set_bit(map, index);
    write_entry(i, asks_[i], map, message.data());
  }
  seal(message);
}

void Receiver::made(int64_t now_ns) {
  planned_ = false;
  report_ns_ = kNeverNs;
  tells_all_ = false;
  told_base_ = base_;
  for (uint32_t i = 0; i < asks_count_; i++) {
    if (asks_[i] < base_ || slot_of(asks_[i]).whole) continue;
    Slot& slot = slot_of(asks_[i]);
    stats_.asked_blocks++;
    // The second question in a row waits longer for its answer.
    if (slot.asked_ns > 0) slot.gap_ns = std::min(2 * slot.gap_ns, kAskLongestNs);
    slot.asked_ns = now_ns;
  }
}

}  // namespace nslab::engine::lossless
