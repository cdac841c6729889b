// Where a node's packets go. One a node; of one lane, so nothing is locked: changes are carried out between batches.
//
// Unicast, by (source, destination): of several installed routes one is chosen by a consistent hash of the flow, and
// remembered for the flow. Where none is installed, the derived route: the next hop to a destination in O(1) memory.
// Groups, by (source, group): the packet's explicit tree, else tree 0, else the smallest installed. What is remembered
// lives in two bounded caches a kind; installing forgets what it touches and nothing else.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "engine/packets/drop.h"
#include "engine/packets/frame.h"

namespace nslab::engine {

struct Route {
  uint32_t id = 0;
  uint32_t source = 0;
  uint32_t destination = 0;
  /** The node itself among them: it delivers. */
  std::vector<uint32_t> next_hops;
};

struct Tree {
  uint16_t number = 0;
  std::vector<uint32_t> next_hops;
};

/** What resolve() found. Valid until the next change. */
struct Hops {
  std::span<const uint32_t> next;
  /** Deliver here, too. */
  bool local = false;
};

/**
 * Next hop towards a destination; the node's own id for itself, 0 where there is no way. Runs [count, next hop, …] over
 * destinations 1, 2, … as InstallRoutes brings them: three or four for a ring, a line, a torus row.
 */
class DerivedRoutes {
 public:
  DerivedRoutes() = default;
  explicit DerivedRoutes(std::span<const uint32_t> runs);
  [[nodiscard]] uint32_t next_hop(uint32_t destination) const;
  /** The same, where it is written; null where there is no way. */
  [[nodiscard]] const uint32_t* find(uint32_t destination) const;

 private:
  struct Run {
    uint32_t last = 0;
    uint32_t next_hop = 0;
  };
  std::vector<Run> runs_;
};

class RouteTable {
 public:
  /** `cache_entries`: flows remembered, a power of two; of each of the caches. */
  explicit RouteTable(uint32_t self, uint32_t cache_entries = 4096);
  ~RouteTable();

  void derive(DerivedRoutes routes);
  /** Authoritative for the pair: replaces all its routes, none: withdraws them. Forgets flows of the pair alone. */
  void install(uint32_t source, uint32_t destination, std::vector<Route> routes);
  /** Authoritative for (source, group). A leaf has the tree, too, with the node itself as its only hop. */
  void install_trees(uint32_t source, uint32_t group, std::vector<Tree> trees);
  /** Whether packets to the group are delivered here, by any tree that is installed. Not by the tree's hops. */
  void set_member(uint32_t group, bool member);
  [[nodiscard]] bool is_member(uint32_t group) const;
  /** The flow takes this route from now on, until its pair is installed anew; false where there is no such route. */
  bool pin(uint32_t source, uint32_t destination, uint32_t flow, uint32_t route_id);

  /** Of an installed route, the number that the flow takes now; nothing where there is none, and of groups. */
  [[nodiscard]] std::optional<uint32_t> route_of(const PacketHeader& header);

  /** The flow, made here, goes over the link to this neighbour, whatever routes say; 0: by routes again. */
  void send_over(uint32_t flow, uint32_t next_hop);

  /** none; no_route; or nobody, at a leaf of a tree that is no member. What goes to the node itself is local without
   * any route. */
  [[nodiscard]] Drop resolve(const PacketHeader& header, Hops& hops);
  /** The same, and of several next hops the one that the flow has: for streams, which can't be split. 0: deliver. */
  [[nodiscard]] Drop resolve_one(const PacketHeader& header, uint32_t& next_hop);

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace nslab::engine
