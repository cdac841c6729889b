// Routes and trees of a node: held to a table of maps through random changes, and each rule by itself. A part of
// packets_test.cc.

#include <algorithm>
#include <map>
#include <set>

#include "engine/packets/mix.h"
#include "engine/packets/route_table.h"
#include "test/packets_parts.h"

namespace nslab::test::routes {

using namespace engine;

constexpr uint32_t kSelf = 5;

PacketHeader header_of(uint32_t source, uint32_t destination, uint32_t flow = 1) {
  PacketHeader header;
  header.source = source;
  header.destination = destination;
  header.flow = flow;
  return header;
}
PacketHeader group_header(uint32_t source, uint32_t group) {
  PacketHeader header = header_of(source, group);
  header.flags = kFlagGroup;
  return header;
}
PacketHeader tree_header(uint32_t source, uint32_t group, uint16_t tree) {
  PacketHeader header = group_header(source, group);
  header.flags |= kFlagTree;
  header.tree = tree;
  return header;
}

struct Answer {
  Drop reason = Drop::none;
  std::vector<uint32_t> next;
  bool local = false;
  bool operator==(const Answer&) const = default;
};

Answer ask(RouteTable& table, const PacketHeader& header) {
  Hops hops;
  Answer answer;
  answer.reason = table.resolve(header, hops);
  if (answer.reason != Drop::none) return answer;
  answer.next.assign(hops.next.begin(), hops.next.end());
  answer.local = hops.local;
  return answer;
}

/** The slow and obvious one: maps, and everything looked up anew. */
struct Model {
  using Ends = std::pair<uint32_t, uint32_t>;
  std::map<Ends, std::map<uint32_t, std::vector<uint32_t>>> routes;
  std::map<Ends, std::map<uint32_t, std::vector<uint32_t>>> trees;
  std::map<Ends, std::map<uint32_t, uint32_t>> pinned;
  std::map<uint32_t, uint32_t> over;
  std::set<uint32_t> members;
  std::vector<uint32_t> derived;

  static Answer of(const std::vector<uint32_t>& hops) {
    Answer answer;
    for (const uint32_t hop : hops) {
      if (hop == kSelf) answer.local = true;
      else if (std::ranges::find(answer.next, hop) == answer.next.end()) answer.next.push_back(hop);
    }
    return answer;
  }
  Answer ask(const PacketHeader& header) {
    const Ends ends{header.source, header.destination};
    if (header.flags & kFlagGroup) {
      if (!trees.contains(ends)) return {Drop::no_route, {}, false};
      auto& own = trees[ends];
      auto at = header.flags & kFlagTree ? own.find(header.tree) : own.begin();
      if (at == own.end()) return {Drop::no_route, {}, false};
      Answer answer = of(at->second);
      answer.local = members.contains(header.destination);
      if (!answer.local && answer.next.empty()) return {Drop::nobody, {}, false};
      return answer;
    }
    if (header.source == kSelf && over.contains(header.flow)) return {Drop::none, {over[header.flow]}, false};
    if (routes.contains(ends)) {
      auto& own = routes[ends];
      if (pinned[ends].contains(header.flow)) return of(own[pinned[ends][header.flow]]);
      const uint64_t key = mix(header.flow + kGolden * (uint64_t{header.source} << 32 | header.destination));
      auto at = own.begin();
      std::advance(at, jump_hash(key, static_cast<uint32_t>(own.size())));
      return of(at->second);
    }
    if (header.destination == kSelf) return {Drop::none, {}, true};
    const uint32_t next = header.destination < derived.size() ? derived[header.destination] : 0;
    if (next == 0 || next == kSelf) return {Drop::no_route, {}, false};
    return {Drop::none, {next}, false};
  }
};

class Walk {
 public:
  explicit Walk(uint32_t seed) : random_(seed), table_(kSelf, 64) {}

  void step() {
    const uint32_t source = any(12), destination = any(12);
    switch (random_() % 40) {
      case 0:
        return derive();
      case 1:
        return set_member(destination);
      case 2:
        return install_trees(source, destination);
      case 3:
      case 4:
        return install(source, destination);
      case 5:
        return pin(source, destination);
      case 6:
        return send_over();
      default:
        return ask_one(source, destination);
    }
  }
  size_t wrong = 0;
  size_t asked = 0;
  size_t pins = 0;

 private:
  uint32_t any(uint32_t count) { return random_() % count + 1; }
  std::vector<uint32_t> hops() {
    std::vector<uint32_t> hops(random_() % 4 + 1);
    for (uint32_t& hop : hops) hop = any(8);
    return hops;
  }
  void derive() {
    model_.derived.assign(1, 0);
    std::vector<uint32_t> runs;
    for (uint32_t count = random_() % 5; count > 0; count--) {
      runs.push_back(random_() % 5);
      runs.push_back(random_() % 7);
      for (uint32_t i = 0; i < runs[runs.size() - 2]; i++) model_.derived.push_back(runs.back());
    }
    const DerivedRoutes routes(runs);
    for (uint32_t to = 0; to < 30; to++)
      if (routes.next_hop(to) != (to < model_.derived.size() ? model_.derived[to] : 0)) wrong++;
    table_.derive(routes);
  }
  void set_member(uint32_t group) {
    const bool member = random_() % 2;
    if (member) model_.members.insert(group);
    else model_.members.erase(group);
    table_.set_member(group, member);
  }
  void install(uint32_t source, uint32_t destination) {
    std::vector<Route> routes(random_() % 4);
    model_.routes.erase({source, destination});
    model_.pinned.erase({source, destination});
    for (Route& route : routes) {
      route = {static_cast<uint32_t>(random_() % 9), source, destination, hops()};
      model_.routes[{source, destination}][route.id] = route.next_hops;
    }
    table_.install(source, destination, routes);
  }
  void install_trees(uint32_t source, uint32_t group) {
    std::vector<Tree> trees(random_() % 4);
    model_.trees.erase({source, group});
    for (Tree& tree : trees) {
      tree = {static_cast<uint16_t>(random_() % 5), hops()};
      model_.trees[{source, group}][tree.number] = tree.next_hops;
    }
    table_.install_trees(source, group, trees);
  }
  void pin(uint32_t source, uint32_t destination) {
    const uint32_t flow = any(6), route = random_() % 9;
    const auto own = model_.routes.find({source, destination});
    const bool there = own != model_.routes.end() && own->second.contains(route);
    if (table_.pin(source, destination, flow, route) != there) wrong++;
    if (!there) return;
    model_.pinned[{source, destination}][flow] = route;
    pins++;
  }
  void send_over() {
    const uint32_t flow = any(6), hop = random_() % 2 ? 20 + any(8) : 0;
    if (hop == 0) model_.over.erase(flow);
    else model_.over[flow] = hop;
    table_.send_over(flow, hop);
  }
  void ask_one(uint32_t source, uint32_t destination) {
    PacketHeader header = header_of(source, destination, any(6));
    if (random_() % 2) header = group_header(source, destination);
    if (header.flags && random_() % 2) header = tree_header(source, destination, static_cast<uint16_t>(random_() % 5));
    const Answer expected = model_.ask(header);
    if (ask(table_, header) != expected) wrong++;
    uint32_t one = 99;
    const Drop reason = table_.resolve_one(header, one);
    if (reason != expected.reason) wrong++;
    else if (reason != Drop::none) one = 99;
    else if (expected.local ? one != 0 : std::ranges::find(expected.next, one) == expected.next.end()) wrong++;
    asked++;
  }

  std::mt19937 random_;
  RouteTable table_;
  Model model_;
};

void test_walk(uint32_t seed) {
  Walk walk(seed);
  for (int i = 0; i < 80'000; i++) walk.step();
  check(walk.wrong == 0,
        std::to_string(walk.asked) + " questions, answered as by maps: " + std::to_string(walk.wrong) + " were not");
  check(walk.pins > 50, "flows were pinned on the way");
}

void test_spread() {
  RouteTable table(1);
  const auto routes = [](uint32_t count) {
    std::vector<Route> all;
    for (uint32_t id = 1; id <= count; id++) all.push_back({id, 1, 9, {10 + id}});
    return all;
  };
  table.install(1, 9, routes(4));
  std::map<uint32_t, int> shares;
  std::vector<uint32_t> before;
  constexpr uint32_t kFlows = 20'000;
  for (uint32_t flow = 0; flow < kFlows; flow++) {
    before.push_back(ask(table, header_of(1, 9, flow)).next[0]);
    shares[before.back()]++;
  }
  const bool even =
      std::ranges::all_of(shares, [](const auto& one) { return one.second > 4'600 && one.second < 5'400; });
  check(shares.size() == 4 && even, "flows spread evenly over four routes");
  table.install(1, 9, routes(5));
  uint32_t moved = 0, wrong = 0;
  for (uint32_t flow = 0; flow < kFlows; flow++) {
    const uint32_t now = ask(table, header_of(1, 9, flow)).next[0];
    moved += now != before[flow];
    wrong += now != before[flow] && now != 15;
  }
  check(moved > kFlows / 5 - 400 && moved < kFlows / 5 + 400 && wrong == 0,
        "of a fifth route a fifth of the flows move, and to it alone");
}

void test_forgets_what_it_touches() {
  RouteTable table(1);
  table.install(1, 2, {{1, 1, 2, {2}}});
  table.install(1, 3, {{2, 1, 3, {3}}});
  (void)ask(table, header_of(1, 2));
  (void)ask(table, header_of(1, 3));
  Hops kept;
  (void)table.resolve(header_of(1, 3), kept);
  const uint32_t* at = kept.next.data();
  table.install(1, 2, {{1, 1, 2, {7}}});
  check(ask(table, header_of(1, 2)).next == std::vector<uint32_t>{7}, "a new route is taken at once");
  (void)table.resolve(header_of(1, 3), kept);
  check(kept.next.data() == at, "another pair's is what it was");
  table.install(1, 2, {});
  check(ask(table, header_of(1, 2)).reason == Drop::no_route, "a withdrawn one is no more");
}

void test_numbers() {
  RouteTable table(1);
  table.install(1, 2, {{5, 1, 2, {25}}, {6, 1, 2, {26}}, {7, 1, 2, {27}}});
  table.install(1, 3, {{9, 1, 3, {29}}});
  (void)table.pin(1, 2, 4, 7);
  size_t wrong = 0;
  for (uint32_t flow = 0; flow < 100; flow++) {
    const PacketHeader header = header_of(1, 2, flow);
    wrong += table.route_of(header).value_or(0) + 20 != ask(table, header).next[0];
  }
  check(wrong == 0 && table.route_of(header_of(1, 2, 4)) == 7 && table.route_of(header_of(1, 3)) == 9,
        "a flow's route is known by its number");
  table.derive(DerivedRoutes(std::vector<uint32_t>{1, 1, 4, 2}));
  table.install(1, 3, {});
  check(!table.route_of(header_of(1, 3)) && !table.route_of(header_of(1, 5)), "a derived route has none");
}

void test_full_caches() {
  RouteTable table(1, 2);
  for (uint32_t to = 2; to < 500; to++) table.install(1, to, {{1, 1, to, {to, to + 1}}, {2, 1, to, {to}}});
  size_t wrong = 0;
  for (int round = 0; round < 3; round++)
    for (uint32_t to = 2; to < 500; to++) wrong += ask(table, header_of(1, to)).next[0] != to;
  check(wrong == 0, "two entries serve 498 pairs, one after another");
}

void test_ring() {
  // Node 1 of a ring of 9: up to 5 by 2, the others by 9.
  const DerivedRoutes ring(std::vector<uint32_t>{1, 1, 4, 2, 4, 9});
  bool right = ring.next_hop(0) == 0 && ring.next_hop(1) == 1 && ring.next_hop(10) == 0;
  for (uint32_t to = 2; to <= 9; to++) right = right && ring.next_hop(to) == (to <= 5 ? 2U : 9U);
  check(right, "a ring's routes are three runs");
  const DerivedRoutes odd(std::vector<uint32_t>{0, 4, 0xffff'ffff, 3, 7, 8, 5});
  check(odd.next_hop(0xffff'ffff) == 3, "runs that end nowhere are cut");
}

void run_all(uint32_t seed) {
  test_walk(seed);
  test_spread();
  test_forgets_what_it_touches();
  test_numbers();
  test_full_caches();
  test_ring();
}

}  // namespace nslab::test::routes
