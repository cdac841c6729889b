// A link's egress through random offers, settings and times, held step by step to a slow and obvious one that keeps
// sorted lists and looks everything up anew. A part of packets_test.cc.

#include <algorithm>
#include <deque>
#include <list>
#include <map>

#include "engine/packets/egress.h"
#include "engine/packets/mix.h"
#include "test/packets_parts.h"

namespace nslab::test::egress {

using namespace engine;

/** What a packet comes to, by number. */
struct Slow {
  struct Packet {
    uint32_t number = 0, flow = 0, bytes = 0;
    int64_t arrived = 0, due = 0;
    bool ahead = false;
  };

  explicit Slow(uint64_t seed) : chance(seed) {}

  LinkSetting setting;
  Chance chance;
  std::list<Packet> queue;
  /** Flows in the order of their turns, and what they may send. */
  std::list<std::pair<uint32_t, int64_t>> turns;
  bool turn_given = false;
  std::map<uint32_t, uint32_t> weights;
  int64_t quantum = 1;
  std::vector<Packet> under_way;
  std::vector<uint64_t> dropped = std::vector<uint64_t>(kDropReasons);
  uint64_t departed = 0;
  int64_t now = 0, departed_at = 0, last_due = INT64_MIN;
  long double tokens = 0;
  int64_t filled_at = 0;

  [[nodiscard]] bool delays() const { return setting.delay_ns > 0 || setting.jitter_ns > 0; }
  [[nodiscard]] bool limits() const { return setting.rate_bytes_per_s > 0; }
  [[nodiscard]] bool eager() const { return delays() || limits(); }
  [[nodiscard]] size_t room() const { return delays() ? setting.flight_packets : limits() ? kOutputPackets : 1; }
  [[nodiscard]] uint32_t key(const Packet& packet) const {
    return setting.discipline == Discipline::wrr ? packet.flow : 0;
  }

  /** In bytes times a second's nanoseconds: whole numbers, which a long double holds exactly here. */
  [[nodiscard]] long double tokens_at(int64_t at) const {
    const long double more =
        static_cast<long double>(setting.rate_bytes_per_s) * static_cast<long double>(at - filled_at);
    return std::min<long double>(static_cast<long double>(setting.bucket_bytes) * 1e9L, tokens + std::max(more, 0.0L));
  }
  void fill(int64_t at) {
    if (at <= filled_at) return;
    tokens = tokens_at(at);
    filled_at = at;
  }

  void configure(const LinkSetting& next) {
    const bool starts = !limits();
    if (!starts) fill(now);
    if (next.discipline != setting.discipline) {
      turns.clear();
      turn_given = false;
    }
    setting = next;
    const long double full = static_cast<long double>(setting.bucket_bytes) * 1e9L;
    tokens = starts ? full : std::min(tokens, full);
    filled_at = now;
    for (const Packet& packet : queue) add_turn(key(packet));
  }
  void add_turn(uint32_t flow) {
    if (std::ranges::none_of(turns, [&](const auto& turn) { return turn.first == flow; })) turns.emplace_back(flow, 0);
  }
  std::list<Packet>::iterator first_of(uint32_t flow) {
    return std::ranges::find_if(queue, [&](const Packet& packet) { return key(packet) == flow; });
  }
  std::list<Packet>::iterator head() {
    for (;;) {
      auto& [flow, saved] = turns.front();
      const auto at = first_of(flow);
      if (setting.discipline == Discipline::fifo) return at;
      if (!turn_given) saved += quantum * (weights.contains(flow) ? weights[flow] : 1);
      turn_given = true;
      if (saved >= at->bytes) return at;
      turn_given = false;
      turns.splice(turns.end(), turns, turns.begin());
    }
  }
  Packet pop() {
    const auto at = head();
    const Packet packet = *at;
    turns.front().second -= packet.bytes;
    queue.erase(at);
    end_turns();
    return packet;
  }
  void end_turns() {
    for (auto at = turns.begin(); at != turns.end();) {
      if (first_of(at->first) != queue.end()) {
        ++at;
        continue;
      }
      if (at == turns.begin()) turn_given = false;
      at = turns.erase(at);
    }
  }

  Drop offer(uint32_t number, uint32_t flow, uint32_t bytes, int64_t at) {
    now = std::max(now, at);
    advance();
    if (limits() && bytes > setting.bucket_bytes) return count(Drop::over_bucket);
    if (queue.size() >= setting.queue_packets) return count(Drop::queue_full);
    queue.push_back({number, flow, bytes, now, 0, false});
    quantum = std::max<int64_t>(quantum, bytes);
    add_turn(key(queue.back()));
    advance();
    return Drop::none;
  }
  Drop count(Drop reason) {
    dropped[static_cast<size_t>(reason)]++;
    return reason;
  }
  /** By trying: the first nanosecond at which there is enough. */
  [[nodiscard]] int64_t ready(const Packet& packet) const {
    int64_t low = std::max({packet.arrived, departed_at, limits() ? filled_at : 0});
    const long double needed = static_cast<long double>(packet.bytes) * 1e9L;
    if (!limits() || tokens_at(low) >= needed) return low;
    int64_t high = low + 1;
    while (tokens_at(high) < needed) high += high - low;
    while (high - low > 1) {
      const int64_t middle = low + (high - low) / 2;
      (tokens_at(middle) < needed ? low : high) = middle;
    }
    return high;
  }
  void advance() {
    while (eager() && !queue.empty() && under_way.size() < room()) {
      const auto at = head();
      if (limits() && at->bytes > setting.bucket_bytes) {
        pop();
        count(Drop::over_bucket);
        continue;
      }
      const int64_t when = ready(*at);
      if (when > now) return;
      depart(pop(), when);
    }
  }
  void depart(const Packet& packet, int64_t at) {
    const uint64_t n = departed++;
    departed_at = at;
    if (limits()) {
      fill(at);
      tokens -= static_cast<long double>(packet.bytes) * 1e9L;
    }
    if (chance.happens(setting.loss_ratio, n, Chance::loss)) return (void)count(Drop::loss);
    send(packet, at, n, Chance::jitter);
    if (chance.happens(setting.duplicate_ratio, n, Chance::duplicate)) send(packet, at, n, Chance::jitter_copy);
  }
  void send(Packet packet, int64_t at, uint64_t n, Chance::Purpose purpose) {
    packet.ahead = delays() && chance.happens(setting.reorder_ratio, n, Chance::reorder);
    packet.due = at;
    if (!packet.ahead) {
      if (setting.jitter_ns > 0) {
        const auto width = 2 * static_cast<uint64_t>(setting.jitter_ns) + 1;
        packet.due += static_cast<int64_t>(chance.draw(n, purpose) % width) - setting.jitter_ns;
      }
      packet.due = std::max(packet.due + setting.delay_ns, at);
      packet.due = last_due = std::max(packet.due, last_due);
    }
    // Behind all that are due before or at its time; one ahead goes in front of those not ahead.
    const auto place = std::ranges::find_if(under_way, [&](const Packet& other) {
      return other.due > packet.due || (other.due == packet.due && packet.ahead && !other.ahead);
    });
    under_way.insert(place, packet);
  }
  std::vector<uint32_t> take(size_t wanted, int64_t at) {
    now = std::max(now, at);
    std::vector<uint32_t> out;
    while (out.size() < wanted) {
      advance();
      const bool stopped = under_way.size() >= room();
      while (out.size() < wanted && !under_way.empty() && under_way.front().due <= now) {
        out.push_back(under_way.front().number);
        under_way.erase(under_way.begin());
      }
      if (queue.empty()) break;
      if (!eager()) {
        if (!under_way.empty()) break;
        if (out.size() < wanted) depart(pop(), now);
      } else if (stopped && under_way.size() < room()) {
        departed_at = std::max(departed_at, now);
      } else {
        break;
      }
    }
    return out;
  }
  void withdraw(uint32_t divisor) {
    for (auto at = queue.begin(); at != queue.end();) {
      const bool gone = at->number % divisor == 0;
      if (gone) count(Drop::withdrawn);
      at = gone ? queue.erase(at) : std::next(at);
    }
    end_turns();
  }
};

class EgressWalk {
 public:
  explicit EgressWalk(uint32_t seed) : random_(seed), spares_({256, 256, 1}), egress_({}, seed, spares_), slow_(seed) {}

  void step() {
    now_ += random_() % 4 ? random_() % 200'000 : random_() % 30'000'000;
    switch (random_() % 24) {
      case 0:
        return configure();
      case 1:
        return withdraw();
      case 2:
        return set_weight();
      case 3:
      case 4:
      case 5:
      case 6:
        return take();
      default:
        return offer();
    }
  }
  void check_step() {
    const Account& account = egress_.account();
    wrong += !account.balanced();
    wrong += account.held_packets != slow_.queue.size() + slow_.under_way.size();
    for (size_t i = 0; i < kDropReasons; i++) wrong += account.dropped[i] != slow_.dropped[i];
    // Nobody keeps a packet but the link.
    wrong += frames_.pool.free_count() + account.held_packets < frames_.pool.count();
  }
  uint64_t wrong = 0;
  uint64_t taken = 0;
  std::array<uint64_t, kDropReasons> dropped() { return egress_.account().dropped; }

 private:
  void configure() {
    LinkSetting setting;
    setting.discipline = random_() % 2 ? Discipline::wrr : Discipline::fifo;
    setting.queue_packets = random_() % 60 + 1;
    if (random_() % 2) {
      setting.rate_bytes_per_s = random_() % 3'000'000 + 10'000;
      setting.bucket_bytes = random_() % 4'000 + 500;
    }
    if (random_() % 2) setting.delay_ns = random_() % 3'000'000;
    if (random_() % 2) setting.jitter_ns = random_() % 3'000'000;
    setting.flight_packets = random_() % 80 + 1;
    if (random_() % 2) setting.loss_ratio = 0.1;
    if (random_() % 2) setting.duplicate_ratio = 0.1;
    if (random_() % 2) setting.reorder_ratio = 0.1;
    egress_.configure(setting);
    slow_.configure(setting);
  }
  void withdraw() {
    const uint32_t divisor = random_() % 9 + 1;
    egress_.withdraw([&](const uint8_t* frame) { return Frames::number(frame) % divisor == 0; });
    slow_.withdraw(divisor);
  }
  void set_weight() {
    const uint32_t flow = random_() % 5, weight = random_() % 4 + 1;
    egress_.set_weight(flow, weight);
    slow_.weights[flow] = weight;
  }
  void offer() {
    const uint32_t flow = random_() % 5, bytes = 20 + random_() % 1'500;
    PacketRef packet = frames_.make(bytes, flow);
    if (!packet) return;
    const uint32_t number = Frames::number(packet);
    wrong += egress_.offer(std::move(packet), flow, now_) != slow_.offer(number, flow, bytes, now_);
  }
  void take() {
    std::vector<PacketRef> out(random_() % 3 ? 100 : random_() % 5);
    const size_t count = egress_.take(out.data(), out.size(), now_);
    const std::vector<uint32_t> expected = slow_.take(out.size(), now_);
    wrong += count != expected.size();
    for (size_t i = 0; i < std::min(count, expected.size()); i++) wrong += Frames::number(out[i]) != expected[i];
    taken += count;
    // A lane sleeps until then: it must not be later than the slow one's next.
    if (out.size() == 100 && count < 100 && !slow_.under_way.empty())
      wrong += egress_.next_ns() > slow_.under_way.front().due;
  }

  std::mt19937 random_;
  Frames frames_{2'048, 512};
  Spares spares_;
  Egress egress_;
  Slow slow_;
  int64_t now_ = 0;
};

inline void run_walks(uint32_t seed) {
  uint64_t wrong = 0, taken = 0;
  std::array<uint64_t, kDropReasons> dropped{};
  for (uint32_t walk = 0; walk < 5; walk++) {
    EgressWalk one(seed + walk);
    for (int i = 0; i < 5'000; i++) {
      one.step();
      one.check_step();
    }
    wrong += one.wrong;
    taken += one.taken;
    for (size_t i = 0; i < kDropReasons; i++) dropped[i] += one.dropped()[i];
  }
  check(wrong == 0, "after every step as by sorted lists, and the account balanced: " + std::to_string(wrong) + " not");
  const auto count = [&](Drop reason) { return dropped[static_cast<size_t>(reason)]; };
  check(taken > 5'000 && count(Drop::queue_full) > 0 && count(Drop::over_bucket) > 0 && count(Drop::loss) > 0 &&
            count(Drop::withdrawn) > 0,
        std::to_string(taken) + " packets left, others were dropped for each of four reasons");
}

}  // namespace nslab::test::egress
