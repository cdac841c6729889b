// A network for both ends of lossless transfers, in a time of its own: it loses, delays, duplicates and damages.
#pragma once

#include <algorithm>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "engine/lossless/receiver.h"
#include "engine/lossless/sender.h"
#include "engine/packets/mix.h"
#include "test/check.h"

using namespace nslab;
using namespace nslab::engine;
using namespace nslab::engine::lossless;
using namespace nslab::test;

namespace {

constexpr int64_t kMs = 1'000'000;
uint64_t seed = 1;

class Random {
 public:
  uint64_t draw() { return mix(++count_ * kGolden + seed * 77); }
  bool happens(double ratio) { return static_cast<double>(draw() >> 11) * 0x1p-53 < ratio; }

 private:
  uint64_t count_ = 0;
};

/** What becomes of messages: of symbols to a receiver by a tree (unicast: -1), and of polls and reports. */
struct Weather {
  double loss = 0;
  double duplicate = 0;
  double damage = 0;
  int64_t delay_ns = 2 * kMs;
  int64_t jitter_ns = 0;
  std::function<bool(uint32_t receiver, int tree, int64_t now_ns)> is_cut = [](uint32_t, int, int64_t) {
    return false;
  };
};

struct World {
  World(TransferSetting wanted, Weather sky) : setting(std::move(wanted)), weather(std::move(sky)) {
    const IsaL* library = setting.cut.parity_symbols > 0 ? *isa_l() : nullptr;
    sender = std::make_unique<Sender>(1, setting, library, 42, now_ns);
  }

  struct Message {
    int64_t at_ns;
    uint32_t from;
    uint32_t to;
    std::vector<uint8_t> bytes;
  };

  void post(uint32_t from, uint32_t to, std::vector<uint8_t> bytes) {
    if (random.happens(weather.loss)) return;
    const auto late = [&] {
      return now_ns + weather.delay_ns +
             (weather.jitter_ns > 0 ? static_cast<int64_t>(random.draw() % static_cast<uint64_t>(weather.jitter_ns))
                                    : 0);
    };
    if (random.happens(weather.damage)) bytes[random.draw() % bytes.size()] ^= uint8_t(1 << random.draw() % 8);
    if (random.happens(weather.duplicate)) under_way.push_back({late(), from, to, bytes});
    under_way.push_back({late(), from, to, std::move(bytes)});
  }

  void send_from_source() {
    for (int i = 0; i < 64; i++) {
      const auto out = sender->next(now_ns);
      if (!out) return;
      std::vector<uint8_t> bytes(out->message_bytes);
      sender->write(bytes);
      sender->made(now_ns);
      const int tree = out->is_group ? out->tree.value_or(0) : -1;
      if (bytes[12] == 1) by_tree[tree]++;
      for (const uint32_t to : out->is_group ? members : std::vector{out->destination})
        if (!weather.is_cut(to, tree, now_ns)) post(1, to, bytes);
    }
  }

  void receive(const Message& message) {
    Head head;
    if (!read_head(message.bytes, head)) {
      damaged++;
      return;
    }
    if (message.to == 1) {
      if (head.kind == Kind::report) (void)sender->take(message.from, head, message.bytes, now_ns);
      return;
    }
    if (dead.contains(message.to)) return;
    auto& receiver = receivers[message.to];
    if (head.kind == Kind::poll) {
      Poll poll;
      if (!read_poll(message.bytes, poll) || poll.to != message.to) return;
      if (!receiver) {
        const IsaL* library = poll.cut.parity_symbols > 0 ? *isa_l() : nullptr;
        receiver = std::make_unique<Receiver>(message.to, 1, head, poll.cut, library, now_ns);
      }
      if (left.contains(message.to)) receiver->leave(now_ns);
      (void)receiver->take_poll(head, poll, now_ns);
    } else if (receiver && head.kind == Kind::symbol) {
      std::vector<uint8_t> bytes = message.bytes;
      if (spoil && spoil(message.to, head)) bytes[kHeadBytes] ^= 1;
      (void)receiver->take_symbol(head, bytes, now_ns);
    }
  }

  /** Until the source is over with it, or so long. */
  bool run(int64_t for_ns) {
    members = setting.receivers;
    for (const int64_t until = now_ns + for_ns; now_ns < until && !sender->finished(); now_ns += kMs / 4) {
      each_turn(*this);
      send_from_source();
      for (auto& [node, receiver] : receivers)
        while (receiver && !dead.contains(node)) {
          const auto out = receiver->next(now_ns);
          if (!out) break;
          std::vector<uint8_t> bytes(out->message_bytes);
          receiver->write(bytes);
          receiver->made(now_ns);
          reports++;
          if (!weather.is_cut(node, -1, now_ns)) post(node, 1, bytes);
        }
      std::vector<Message> come;
      std::erase_if(under_way, [&](Message& message) {
        if (message.at_ns > now_ns) return false;
        come.push_back(std::move(message));
        return true;
      });
      std::ranges::stable_sort(come, {}, &Message::at_ns);
      for (const Message& message : come) receive(message);
    }
    return sender->finished();
  }

  size_t with(Outcome outcome) const {
    size_t count = 0;
    for (const PeerStats& peer : sender->stats().peers) count += peer.outcome == outcome ? 1 : 0;
    return count;
  }
  bool all_equal() const {
    const auto digest = sender->stats().digest;
    return digest && std::ranges::all_of(setting.receivers, [&](uint32_t node) {
             const auto found = receivers.find(node);
             return found != receivers.end() && found->second && found->second->stats().digest == digest;
           });
  }
  uint64_t decoded() const {
    uint64_t sum = 0;
    for (const auto& [node, receiver] : receivers) sum += receiver ? receiver->stats().decoded_blocks : 0;
    return sum;
  }

  TransferSetting setting;
  Weather weather;
  Random random;
  int64_t now_ns = 1'000 * kMs;
  std::unique_ptr<Sender> sender;
  std::map<uint32_t, std::unique_ptr<Receiver>> receivers;
  std::vector<Message> under_way;
  std::vector<uint32_t> members;
  std::map<uint32_t, bool> dead, left;
  std::map<int, uint64_t> by_tree;
  std::function<void(World&)> each_turn = [](World&) {};
  std::function<bool(uint32_t, const Head&)> spoil;
  uint64_t damaged = 0, reports = 0;
};

TransferSetting transfer(uint64_t bytes, uint32_t parity, std::vector<uint32_t> receivers = {2, 3, 4, 5}) {
  TransferSetting setting;
  setting.flow = 9;
  setting.is_group = true;
  setting.destination = 7;
  setting.receivers = std::move(receivers);
  setting.payload_seed = seed;
  setting.cut = {bytes, 1000, 16, parity, 0, 7};
  return setting;
}

}  // namespace
