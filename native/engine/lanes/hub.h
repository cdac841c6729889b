// Between the lanes and their owner: orders that several lanes carry out, and what they tell.
#pragma once

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <vector>

#include "engine/lanes/command.h"
#include "engine/lanes/crossing.h"
#include "engine/lanes/engine.h"
#include "engine/lanes/turns.h"

namespace nslab::engine::lanes {

class Lane;

/** An answer that is owed, by so many lanes. Guarded by the hub. */
struct Pending {
  uint64_t reply = 0;
  uint32_t left = 0;
  Status status;
  std::unique_ptr<Counts> counts;
};

/** A command, as each lane that it concerns gets it. */
struct Order {
  std::shared_ptr<const Command> command;
  std::shared_ptr<Pending> pending;
  /** Of AddLink: what the other lanes of the node know. */
  std::shared_ptr<LinkOutside> outside;
};

class Hub {
 public:
  Hub(const Options& options, PacketEngine::Tell tell);
  ~Hub();

  const Options options;
  std::vector<std::unique_ptr<Lane>> lanes;
  Turns turns{*this};
  /** Sinks that are open. */
  std::atomic<uint32_t> sinks{0};
  /** What receivers of lossless transfers keep blocks in. */
  std::atomic<uint64_t> transfer_bytes{0};

  [[nodiscard]] Channel& channel(uint32_t from, uint32_t to) { return *channels_[from * options.lanes + to]; }
  [[nodiscard]] uint32_t lane_of(uint32_t node, uint32_t processors, uint32_t number) const {
    return (node + (processors > 1 ? number % processors : 0)) % options.lanes;
  }

  [[nodiscard]] uint32_t processors_of(const AddNode& command) const {
    return std::clamp<uint32_t>(command.processors == 0 ? options.processors : command.processors, 1, options.lanes);
  }

  void tell_links(PacketEngine::OnLinks on_links);
  void tell_streams(PacketEngine::OnStreams on_streams);
  void deliver(Outbox&& more);
  /** One lane's part of the answer: the first that fails is told; counts are added up. */
  void answer(const std::shared_ptr<Pending>& pending, Status status, Counts* counts = nullptr);
  [[nodiscard]] Outbox collect();

 private:
  const PacketEngine::Tell tell_;
  std::vector<std::unique_ptr<Channel>> channels_;
  /** Held while one is called: once it is taken away it is not called any more. */
  std::mutex links_mutex_;
  PacketEngine::OnLinks on_links_;
  PacketEngine::OnStreams on_streams_;
  std::mutex mutex_;
  Outbox outbox_;
  bool told_ = false;
};

}  // namespace nslab::engine::lanes
