#include "engine/packets/egress.h"

#include <algorithm>
#include <utility>

#include "engine/packets/delay_line.h"
#include "engine/packets/drr_queue.h"
#include "engine/packets/frame.h"
#include "engine/packets/mix.h"
#include "engine/packets/red.h"
#include "engine/packets/token_bucket.h"

namespace nslab::engine {
namespace {

bool impairs(const LinkSetting& setting) {
  return setting.loss_ratio > 0 || setting.duplicate_ratio > 0 || setting.corrupt_ratio > 0;
}
bool delays(const LinkSetting& setting) { return setting.delay_ns > 0 || setting.jitter_ns > 0; }

}  // namespace

struct Egress::State {
  State(uint64_t seed, Spares& spares) : chance(seed), spares(spares) {}

  LinkSetting setting;
  Chance chance;
  Spares& spares;
  DrrQueue queue;
  TokenBucket bucket;
  Red red;
  DelayLine line;
  /** In front of those in the line: they are not delayed. */
  DelayLine ahead;
  Account account;
  uint64_t offered = 0;
  uint64_t departed = 0;
  /** Time never goes back. */
  int64_t now_ns = 0;
  /** The last left the queue. */
  int64_t departed_ns = 0;

  /** Packets leave the queue when their time comes, and not when the socket asks. */
  [[nodiscard]] bool eager() const { return bucket.limits() || delays(setting); }
  [[nodiscard]] size_t under_way() const { return line.size() + ahead.size(); }
  [[nodiscard]] size_t under_way_max() const {
    if (delays(setting)) return std::max<size_t>(setting.flight_packets, 1);
    return bucket.limits() ? kOutputPackets : 1;
  }
  [[nodiscard]] bool full() const { return queue.size() >= std::max<size_t>(setting.queue_packets, 1); }

  Drop drop_held(Drop reason) {
    account.held_packets--;
    return drop(reason);
  }
  Drop drop(Drop reason) {
    account.dropped[static_cast<size_t>(reason)]++;
    return reason;
  }

  void set_now(int64_t given_ns) { now_ns = std::max(now_ns, given_ns); }

  [[nodiscard]] bool drops_early(uint32_t bytes) {
    const double draw = static_cast<double>(chance.draw(offered, Chance::early) >> 11) * 0x1p-53;
    int64_t packet_ns = Red::kUsualPacketNs;
    if (setting.rate_bytes_per_s > 0)
      packet_ns = std::max<int64_t>(1, static_cast<int64_t>(bytes * 1'000'000'000ULL / setting.rate_bytes_per_s));
    const auto idle = static_cast<uint64_t>((now_ns - departed_ns) / packet_ns);
    return red.drops(static_cast<uint32_t>(queue.size()), queue.size() == 0 ? idle : 0, draw);
  }

  Drop offer(PacketRef packet, uint32_t flow) {
    const auto bytes = static_cast<uint32_t>(packet.size() - kPacketHeaderBytes);
    account.in_packets++;
    account.in_bytes += bytes;
    advance();
    offered++;
    if (bucket.never(bytes)) return drop(Drop::over_bucket);
    if (setting.drop == DropStrategy::red && drops_early(bytes)) return drop(Drop::early);
    if (full()) return drop(Drop::queue_full);
    packet = spares.settle(std::move(packet));
    if (!packet) return drop(Drop::no_spare);
    queue.push(std::move(packet), flow, bytes, now_ns);
    account.held_packets++;
    advance();
    return Drop::none;
  }

  /** When the one whose turn it is leaves the queue. */
  [[nodiscard]] int64_t departure_ns(const DrrQueue::Entry& head) const {
    return std::max(bucket.ready_ns(head.bytes, head.arrived_ns), departed_ns);
  }

  void advance() {
    if (!eager()) return;
    while (queue.size() > 0 && under_way() < under_way_max()) {
      const DrrQueue::Entry& head = queue.front();
      // The bucket was larger when it came.
      if (bucket.never(head.bytes)) {
        queue.pop();
        drop_held(Drop::over_bucket);
        continue;
      }
      const int64_t at_ns = departure_ns(head);
      if (at_ns > now_ns) return;
      depart(queue.pop(), at_ns);
    }
  }

  void depart(DrrQueue::Entry entry, int64_t at_ns) {
    const uint64_t number = departed++;
    departed_ns = at_ns;
    bucket.spend(entry.bytes, at_ns);
    if (chance.happens(setting.loss_ratio, number, Chance::loss)) return (void)drop_held(Drop::loss);
    PacketRef twin;
    // The same bytes twice: they share them.
    if (chance.happens(setting.duplicate_ratio, number, Chance::duplicate)) twin = entry.packet;
    if (chance.happens(setting.corrupt_ratio, number, Chance::corrupt)) {
      entry.packet = spares.copy(entry.packet);
      if (entry.packet) {
        const uint64_t bit = chance.draw(number, Chance::corrupt_bit) % (uint64_t{entry.bytes} * 8);
        entry.packet.data()[kPacketHeaderBytes + bit / 8] ^= static_cast<uint8_t>(1U << bit % 8);
      } else {
        drop_held(Drop::no_spare);
      }
    }
    if (entry.packet) send_off(std::move(entry.packet), entry.bytes, at_ns, number, Chance::jitter);
    if (!twin) return;
    account.made_packets++;
    account.held_packets++;
    send_off(std::move(twin), entry.bytes, at_ns, number, Chance::jitter_copy);
  }

  void send_off(PacketRef packet, uint32_t bytes, int64_t at_ns, uint64_t number, Chance::Purpose purpose) {
    if (delays(setting) && chance.happens(setting.reorder_ratio, number, Chance::reorder))
      return ahead.push(std::move(packet), bytes, at_ns);
    int64_t delay_ns = setting.delay_ns;
    if (setting.jitter_ns > 0) {
      const uint64_t width = 2 * static_cast<uint64_t>(setting.jitter_ns) + 1;
      delay_ns += static_cast<int64_t>(chance.draw(number, purpose) % width) - setting.jitter_ns;
    }
    line.push(std::move(packet), bytes, at_ns + std::max<int64_t>(delay_ns, 0));
  }

  /** The one of both that is due first; null where none is under way. */
  [[nodiscard]] DelayLine* first() {
    if (ahead.empty()) return line.empty() ? nullptr : &line;
    return line.empty() || ahead.front().due_ns <= line.front().due_ns ? &ahead : &line;
  }

  size_t take(PacketRef* out, size_t room) {
    size_t count = 0;
    while (count < room) {
      advance();
      const bool was_stopped = under_way() >= under_way_max();
      for (DelayLine* due = first(); due && count < room && due->front().due_ns <= now_ns; due = first()) {
        DelayLine::Entry entry = due->pop();
        account.out_packets++;
        account.out_bytes += entry.bytes;
        account.held_packets--;
        out[count++] = std::move(entry.packet);
      }
      if (queue.size() == 0) break;
      if (!eager()) {
        // Those under way since there was a delay go first.
        if (under_way() > 0) break;
        if (count < room) depart(queue.pop(), now_ns);
        continue;
      }
      if (!was_stopped || under_way() >= under_way_max()) break;
      // It stood still until now: time that nobody may catch up with.
      departed_ns = std::max(departed_ns, now_ns);
    }
    return count;
  }

  [[nodiscard]] int64_t next_ns() {
    int64_t next = kNever;
    if (const DelayLine* due = first()) next = due->front().due_ns;
    if (queue.size() == 0) return next;
    if (!eager()) return under_way() > 0 ? next : now_ns;
    if (under_way() >= under_way_max()) return next;
    const DrrQueue::Entry& head = queue.front();
    return std::min(next, bucket.never(head.bytes) ? now_ns : departure_ns(head));
  }
};

Egress::Egress(const LinkSetting& setting, uint64_t seed, Spares& spares)
    : state_(std::make_unique<State>(seed, spares)) {
  configure(setting);
}

Egress::~Egress() = default;

void Egress::configure(const LinkSetting& setting) {
  State& state = *state_;
  state.setting = setting;
  state.setting.delay_ns = std::clamp<int64_t>(setting.delay_ns, 0, kDelayNsMax);
  state.setting.jitter_ns = std::clamp<int64_t>(setting.jitter_ns, 0, kDelayNsMax);
  state.queue.set_round_robin(setting.discipline == Discipline::wrr);
  state.bucket.configure(setting.rate_bytes_per_s, setting.bucket_bytes, state.now_ns);
  const double capacity = setting.queue_packets;
  const RedSetting& red = setting.red;
  state.red.configure({red.low_ratio * capacity, red.high_ratio * capacity, red.chance, red.weight});
}

void Egress::set_seed(uint64_t seed) { state_->chance = Chance(seed); }

void Egress::set_weight(uint32_t flow, uint32_t weight) { state_->queue.set_weight(flow, weight); }

bool Egress::transparent() const {
  return state_->account.held_packets == 0 && !state_->eager() && !impairs(state_->setting);
}

bool Egress::full() const { return state_->full(); }

void Egress::passed(uint64_t packets, uint64_t packet_bytes) {
  state_->account.in_packets += packets;
  state_->account.in_bytes += packet_bytes;
  state_->account.out_packets += packets;
  state_->account.out_bytes += packet_bytes;
}

Drop Egress::offer(PacketRef packet, uint32_t flow, int64_t now_ns) {
  state_->set_now(now_ns);
  return state_->offer(std::move(packet), flow);
}

size_t Egress::take(PacketRef* out, size_t room, int64_t now_ns) {
  state_->set_now(now_ns);
  return state_->take(out, room);
}

int64_t Egress::next_ns() const { return state_->next_ns(); }

void Egress::withdraw(const std::function<bool(const uint8_t* frame)>& is_stale) {
  state_->queue.remove_if([&](const DrrQueue::Entry& entry) {
    if (!is_stale(entry.packet.data())) return false;
    state_->drop_held(Drop::withdrawn);
    return true;
  });
}

void Egress::clear() {
  const auto end_one = [this](const auto&) {
    state_->drop_held(Drop::ended);
    return true;
  };
  state_->queue.remove_if(end_one);
  for (DelayLine* line : {&state_->line, &state_->ahead})
    while (!line->empty()) end_one(line->pop());
}

const Account& Egress::account() const { return state_->account; }

}  // namespace nslab::engine
