// The packet engine: packets of a fleet's nodes, forwarded by native threads. This is its thread-safe outside.
//
// A lane is an epoll loop with a thread of its own; it owns links, nodes and flows, and locks nothing on a packet's
// way. While there is little to do one of the threads turns them all (turns.h). The lane of a link is
// (node + peer % processors) % lanes, that of a flow (node + flow % processors) % lanes: the nodes of a fleet have one
// processor each and never cross threads, a node alone spreads over all of them. Sequential: a packet is routed by its
// flow's lane. Concurrent: by the lane that has read it.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <vector>

#include "base/status.h"
#include "engine/lanes/command.h"

namespace nslab::engine::lanes {

struct Options {
  /** Threads, at most kLanesMax; 0: one a core. */
  uint32_t lanes = 0;
  bool concurrent = false;
  /** Packets that wait between one lane and another. */
  uint32_t channel_capacity = 1000;
  /** Where a queue is full: stop reading from where it comes from; else drop. */
  bool backpressure = false;
  /** Of nodes that are added without a number: lanes that one spreads over. */
  uint32_t processors = 1;
  /** Of links that SetLink and SetDefault say nothing of. */
  LinkSetting link;
  /** Of each lane. */
  uint32_t read_blocks = 0;
  uint32_t park_blocks = 0;
  Spares::Counts spares;
};

class PacketEngine {
 public:
  /** Called on any of the engine's threads when there is something to collect; at most once before each collect(). */
  using Tell = std::function<void()>;

  PacketEngine(const Options& options, Tell tell);
  /** stop() */
  ~PacketEngine();
  PacketEngine(const PacketEngine&) = delete;
  PacketEngine& operator=(const PacketEngine&) = delete;

  /** Called on a lane's thread. */
  using OnLinks = std::function<void(LinkNews&&)>;
  /** From now on news of links go there, and are not collected; null: no more. Not within a call of it. */
  void tell_links(OnLinks on_links);

  /** The same of streams of max mode, which nobody else could make. */
  using OnStreams = std::function<void(StreamNews&&)>;
  void tell_streams(OnStreams on_streams);

  /** Starts the threads; none is left where it fails. */
  Status start();
  /** Of one node and its links, commands are carried out in order. `reply`: of the answer; 0: none is wanted. */
  void post(Command command, uint64_t reply = 0);
  [[nodiscard]] Outbox collect();
  /** Ends the threads and waits for them; what waits is dropped. Idempotent. Not from within Tell. */
  void stop();
  [[nodiscard]] uint32_t lanes() const;
  /** After stop(): blocks that are not back in their pools. */
  [[nodiscard]] uint64_t blocks_missing() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace nslab::engine::lanes
