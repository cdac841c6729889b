// Lossless transfers over lanes: trees of nodes whose links lose, damage, break under load and come back, with accounts
// that balance throughout.
#include <algorithm>

#include "test/lanes_parts.h"

namespace {

using lossless::Outcome;

constexpr uint32_t kGroup = 3;

lossless::TransferSetting transfer(uint64_t bytes, uint32_t parity, std::vector<uint32_t> receivers) {
  lossless::TransferSetting setting;
  setting.flow = 1;
  setting.is_group = true;
  setting.destination = kGroup;
  setting.receivers = std::move(receivers);
  setting.payload_seed = 5;
  setting.cut = {bytes, 1000, 16, parity, 0, kGroup};
  return setting;
}

/** A square 1-2-3-4: tree 0 goes 1-2-3 and 1-4, tree 1 goes 1-4-3 and 1-2. All but 1 are members. */
class Square {
 public:
  Square(uint32_t lanes, uint32_t processors, const LinkSetting& links, bool backpressure = false)
      : bench(options(lanes, backpressure)), links_(links) {
    for (uint32_t node = 1; node <= 4; node++) (void)bench.did(AddNode{node, processors});
    for (uint32_t node = 1; node <= 4; node++) join(bench, node, node % 4 + 1, links);
    const std::vector<std::vector<Tree>> trees{
        {{0, {2, 4}}, {1, {4, 2}}}, {{0, {3}}, {1, {2}}}, {{0, {3}}, {1, {3}}}, {{0, {4}}, {1, {3}}}};
    for (uint32_t node = 1; node <= 4; node++)
      (void)bench.did(ChangeRoutes{node,
                                   {Derive{derived(ring_runs(node, 4))}, InstallTrees{1, kGroup, trees[node - 1]},
                                    SetMember{kGroup, node > 1}}});
  }
  Reply start(const lossless::TransferSetting& setting) { return bench.ask(StartTransfer{1, setting, kBase}); }
  void cut(uint32_t one, uint32_t other) {
    (void)bench.did(RemoveLink{one, other});
    (void)bench.did(RemoveLink{other, one});
  }
  void mend(uint32_t one, uint32_t other) { join(bench, one, other, links_); }
  lossless::SenderStats sender() {
    const Counts counts = bench.counts();
    return counts.senders.empty() ? lossless::SenderStats{} : counts.senders[0];
  }
  size_t with(Outcome outcome) {
    const lossless::SenderStats stats = sender();
    return static_cast<size_t>(std::ranges::count(stats.peers, outcome, &lossless::PeerStats::outcome));
  }
  /** Bytes that every receiver has acknowledged. */
  uint64_t acknowledged() {
    uint64_t least = UINT64_MAX;
    for (const lossless::PeerStats& peer : sender().peers) least = std::min(least, peer.acknowledged_bytes);
    return least;
  }
  /** As many receivers have the bytes of the source. */
  size_t equal() {
    const Counts counts = bench.counts();
    const auto digest = counts.senders.at(0).digest;
    return static_cast<size_t>(std::ranges::count_if(
        counts.receivers, [&](const auto& receiver) { return digest && receiver.digest == digest; }));
  }
  void end(const std::string& name, bool whole = true) {
    bench.whole = whole;
    check(bench.await_quiet() && balanced(bench.counts()), name + "accounts balance");
    check(bench.end(), name + "blocks are back");
  }

  Bench bench;

 private:
  const LinkSetting links_;
};

void test_delivery(uint32_t lanes, uint32_t processors, uint32_t parity, double loss, double corrupt,
                   bool backpressure = false) {
  const std::string name = "delivery, " + std::to_string(lanes) + " lanes, " + std::to_string(processors) +
                           " of a node, " + std::to_string(parity) + " parity, loss " + std::to_string(loss) + ": ";
  LinkSetting links;
  links.loss_ratio = loss;
  links.corrupt_ratio = corrupt;
  Square square(lanes, processors, links, backpressure);
  lossless::TransferSetting setting = transfer(1'500'000, parity, {2, 3, 4});
  setting.trees = {{0, 1}, {1, 1}};
  check(square.start(setting).status.ok() && square.bench.await_finished(1), name + "it ends");
  check(square.with(Outcome::delivered) == 3 && square.equal() == 3, name + "every receiver has every byte");
  const bool repairs = square.sender().repaired_symbols > 0;
  if (loss == 0) check(!repairs || processors > 1, name + "nothing goes twice where nothing is lost");
  else check(repairs || parity > 0, name + std::to_string(square.sender().repaired_symbols) + " repaired");
  const Counts counts = square.bench.counts();
  check((dropped(counts, Drop::malformed) + dropped(counts, Drop::nobody) > 0) == (corrupt > 0),
        name + "damaged packets are dropped, and nothing else is nobody's");
  square.end(name);
}

/** The link of both of node 2's ways breaks in the midst of it, and comes back. */
void test_break(uint32_t lanes) {
  const std::string name = "break, " + std::to_string(lanes) + " lanes: ";
  LinkSetting links;
  links.loss_ratio = 0.01;
  Square square(lanes, 1, links);
  lossless::TransferSetting setting = transfer(3'000'000, 2, {2, 3, 4});
  setting.trees = {{0, 1}, {1, 1}};
  setting.rate_bytes_per_s = 4'000'000;
  check(square.start(setting).status.ok(), name + "begins");
  check(square.bench.await([&] { return square.acknowledged() > 200'000 && square.acknowledged() < 3'000'000; }),
        name + "under way");
  square.cut(1, 2);
  square.cut(2, 3);
  const uint64_t had = square.acknowledged();
  ::usleep(400'000);
  check(square.acknowledged() - had < 1'000'000 && square.sender().finished == false, name + "without node 2 it waits");
  square.mend(1, 2);
  square.mend(2, 3);
  check(square.bench.await_finished(1) && square.with(Outcome::delivered) == 3 && square.equal() == 3,
        name + "nothing is lost when they are back");
  square.end(name, false);
}

/** One tree is gone for good. */
void test_cut() {
  Square square(2, 1, {});
  lossless::TransferSetting setting = transfer(2'000'000, 0, {2, 3, 4});
  setting.trees = {{0, 1}, {1, 1}};
  square.cut(2, 3);
  check(square.start(setting).status.ok() && square.bench.await_finished(1) && square.with(Outcome::delivered) == 3 &&
            square.equal() == 3 && square.sender().repaired_symbols > 100,
        "cut: what a tree does not bring, the other does");
  square.end("cut: ", false);
}

void test_ends() {
  Square square(2, 1, {});
  lossless::TransferSetting setting = transfer(4'000'000, 0, {2, 3, 4});
  setting.silence_ns = kSecondNs;
  setting.rate_bytes_per_s = 4'000'000;
  check(square.start(setting).status.ok(), "ends: begins");
  check(square.start(setting).status.error().number == EEXIST, "ends: one of a number");
  check(square.bench.await([&] { return square.acknowledged() > 100'000; }), "ends: under way");
  (void)square.bench.did(ChangeRoutes{3, {Derive{derived({2, 2, 1, 3, 1, 4})}}});
  (void)square.bench.did(ChangeRoutes{2, {SetMember{kGroup, false}}});
  (void)square.bench.did(RemoveNode{4});
  check(square.bench.await_finished(1), "ends: without who died and who left");
  const lossless::SenderStats stats = square.sender();
  check(stats.peers[0].outcome == Outcome::left && stats.peers[1].outcome == Outcome::delivered &&
            stats.peers[2].outcome == Outcome::silent,
        "ends: each is named, and the one that stayed has all");
  setting.cut.payload_bytes = 100'000'000;
  setting.receivers = {3};
  check(square.start(setting).status.ok(), "ends: started again when it is over");
  check(square.bench.await([&] { return square.acknowledged() > 100'000; }), "ends: under way again");
  check(square.bench.did(StopSources{}) && square.bench.await_finished(2) && square.with(Outcome::stopped) == 1,
        "ends: a source that is stopped says so");
  check(square.bench.did(StopFlow{1, 1}) && square.bench.did(StopFlow{3, 1}) && square.bench.counts().senders.empty(),
        "ends: and is forgotten");
  setting.cut.payload_bytes = 0;
  check(square.start(setting).status.error().number == EINVAL, "ends: a payload of nothing is refused");
  square.end("ends: ", false);
}

void test_unicast() {
  LinkSetting links;
  links.loss_ratio = 0.03;
  Square square(2, 1, links);
  lossless::TransferSetting setting = transfer(1'000'001, 2, {3});
  setting.is_group = false;
  setting.destination = 3;
  setting.cut.group = 0;
  check(square.start(setting).status.ok() && square.bench.await_finished(1) && square.with(Outcome::delivered) == 1 &&
            square.equal() == 1,
        "unicast: delivered to the one there is");
  square.end("unicast: ");
}

}  // namespace

int main() {
  test_delivery(1, 1, 0, 0, 0);
  test_delivery(3, 3, 2, 0, 0);
  test_delivery(2, 1, 2, 0.02, 0.01);
  test_delivery(2, 1, 0, 0.05, 0, true);
  test_delivery(3, 3, 2, 0.02, 0, true);
  test_break(1);
  test_break(2);
  test_cut();
  test_ends();
  test_unicast();
  return end_checks();
}
