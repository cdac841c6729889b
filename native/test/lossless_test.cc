// Lossless transfers without packets, clocks or threads: both ends against a network that loses, delays, duplicates and
// damages what they say, in a time of its own. Argument: the seed of chance.
#include <dlfcn.h>

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "test/lossless_world.h"

namespace {

std::string hex(const Digest& digest) {
  std::string text;
  char two[3];
  for (const uint8_t byte : digest) {
    std::snprintf(two, sizeof two, "%02x", byte);
    text += two;
  }
  return text;
}

void test_sha() {
  const auto of = [](const std::string& text, size_t step) {
    Sha256 sha;
    for (size_t at = 0; at < text.size(); at += step)
      sha.add({reinterpret_cast<const uint8_t*>(text.data()) + at, std::min(step, text.size() - at)});
    return hex(sha.finish());
  };
  // FIPS 180-2, appendix B.
  check(of("abc", 1) == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad", "SHA-256: one block");
  const std::string two = "abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq";
  const std::string of_two = "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1";
  check(of(two, 64) == of_two && of(two, 5) == of_two, "SHA-256: two blocks, whole and in parts");
  const std::string million(1'000'000, 'a');
  const std::string of_million = "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0";
  check(of(million, 64 * 100) == of_million && of(million, 999) == of_million, "SHA-256: a million bytes");
  check(of("", 1) == "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855", "SHA-256: nothing");
}

void test_parity() {
  const auto library = isa_l();
  check(library.ok(), "ISA-L is there");
  Random random;
  bool restored = true, refused = true;
  for (const auto& [k, r] : {std::pair{1u, 1u}, {4u, 2u}, {32u, 4u}, {200u, 55u}})
    for (int turn = 0; turn < 20; turn++) {
      constexpr uint32_t kBytes = 97;
      Parity parity(*library, k, r);
      std::vector<uint8_t> rows(size_t{k + r} * kBytes);
      make_payload(random.draw(), 0, rows.data(), k * kBytes);
      parity.encode(rows.data(), kBytes);
      const std::vector<uint8_t> whole = rows;
      std::array<bool, kSymbolsMax> has{};
      std::fill_n(has.begin(), k + r, true);
      const uint32_t lost = 1 + static_cast<uint32_t>(random.draw() % r);
      for (uint32_t gone = 0; gone < lost;) {
        const uint32_t at = static_cast<uint32_t>(random.draw() % (k + r));
        if (!std::exchange(has[at], false)) continue;
        std::memset(rows.data() + size_t{at} * kBytes, 0xee, kBytes);
        gone++;
      }
      restored = parity.restore(rows.data(), kBytes, has) && restored;
      restored = std::memcmp(rows.data(), whole.data(), size_t{k} * kBytes) == 0 && restored;
      std::fill_n(has.begin(), k + r, false);
      std::fill_n(has.begin() + 1, k - 1, true);
      refused = !parity.restore(rows.data(), kBytes, has) && refused;
    }
  check(restored, "any k symbols tell a block");
  check(refused, "fewer don't");
}

void test_clear(uint32_t parity) {
  const std::string name = parity > 0 ? "fec: " : "plain: ";
  for (const uint64_t bytes : {uint64_t{1}, uint64_t{999}, uint64_t{16'000}, uint64_t{16'001}, uint64_t{1'234'567}}) {
    World world(transfer(bytes, parity), {});
    check(world.run(10'000 * kMs) && world.with(Outcome::delivered) == 4 && world.all_equal(),
          name + std::to_string(bytes) + " bytes are delivered to each");
    const SenderStats stats = world.sender->stats();
    check(stats.repaired_symbols == 0 && stats.sent_packets <= bytes / 1000 + 1 + (bytes / 16'000 + 1) * parity,
          name + "and nothing goes twice where nothing is lost");
  }
}

/** Per cent of loss both ways, and what else befalls. */
void test_storm(uint32_t parity, double loss) {
  const std::string name =
      std::string(parity > 0 ? "fec" : "plain") + ", " + std::to_string(static_cast<int>(100 * loss)) + " % lost: ";
  Weather weather;
  weather.loss = loss;
  weather.duplicate = 0.01;
  weather.jitter_ns = 4 * kMs;
  World world(transfer(2'000'000, parity), weather);
  check(world.run(60'000 * kMs) && world.with(Outcome::delivered) == 4 && world.all_equal(), name + "all is delivered");
  const SenderStats stats = world.sender->stats();
  check(stats.repaired_symbols > 0 || parity > 0, name + std::to_string(stats.repaired_symbols) + " repaired");
  check(parity > 0 ? world.decoded() > 0 : world.decoded() == 0, name + std::to_string(world.decoded()) + " decoded");
}

uint64_t repaired(uint32_t parity) {
  Weather weather;
  weather.loss = 0.02;
  World world(transfer(2'000'000, parity), weather);
  return world.run(60'000 * kMs) ? world.sender->stats().repaired_symbols : UINT64_MAX;
}

void test_damage() {
  Weather weather;
  weather.damage = 0.05;
  World world(transfer(1'000'000, 2), weather);
  check(world.run(60'000 * kMs) && world.with(Outcome::delivered) == 4 && world.all_equal() && world.damaged > 20,
        "damage: what a link has damaged is as good as lost, and repaired");
  // Damage that no check of a packet sees, at one receiver.
  World spoilt(transfer(1'000'000, 0), {});
  spoilt.spoil = [](uint32_t to, const Head& head) { return to == 3 && head.block == 11 && head.index == 3; };
  check(spoilt.run(60'000 * kMs) && spoilt.with(Outcome::delivered) == 3 && spoilt.with(Outcome::mismatch) == 1 &&
            spoilt.sender->stats().peers[1].outcome == Outcome::mismatch,
        "damage: what passed every check is found by SHA-256, where it is");
}

void test_trees() {
  TransferSetting setting = transfer(2'000'000, 0);
  setting.trees = {{0, 3}, {4, 1}};
  World whole(setting, {});
  check(whole.run(20'000 * kMs) && whole.all_equal() && whole.by_tree[0] == 1500 && whole.by_tree[4] == 500,
        "trees: symbols are shared by weight");
  Weather weather;
  // The whole of one tree, from some moment on.
  weather.is_cut = [](uint32_t, int tree, int64_t now_ns) { return tree == 4 && now_ns > 1'012 * kMs; };
  World cut(setting, weather);
  check(cut.run(60'000 * kMs) && cut.with(Outcome::delivered) == 4 && cut.all_equal() &&
            cut.sender->stats().repaired_symbols > 0,
        "trees: one that is cut is made good by the other");
  // No tree reaches one receiver, and routes do.
  weather.is_cut = [](uint32_t receiver, int tree, int64_t) { return receiver == 4 && tree >= 0; };
  World apart(transfer(300'000, 2), weather);
  check(apart.run(60'000 * kMs) && apart.with(Outcome::delivered) == 4 && apart.all_equal() && apart.by_tree[-1] > 0,
        "trees: what none brings is sent to the one that misses it");
}

void test_break() {
  Weather weather;
  weather.is_cut = [](uint32_t receiver, int, int64_t now_ns) {
    return receiver == 5 && now_ns > 1'012 * kMs && now_ns < 4'030 * kMs;
  };
  World world(transfer(2'000'000, 2), weather);
  check(
      world.run(60'000 * kMs) && world.with(Outcome::delivered) == 4 && world.all_equal() && world.now_ns > 4'030 * kMs,
      "break: a link that is gone for three seconds delays, and loses nothing");
}

void test_deaths() {
  TransferSetting setting = transfer(2'000'000, 2);
  setting.silence_ns = 2'000 * kMs;
  World world(setting, {});
  world.each_turn = [](World& now) {
    if (now.now_ns > 1'012 * kMs) now.dead[3] = true;
  };
  check(world.run(60'000 * kMs) && world.with(Outcome::delivered) == 3 && world.with(Outcome::silent) == 1,
        "deaths: the others have all");
  const PeerStats dead = world.sender->stats().peers[1];
  check(dead.node == 3 && dead.outcome == Outcome::silent && dead.acknowledged_bytes < 2'000'000,
        "deaths: who died is named, with what it had acknowledged");
  World never(setting, {});
  never.dead[4] = true;
  check(never.run(60'000 * kMs) && never.with(Outcome::delivered) == 3 && never.with(Outcome::silent) == 1,
        "deaths: one that never answered holds nobody up for ever");
  Weather rain;
  rain.loss = 0.2;
  World orphan(transfer(2'000'000, 0), rain);
  const auto asks = [&] { return orphan.receivers[2] && orphan.receivers[2]->stats().asked_blocks > 0; };
  while (!asks() && orphan.now_ns < 5'000 * kMs) (void)orphan.run(kMs);
  const uint64_t reports = orphan.reports;
  orphan.sender->stop(orphan.now_ns);
  orphan.weather.is_cut = [](uint32_t, int, int64_t) { return true; };
  Receiver& left_alone = *orphan.receivers[2];
  uint64_t asked = 0;
  for (int64_t now_ns = orphan.now_ns; now_ns < orphan.now_ns + 200'000 * kMs; now_ns += 10 * kMs)
    for (auto out = left_alone.next(now_ns); out; out = left_alone.next(now_ns)) {
      std::vector<uint8_t> bytes(out->message_bytes);
      left_alone.write(bytes);
      left_alone.made(now_ns);
      asked++;
    }
  check(reports > 0 && asked > 50 && asked < 1000 && left_alone.stats().outcome == Outcome::silent,
        "deaths: a receiver whose source died asks ever more seldom, and then no more: " + std::to_string(asked));
  World nobody(transfer(1000, 0, {}), {});
  check(nobody.run(kMs), "deaths: without receivers it is over at once");
}

void test_leaving() {
  Weather weather;
  World world(transfer(2'000'000, 0), weather);
  world.each_turn = [](World& now) {
    if (now.now_ns <= 1'012 * kMs || now.left.contains(5)) return;
    now.left[5] = true;
    if (now.receivers[5]) now.receivers[5]->leave(now.now_ns);
  };
  check(world.run(60'000 * kMs) && world.with(Outcome::delivered) == 3 && world.with(Outcome::left) == 1,
        "leaving: one that leaves ends its part, and the others go on");
  World early(transfer(100'000, 0), {});
  early.left[2] = true;
  check(early.run(60'000 * kMs) && early.with(Outcome::delivered) == 3 && early.with(Outcome::left) == 1,
        "leaving: one that was gone before it was asked says so");
  World stopped(transfer(2'000'000, 0), {});
  stopped.each_turn = [](World& now) {
    if (now.now_ns > 1'012 * kMs) now.sender->stop(now.now_ns);
  };
  check(stopped.run(60'000 * kMs) && stopped.with(Outcome::stopped) == 4, "leaving: a source that is stopped says so");
}

/** A receiver that is made anew, and has forgotten everything, as soon as it has acknowledged so much. */
void test_forgetting() {
  const auto forgets = [](uint64_t payload_bytes, uint64_t after_bytes) {
    TransferSetting setting = transfer(payload_bytes, 2);
    setting.rate_bytes_per_s = 1'000'000;
    World world(setting, {});
    bool has_forgotten = false;
    world.each_turn = [&](World& now) {
      const bool is_time = now.receivers[3] && now.receivers[3]->stats().whole_bytes >= after_bytes &&
                           now.sender->stats().peers[1].acknowledged_bytes >= after_bytes;
      if (!std::exchange(has_forgotten, has_forgotten || is_time) && is_time) now.receivers[3].reset();
    };
    const bool done = world.run(20'000 * kMs) && has_forgotten;
    return std::tuple{done, world.with(Outcome::delivered), world.sender->stats().peers[1].outcome};
  };
  const std::tuple lacks{true, size_t{3}, Outcome::left};
  check(forgets(2'000'000, 1'000'000) == lacks, "forgetting: what it had acknowledged is gone at the source, too");
  check(forgets(300'000, 100'000) == lacks, "forgetting: and is sent no more where the source still has it");
  check(forgets(300'000, 0) == std::tuple{true, size_t{4}, Outcome::delivered},
        "forgetting: one that had acknowledged nothing begins again");
}

void test_pace() {
  TransferSetting setting = transfer(1'000'000, 0, {2});
  setting.is_group = false;
  setting.destination = 2;
  setting.rate_bytes_per_s = 1'000'000;
  World world(setting, {});
  const bool done = world.run(60'000 * kMs);
  const int64_t took = world.sender->stats().last_ns - world.sender->stats().first_ns;
  check(done && world.all_equal() && took > 1'000 * kMs && took < 1'150 * kMs,
        "pace: a million bytes and their headers at a million a second, " + std::to_string(took / kMs) + " ms");
  check(world.reports < 200, "pace: a slow source is not asked for what it has not sent");
}

/** What nobody of this transfer may say. */
void test_strangers() {
  World world(transfer(2'000'000, 2), {});
  Sender& sender = *world.sender;
  const auto report = [&](uint32_t from, uint32_t start, uint32_t base, uint8_t flags) {
    Head head{9, start, Kind::report, flags, 0, base};
    std::vector<uint8_t> bytes(kHeadBytes);
    write_head(head, bytes.data());
    seal(bytes);
    return read_head(bytes, head) && sender.take(from, head, bytes, world.now_ns);
  };
  (void)report(99, 42, 0, kFlagLeft);
  (void)report(2, 41, 0, kFlagLeft);
  (void)report(2, 42, 77, kFlagDelivered);
  (void)report(2, 42, 0, kFlagDelivered);
  check(world.with(Outcome::pending) == 4,
        "strangers: no receiver, another start, and what was never sent change nothing");
  check(world.run(60'000 * kMs) && world.all_equal(), "strangers: and it goes on");
  Receiver& receiver = *world.receivers[2];
  std::vector<uint8_t> bytes(kHeadBytes + 1000);
  const auto fits = [&](uint32_t block, uint16_t index, size_t size) {
    return receiver.take_symbol({9, 42, Kind::symbol, 0, index, block}, {bytes.data(), size}, world.now_ns);
  };
  check(fits(0, 0, bytes.size()) && !fits(0, 18, bytes.size()) && !fits(4'000'000, 0, bytes.size()) && !fits(0, 0, 100),
        "strangers: a symbol that there can't be is refused");
}

}  // namespace

int main(int count, char** arguments) {
  if (count > 1) seed = std::strtoull(arguments[1], nullptr, 10);
  test_sha();
  test_parity();
  for (const uint32_t parity : {0u, 2u}) {
    test_clear(parity);
    for (const double loss : {0.01, 0.05, 0.2}) test_storm(parity, loss);
  }
  const uint64_t plain = repaired(0), fec = repaired(2);
  check(fec < plain / 2, "parity saves repairs: " + std::to_string(fec) + " in place of " + std::to_string(plain));
  test_damage();
  test_trees();
  test_break();
  test_deaths();
  test_leaving();
  test_forgetting();
  test_pace();
  test_strangers();
  return end_checks();
}
