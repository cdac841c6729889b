#include "engine/packets/route_table.h"

#include <algorithm>
#include <bit>
#include <unordered_map>
#include <unordered_set>
#include <utility>

#include "engine/packets/mix.h"
#include "engine/packets/pair_index.h"
#include "engine/packets/route_cache.h"

namespace nslab::engine {
namespace {

/** The same for all the packets of a flow, on every node that it passes. */
uint64_t flow_key(const PacketHeader& header) {
  return mix(header.flow + kGolden * (uint64_t{header.source} << 32 | header.destination));
}

/** Where copies go, without the node itself. */
struct Way {
  uint32_t number = 0;
  bool local = false;
  std::vector<uint32_t> next;
};

Way way_of(uint32_t self, uint32_t number, const std::vector<uint32_t>& next_hops) {
  Way way{number, false, {}};
  for (const uint32_t hop : next_hops) {
    if (hop == self) way.local = true;
    // No neighbour gets two copies.
    else if (hop != 0 && std::ranges::find(way.next, hop) == way.next.end()) way.next.push_back(hop);
  }
  return way;
}

struct Pinned {
  uint32_t flow = 0;
  uint32_t way = 0;
};

/** What is installed for a source and a destination, or a source and a group; sorted by number of route or tree. */
struct Pair {
  uint32_t source = 0;
  uint32_t destination = 0;
  /** 0 is never one: entries of the caches that were never filled have it. */
  uint32_t generation = 1;
  bool member = false;
  std::vector<Way> ways;
  /** Sorted by flow. */
  std::vector<Pinned> pinned;

  [[nodiscard]] const Way* find(uint32_t number) const {
    const auto at = std::ranges::lower_bound(ways, number, {}, &Way::number);
    return at != ways.end() && at->number == number ? &*at : nullptr;
  }
  /** More than one way. */
  [[nodiscard]] const Way& choose(const PacketHeader& header) const {
    const auto pin = std::ranges::lower_bound(pinned, header.flow, {}, &Pinned::flow);
    if (pin != pinned.end() && pin->flow == header.flow) return *find(pin->way);
    return ways[jump_hash(flow_key(header), static_cast<uint32_t>(ways.size()))];
  }
};

/** Pairs of one kind. Numbers are given again, generations never. */
class Pairs {
 public:
  [[nodiscard]] bool empty() const { return index_.size() == 0; }
  [[nodiscard]] uint32_t find(uint32_t source, uint32_t destination) const { return index_.find(source, destination); }
  [[nodiscard]] Pair& at(uint32_t number) { return pairs_[number]; }
  /** False where generations have all been used: no cache may remember anything of this kind. */
  [[nodiscard]] bool install(uint32_t source, uint32_t destination, std::vector<Way> ways, bool member) {
    uint32_t number = index_.find(source, destination);
    if (number == kNoPair && ways.empty()) return true;
    if (number == kNoPair) {
      number = take_number();
      index_.put(source, destination, number);
    } else if (ways.empty()) {
      index_.remove(source, destination);
      free_.push_back(number);
    }
    Pair& pair = pairs_[number];
    const uint32_t generation = pair.generation + 1;
    pair = {source, destination, generation == 0 ? 1 : generation, member, std::move(ways), {}};
    return generation != 0;
  }
  /** Of all sources; false as above. */
  [[nodiscard]] bool set_member(uint32_t group, bool member) {
    bool more = true;
    for (Pair& pair : pairs_) {
      if (pair.ways.empty() || pair.destination != group) continue;
      pair.member = member;
      if (++pair.generation == 0) {
        pair.generation = 1;
        more = false;
      }
    }
    return more;
  }

 private:
  uint32_t take_number() {
    if (free_.empty()) {
      pairs_.emplace_back();
      return static_cast<uint32_t>(pairs_.size() - 1);
    }
    const uint32_t number = free_.back();
    free_.pop_back();
    return number;
  }

  PairIndex index_;
  std::vector<Pair> pairs_;
  std::vector<uint32_t> free_;
};

/** Sorted; of two with one number the later counts. */
template <typename Item, typename Number>
std::vector<Way> ways_of(uint32_t self, const std::vector<Item>& items, Number number) {
  std::vector<Way> ways;
  for (const Item& item : items) {
    const uint32_t own = std::invoke(number, item);
    const auto at = std::ranges::lower_bound(ways, own, {}, &Way::number);
    if (at != ways.end() && at->number == own) *at = way_of(self, own, item.next_hops);
    else ways.insert(at, way_of(self, own, item.next_hops));
  }
  return ways;
}

}  // namespace

DerivedRoutes::DerivedRoutes(std::span<const uint32_t> runs) {
  uint64_t last = 0;
  for (size_t i = 0; i + 1 < runs.size(); i += 2) {
    if (runs[i] == 0) continue;
    last = std::min<uint64_t>(last + runs[i], 0xffff'ffff);
    // One way in two runs is one run.
    if (!runs_.empty() && runs_.back().next_hop == runs[i + 1]) runs_.back().last = static_cast<uint32_t>(last);
    else runs_.push_back({static_cast<uint32_t>(last), runs[i + 1]});
  }
}

const uint32_t* DerivedRoutes::find(uint32_t destination) const {
  if (destination == 0) return nullptr;
  const auto run = std::ranges::lower_bound(runs_, destination, {}, &Run::last);
  return run == runs_.end() || run->next_hop == 0 ? nullptr : &run->next_hop;
}

uint32_t DerivedRoutes::next_hop(uint32_t destination) const {
  const uint32_t* found = find(destination);
  return found ? *found : 0;
}

struct RouteTable::State {
  State(uint32_t self, uint32_t cache_entries)
      : self(self), of_flows(cache_entries), of_trees(cache_entries), of_groups(cache_entries) {}

  const uint32_t self;
  DerivedRoutes derived;
  Pairs unicast;
  Pairs groups;
  std::unordered_set<uint32_t> member_of;
  /** Next hops of flows that have their own. */
  std::unordered_map<uint32_t, uint32_t> over;
  /** By flow; by explicit tree; by source and group alone. */
  RouteCache of_flows;
  RouteCache of_trees;
  RouteCache of_groups;

  [[nodiscard]] Drop resolve_unicast(const PacketHeader& header, Hops& hops) {
    if (!over.empty() && header.source == self) {
      if (const auto at = over.find(header.flow); at != over.end()) {
        hops = {{&at->second, 1}, false};
        return Drop::none;
      }
    }
    if (!unicast.empty()) {
      const CacheKey key{header.source, header.destination, header.flow};
      if (const RouteCache::Entry* entry = of_flows.find(key)) {
        if (unicast.at(entry->pair).generation == entry->generation) return found(*entry, hops);
      }
      const uint32_t number = unicast.find(header.source, header.destination);
      if (number != kNoPair) {
        const Pair& pair = unicast.at(number);
        const Way& way = pair.ways.size() == 1 ? pair.ways[0] : pair.choose(header);
        return remember(of_flows, key, number, pair.generation, way, way.local, hops);
      }
    }
    hops.local = header.destination == self;
    hops.next = {};
    if (hops.local) return Drop::none;
    const uint32_t* next = derived.find(header.destination);
    if (!next || *next == self) return Drop::no_route;
    hops.next = {next, 1};
    return Drop::none;
  }

  [[nodiscard]] Drop resolve_group(const PacketHeader& header, Hops& hops) {
    const bool is_explicit = (header.flags & kFlagTree) != 0;
    RouteCache& cache = is_explicit ? of_trees : of_groups;
    const CacheKey key{header.source, header.destination, header.tree};
    if (const RouteCache::Entry* entry = cache.find(key)) {
      if (entry->generation != 0 && groups.at(entry->pair).generation == entry->generation) return found(*entry, hops);
    }
    const uint32_t number = groups.find(header.source, header.destination);
    if (number == kNoPair) return Drop::no_route;
    const Pair& pair = groups.at(number);
    // Sorted: the first is tree 0, else the smallest.
    const Way* way = is_explicit ? pair.find(header.tree) : &pair.ways[0];
    if (!way) return Drop::no_route;
    return remember(cache, key, number, pair.generation, *way, pair.member, hops);
  }

  [[nodiscard]] static Drop found(const RouteCache::Entry& entry, Hops& hops) {
    hops.next = {entry.next, entry.count};
    hops.local = entry.local;
    if (entry.count > 0 || entry.local) [[likely]]
      return Drop::none;
    return Drop::nobody;
  }

  [[nodiscard]] static Drop remember(RouteCache& cache, const CacheKey& key, uint32_t number, uint32_t generation,
                                     const Way& way, bool local, Hops& hops) {
    const auto count = static_cast<uint32_t>(way.next.size());
    const RouteCache::Entry entry{key, number, generation, count, way.next.data(), local};
    cache.put(entry);
    return found(entry, hops);
  }
};

RouteTable::RouteTable(uint32_t self, uint32_t cache_entries)
    : state_(std::make_unique<State>(self, std::bit_ceil(std::max(cache_entries, 2U)))) {}

RouteTable::~RouteTable() = default;

void RouteTable::derive(DerivedRoutes routes) { state_->derived = std::move(routes); }

void RouteTable::install(uint32_t source, uint32_t destination, std::vector<Route> routes) {
  auto ways = ways_of(state_->self, routes, &Route::id);
  if (!state_->unicast.install(source, destination, std::move(ways), false)) state_->of_flows.clear();
}

void RouteTable::install_trees(uint32_t source, uint32_t group, std::vector<Tree> trees) {
  auto ways = ways_of(state_->self, trees, &Tree::number);
  if (state_->groups.install(source, group, std::move(ways), state_->member_of.contains(group))) return;
  state_->of_trees.clear();
  state_->of_groups.clear();
}

bool RouteTable::is_member(uint32_t group) const { return state_->member_of.contains(group); }

void RouteTable::set_member(uint32_t group, bool member) {
  const bool changes = member ? state_->member_of.insert(group).second : state_->member_of.erase(group) > 0;
  if (!changes || state_->groups.set_member(group, member)) return;
  state_->of_trees.clear();
  state_->of_groups.clear();
}

bool RouteTable::pin(uint32_t source, uint32_t destination, uint32_t flow, uint32_t route_id) {
  const uint32_t number = state_->unicast.find(source, destination);
  if (number == kNoPair) return false;
  Pair& pair = state_->unicast.at(number);
  if (!pair.find(route_id)) return false;
  const auto at = std::ranges::lower_bound(pair.pinned, flow, {}, &Pinned::flow);
  if (at != pair.pinned.end() && at->flow == flow) at->way = route_id;
  else pair.pinned.insert(at, {flow, route_id});
  state_->of_flows.forget({source, destination, flow});
  return true;
}

std::optional<uint32_t> RouteTable::route_of(const PacketHeader& header) {
  if ((header.flags & kFlagGroup) != 0) return {};
  const uint32_t number = state_->unicast.find(header.source, header.destination);
  if (number == kNoPair) return {};
  const Pair& pair = state_->unicast.at(number);
  return (pair.ways.size() == 1 ? pair.ways[0] : pair.choose(header)).number;
}

void RouteTable::send_over(uint32_t flow, uint32_t next_hop) {
  if (next_hop == 0) state_->over.erase(flow);
  else state_->over.insert_or_assign(flow, next_hop);
}

Drop RouteTable::resolve(const PacketHeader& header, Hops& hops) {
  return (header.flags & kFlagGroup) != 0 ? state_->resolve_group(header, hops) : state_->resolve_unicast(header, hops);
}

Drop RouteTable::resolve_one(const PacketHeader& header, uint32_t& next_hop) {
  Hops hops;
  if (const Drop reason = resolve(header, hops); reason != Drop::none) return reason;
  if (hops.local) {
    next_hop = 0;
    return Drop::none;
  }
  // Another key than the choice of the route: else flows of one route would not spread over its hops.
  const uint64_t key = mix(flow_key(header));
  next_hop = hops.next[jump_hash(key, static_cast<uint32_t>(hops.next.size()))];
  return Drop::none;
}

}  // namespace nslab::engine
