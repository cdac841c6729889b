#include "engine/lossless/sender.h"

#include <algorithm>
#include <cstring>
#include <utility>

namespace nslab::engine::lossless {
namespace {

/** What a paced source may be behind and make good at once. */
constexpr int64_t kBehindNs = 2'000'000;

}  // namespace

Sender::Sender(uint32_t node, const TransferSetting& setting, const IsaL* library, uint32_t start, int64_t now_ns)
    : setting_(setting),
      parity_(library, setting.cut.source_symbols, setting.cut.parity_symbols),
      last_parity_(library, setting.cut.sources_of(setting.cut.blocks() - 1), setting.cut.parity_symbols),
      credits_(setting.trees.size()),
      repairs_(kRepairsMax),
      start_(start),
      began_ns_(now_ns) {
  Cut& cut = setting_.cut;
  if (cut.window_blocks == 0) cut.window_blocks = window_of(cut);
  stats_.node = node;
  stats_.flow = setting.flow;
  stats_.payload_bytes = cut.payload_bytes;
  slots_.resize(cut.window_blocks);
  const size_t symbols = cut.source_symbols + cut.parity_symbols;
  for (Slot& slot : slots_) {
    slot.bytes.resize(symbols * cut.symbol_bytes);
    slot.last_ns.resize(symbols);
    slot.attempts.resize(symbols);
  }
  for (const uint32_t receiver : setting.receivers) {
    if (!peer_of_.emplace(receiver, peers_.size()).second) continue;
    Peer& peer = peers_.emplace_back();
    peer.stats.node = receiver;
    peer.heard_ns = now_ns;
  }
  advance(now_ns);
}

std::optional<Outgoing> Sender::next(int64_t now_ns) {
  if (pending_ && pending_->kind == Kind::symbol && pending_->block < base_) pending_.reset();
  if (pending_ && pending_->kind == Kind::poll && is_over(peers_[pending_->peer])) pending_.reset();
  if (pending_) return pending_->out;
  if (stats_.finished) {
    next_ns_ = kNeverNs;
    return {};
  }
  next_ns_ = kNeverNs;
  if (plan_poll(now_ns) || plan_repair(now_ns) || plan_symbol(now_ns)) return pending_->out;
  next_ns_ = std::min(next_ns_, polls_ns_);
  return {};
}

void Sender::plan(const Pending& pending, uint32_t bytes) {
  pending_ = pending;
  pending_->out.message_bytes = bytes;
}

bool Sender::plan_poll(int64_t now_ns) {
  if (now_ns < polls_ns_) return false;
  polls_ns_ = kNeverNs;
  bool lost = false;
  for (size_t i = 0; i < peers_.size(); i++) {
    Peer& peer = peers_[i];
    if (is_over(peer)) continue;
    if (now_ns - peer.heard_ns > setting_.silence_ns) {
      peer.stats.outcome = Outcome::silent;
      lost = true;
      continue;
    }
    if (now_ns < peer.poll_ns) {
      polls_ns_ = std::min(polls_ns_, peer.poll_ns);
      continue;
    }
    // The others when this has left.
    polls_ns_ = now_ns;
    Pending poll{Kind::poll, false, 0, 0, i, {}};
    poll.out.destination = peer.stats.node;
    // Where its route may be broken, the trees in turn.
    if (setting_.is_group && peer.polls % 2 == 1) {
      poll.out.destination = setting_.destination;
      poll.out.is_group = true;
      poll.out.tree = tree_at(peer.polls / 2);
    }
    plan(poll, kPollBytes);
    if (lost) advance(now_ns);
    return true;
  }
  if (lost) advance(now_ns);
  return false;
}

bool Sender::plan_repair(int64_t now_ns) {
  for (; repairs_count_ > 0; repairs_count_--, repair_front_ = (repair_front_ + 1) % repairs_.size()) {
    const Repair& repair = repairs_[repair_front_];
    if (repair.block < base_) continue;
    if (paced_ns_ > now_ns) {
      next_ns_ = std::min(next_ns_, paced_ns_);
      return false;
    }
    Pending pending{Kind::symbol, true, repair.block, repair.index, 0, {}};
    const size_t trees = std::max<size_t>(1, setting_.trees.size());
    if (!setting_.is_group || repair.attempt > 2 * trees) {
      pending.out.destination = setting_.is_group ? repair.to : setting_.destination;
    } else {
      pending.out.destination = setting_.destination;
      pending.out.is_group = true;
      pending.out.tree = tree_at(repair.index + repair.attempt);
    }
    plan(pending, kHeadBytes + setting_.cut.symbol_bytes);
    return true;
  }
  return false;
}

bool Sender::may_begin(int64_t now_ns) {
  if (begun_) return true;
  const bool all = std::ranges::all_of(peers_, [&](const Peer& peer) { return peer.ready || is_over(peer); });
  begun_ = all || now_ns - began_ns_ >= kGraceNs;
  if (!begun_) next_ns_ = std::min(next_ns_, began_ns_ + kGraceNs);
  return begun_;
}

bool Sender::plan_symbol(int64_t now_ns) {
  const Cut& cut = setting_.cut;
  if (all_sent() || block_ - base_ >= cut.window_blocks || !may_begin(now_ns)) return false;
  if (paced_ns_ > now_ns) {
    next_ns_ = std::min(next_ns_, paced_ns_);
    return false;
  }
  if (index_ == 0) load(block_);
  Pending pending{Kind::symbol, false, block_, index_, 0, {}};
  pending.out.destination = setting_.destination;
  pending.out.is_group = setting_.is_group;
  pending.out.tree = next_tree();
  plan(pending, kHeadBytes + cut.symbol_bytes);
  return true;
}

std::optional<uint16_t> Sender::tree_at(uint32_t turn) const {
  if (setting_.trees.empty()) return {};
  return setting_.trees[turn % setting_.trees.size()].tree;
}

std::optional<uint16_t> Sender::next_tree() {
  if (setting_.trees.empty()) return {};
  // Smooth weighted round robin: each gains its weight, the richest goes and pays for all.
  int64_t total = 0;
  size_t best = 0;
  for (size_t i = 0; i < credits_.size(); i++) {
    credits_[i] += setting_.trees[i].weight;
    total += setting_.trees[i].weight;
    if (credits_[i] > credits_[best]) best = i;
  }
  credits_[best] -= total;
  return setting_.trees[best].tree;
}

void Sender::load(uint32_t block) {
  const Cut& cut = setting_.cut;
  Slot& slot = slot_of(block);
  slot.block = block;
  const uint32_t bytes = cut.bytes_of(block), whole = cut.sources_of(block) * cut.symbol_bytes;
  const uint64_t offset = block * cut.block_bytes();
  // Its words begin at multiples of eight: what is before is made with them.
  const auto early = static_cast<uint32_t>(offset % 8);
  std::array<uint8_t, 8> word;
  uint32_t at = 0;
  if (early > 0) {
    make_payload(setting_.payload_seed, offset - early, word.data(), 8);
    at = std::min(8 - early, bytes);
    std::memcpy(slot.bytes.data(), word.data() + early, at);
  }
  make_payload(setting_.payload_seed, offset + at, slot.bytes.data() + at, bytes - at);
  std::fill(slot.bytes.begin() + bytes, slot.bytes.begin() + whole, uint8_t{0});
  sha_.add({slot.bytes.data(), bytes});
  (block + 1 == cut.blocks() ? last_parity_ : parity_).encode(slot.bytes.data(), cut.symbol_bytes);
  std::ranges::fill(slot.last_ns, 0);
  std::ranges::fill(slot.attempts, uint8_t{0});
}

void Sender::write(std::span<uint8_t> message) {
  const Pending& pending = *pending_;
  const Cut& cut = setting_.cut;
  Head head{stats_.flow, start_, pending.kind, 0, static_cast<uint16_t>(pending.index), pending.block};
  if (pending.kind == Kind::poll) {
    head.block = block_;
    if (stats_.digest) head.flags = kFlagAllSent;
    write_head(head, message.data());
    const Peer& peer = peers_[pending.peer];
    const uint32_t open = block_ - std::min(block_, peer.base);
    write_poll({cut, peer.stats.node, stats_.digest.value_or(Digest{}), open}, message.data());
  } else {
    write_head(head, message.data());
    std::memcpy(message.data() + kHeadBytes,
                slot_of(pending.block).bytes.data() + size_t{pending.index} * cut.symbol_bytes, cut.symbol_bytes);
  }
  seal(message);
}

void Sender::made(int64_t now_ns) {
  const Pending pending = *pending_;
  pending_.reset();
  if (pending.kind == Kind::poll) {
    Peer& peer = peers_[pending.peer];
    stats_.polls++;
    peer.polls++;
    peer.poll_ns = now_ns + peer.gap_ns;
    peer.gap_ns = std::min(2 * peer.gap_ns, kPollLongestNs);
    return;
  }
  const uint32_t bytes = setting_.overhead_bytes + pending.out.message_bytes;
  if (stats_.first_ns == 0) stats_.first_ns = now_ns;
  stats_.last_ns = now_ns;
  stats_.sent_packets++;
  stats_.sent_bytes += bytes;
  if (setting_.rate_bytes_per_s > 0)
    paced_ns_ = std::max(paced_ns_, now_ns - kBehindNs) +
                static_cast<int64_t>(bytes * 1e9 / static_cast<double>(setting_.rate_bytes_per_s));
  slot_of(pending.block).last_ns[pending.index] = now_ns;
  if (pending.is_repair) {
    stats_.repaired_symbols++;
    repairs_count_--;
    repair_front_ = (repair_front_ + 1) % repairs_.size();
    return;
  }
  if (pending.index >= setting_.cut.sources_of(pending.block)) stats_.parity_symbols++;
  if (++index_ == setting_.cut.symbols_of(block_)) end_block(now_ns);
}

void Sender::end_block(int64_t now_ns) {
  index_ = 0;
  block_++;
  if (!all_sent()) return;
  stats_.digest = sha_.finish();
  // Nothing comes after the last block by which a receiver could see that something of it is missing.
  for (Peer& peer : peers_) peer.poll_ns = now_ns;
  polls_ns_ = now_ns;
}

bool Sender::take(uint32_t from, const Head& head, std::span<const uint8_t> report, int64_t now_ns) {
  const auto found = peer_of_.find(from);
  if (found == peer_of_.end() || head.start != start_ || head.kind != Kind::report || stats_.finished) return false;
  Peer& peer = peers_[found->second];
  // It is not taken at its word for what was never sent.
  const bool may_have_last = !all_sent() && index_ >= setting_.cut.sources_of(block_);
  if (is_over(peer) || head.block > block_ + (may_have_last ? 1 : 0)) return false;
  peer.ready = true;
  peer.heard_ns = now_ns;
  peer.polls = 0;
  peer.gap_ns = kPollFirstNs;
  peer.poll_ns = now_ns + 2 * kPollFirstNs;
  if (head.block > peer.base) {
    peer.base = head.block;
    peer.stats.last_ns = now_ns;
    peer.stats.acknowledged_bytes = std::min(setting_.cut.payload_bytes, peer.base * setting_.cut.block_bytes());
    // What became of the whole it can say when it has the digest.
    if (peer.base == setting_.cut.blocks()) peer.poll_ns = now_ns;
  }
  const bool has_all = peer.base == setting_.cut.blocks();
  if (head.flags & kFlagLeft) peer.stats.outcome = Outcome::left;
  else if (has_all && head.flags & kFlagDelivered) peer.stats.outcome = Outcome::delivered;
  else if (has_all && head.flags & kFlagMismatch) peer.stats.outcome = Outcome::mismatch;
  if (!is_over(peer))
    for (uint32_t i = 0; i < head.index; i++) ask(peer, entry_of(report, i), now_ns);
  polls_ns_ = std::min(polls_ns_, peer.poll_ns);
  advance(now_ns);
  return stats_.finished;
}

void Sender::ask(Peer& peer, const Entry& entry, int64_t now_ns) {
  const Cut& cut = setting_.cut;
  if (entry.block < base_ || entry.block < peer.base || entry.block >= block_) return;
  Slot& slot = slot_of(entry.block);
  const uint32_t symbols = cut.symbols_of(entry.block);
  uint32_t have = 0;
  for (uint32_t i = 0; i < symbols; i++) have += has_bit(entry.map, i) ? 1 : 0;
  uint32_t needed = cut.sources_of(entry.block) - std::min(have, cut.sources_of(entry.block));
  const size_t trees = std::max<size_t>(1, setting_.trees.size());
  for (uint32_t i = 0; i < symbols && needed > 0; i++) {
    if (has_bit(entry.map, i)) continue;
    needed--;
    const bool is_shared = slot.attempts[i] <= 2 * trees;
    if (is_shared && now_ns - slot.last_ns[i] < kOnceNs) continue;
    if (repairs_count_ == repairs_.size()) return;
    slot.last_ns[i] = now_ns;
    if (slot.attempts[i] < UINT8_MAX) slot.attempts[i]++;
    repairs_[(repair_front_ + repairs_count_++) % repairs_.size()] = {entry.block, static_cast<uint16_t>(i),
                                                                      slot.attempts[i], peer.stats.node};
  }
}

void Sender::advance(int64_t now_ns) {
  uint32_t least = UINT32_MAX;
  for (const Peer& peer : peers_)
    if (!is_over(peer)) least = std::min(least, peer.base);
  if (least != UINT32_MAX) {
    base_ = std::max(base_, least);
    // Everybody made it whole before all its parity was sent.
    if (base_ > block_) end_block(now_ns);
    return;
  }
  stats_.finished = true;
  if (stats_.last_ns == 0) stats_.first_ns = stats_.last_ns = now_ns;
}

void Sender::stop(int64_t now_ns) {
  for (Peer& peer : peers_)
    if (!is_over(peer)) peer.stats.outcome = Outcome::stopped;
  advance(now_ns);
}

SenderStats Sender::stats() const {
  SenderStats stats = stats_;
  for (const Peer& peer : peers_) stats.peers.push_back(peer.stats);
  return stats;
}

}  // namespace nslab::engine::lossless
