// Flows of ordinary programs, as a node's TUN interface shows them: told apart by addresses, protocol and ports, each
// direction one of its own. A table of bounded size; a packet costs a look at the entry of the one before, else one at
// the index. What is counted is taken from time to time, and what has ended and was taken makes room.
//
// A flow begins with its first packet. It ends with FIN or RST, or when nothing of it has come for so long; what TCP
// says after its FIN is still counted to it. A connection that uses the ports of one that has ended is a new flow.
// Fragments have no ports: all of one pair and protocol are one flow, but for the first of each packet.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

namespace nslab::engine {

/** Of a node's TUN interface and lane: 4096 entries of 88 bytes, made as they are needed. */
inline constexpr uint32_t kAppFlowsMax = 4096;
/** A flow that says nothing for so long has ended, with its last packet. */
inline constexpr int64_t kAppFlowIdleNs = 60'000'000'000;
/** One that has ended is kept so long after its last packet: acknowledgements that still come are its own. */
inline constexpr int64_t kAppFlowLingerNs = 5'000'000'000;

/** In host byte order. Protocols without ports have 0 for both. */
struct AppFlowKey {
  uint32_t source_address = 0;
  uint32_t destination_address = 0;
  uint16_t source_port = 0;
  uint16_t destination_port = 0;
  uint8_t protocol = 0;
  /** It ends at this node's interface; else it begins there. */
  bool is_sink = false;
  bool operator==(const AppFlowKey&) const = default;
};

struct AppFlow {
  AppFlowKey key;
  /** The node at its other end; 0: a group. */
  uint32_t remote = 0;
  /** As frames have it (frame.h). */
  uint32_t hash = 0;
  /** Since it was taken last. */
  uint64_t packets = 0;
  uint64_t bytes = 0;
  /** CLOCK_MONOTONIC */
  int64_t first_ns = 0;
  int64_t last_ns = 0;
  /** 0: it goes on. */
  int64_t ended_ns = 0;
  /** The installed route that was chosen for it, of a source; nothing where it goes by none that has a number. */
  std::optional<uint32_t> route;
};

class AppFlows {
 public:
  explicit AppFlows(uint32_t max = kAppFlowsMax, int64_t idle_ns = kAppFlowIdleNs) : max_(max), idle_ns_(idle_ns) {}

  /**
   * Packets of one flow: `frame` has the first, an IPv4 packet of `frame_bytes` with its header; `bytes` are those of
   * all. Gives the flow where it is new, until the next call; null where it was known, or is one too many, or none.
   */
  AppFlow* count(const uint8_t* frame, size_t frame_bytes, bool is_sink, uint32_t packets, uint64_t bytes,
                 int64_t now_ns);

  struct Taken {
    /** Not taken before. */
    bool is_new = false;
    /** Its end, or another route, is news. */
    bool has_ended = false;
    bool has_route = false;
    AppFlow flow;
  };
  /** Packets of flows beyond the bound, ever. */
  struct Excess {
    uint64_t packets = 0;
    uint64_t bytes = 0;
  };

  /** Gives `tell` all that is news since the last call, and forgets what has ended. `route_of`: of a source, now. */
  template <typename RouteOf, typename Tell>
  void take(int64_t now_ns, RouteOf route_of, Tell tell) {
    for (Entry& entry : entries_) {
      AppFlow& flow = entry.flow;
      if (flow.ended_ns == 0 && now_ns - flow.last_ns >= idle_ns_) flow.ended_ns = flow.last_ns;
      if (flow.ended_ns == 0 && !flow.key.is_sink) flow.route = route_of(flow);
      const Taken taken{!entry.told, flow.ended_ns != 0 && !entry.told_end, flow.route != entry.told_route, flow};
      if (taken.is_new || taken.has_ended || taken.has_route || flow.packets > 0) tell(taken);
      entry.told = true;
      entry.told_end = flow.ended_ns != 0;
      entry.told_route = flow.route;
      flow.packets = flow.bytes = 0;
    }
    forget_ended(now_ns);
  }
  [[nodiscard]] Excess excess() const { return excess_; }
  [[nodiscard]] size_t size() const { return entries_.size(); }

 private:
  struct Entry {
    AppFlow flow;
    bool told = false;
    bool told_end = false;
    /** Its ports are another connection's by now. */
    bool superseded = false;
    std::optional<uint32_t> told_route;
  };
  static constexpr uint16_t kNobody = 0xffff;
  static_assert(kAppFlowsMax < kNobody);

  [[nodiscard]] size_t slot_of(const AppFlowKey& key) const;
  [[nodiscard]] Entry* find(const AppFlowKey& key);
  [[nodiscard]] Entry* open(const AppFlowKey& key, Entry* before);
  void index(uint16_t number);
  void index_all(size_t slots);
  void forget_ended(int64_t now_ns);

  const uint32_t max_;
  const int64_t idle_ns_;
  std::vector<Entry> entries_;
  /** Numbers of entries; a power of two, twice as many as entries at least. Empty before the first. */
  std::vector<uint16_t> index_;
  /** Of the last packet of each direction. */
  std::array<uint16_t, 2> last_{kNobody, kNobody};
  Excess excess_;
};

}  // namespace nslab::engine
