#include "engine/lanes/engine.h"

#include <unistd.h>

#include <algorithm>
#include <mutex>
#include <string>
#include <thread>
#include <type_traits>
#include <unordered_map>
#include <utility>

#include "base/sys.h"
#include "engine/lanes/hub.h"
#include "engine/lanes/lane.h"
#include "engine/lanes/limits.h"

namespace nslab::engine::lanes {
namespace {

Options completed(Options options) {
  if (options.lanes == 0) options.lanes = std::max(1u, std::thread::hardware_concurrency());
  options.lanes = std::min(options.lanes, kLanesMax);
  options.channel_capacity = std::max(1u, options.channel_capacity);
  if (options.read_blocks == 0) options.read_blocks = kReadBlocks;
  if (options.park_blocks == 0) options.park_blocks = kParkBlocks;
  return options;
}

}  // namespace

struct PacketEngine::State {
  State(const Options& options, Tell tell) : hub(completed(options), std::move(tell)) {}

  /** Lanes that carry out a command, as bits; none where its node is unknown. */
  uint64_t lanes_for(const Command& command);
  [[nodiscard]] uint64_t lanes_of(uint32_t node) const;
  [[nodiscard]] uint64_t lane_of(uint32_t node, uint32_t number) const;

  Hub hub;
  std::mutex mutex;
  bool running = false;
  uint64_t missing = 0;
  /** Processors of each node. */
  std::unordered_map<uint32_t, uint32_t> nodes;
};

uint64_t PacketEngine::State::lanes_of(uint32_t node) const {
  const auto found = nodes.find(node);
  uint64_t bits = 0;
  if (found != nodes.end())
    for (uint32_t i = 0; i < found->second; i++) bits |= uint64_t{1} << hub.lane_of(node, found->second, i);
  return bits;
}

uint64_t PacketEngine::State::lane_of(uint32_t node, uint32_t number) const {
  const auto found = nodes.find(node);
  return found == nodes.end() ? 0 : uint64_t{1} << hub.lane_of(node, found->second, number);
}

uint64_t PacketEngine::State::lanes_for(const Command& command) {
  return std::visit(
      [&](const auto& body) -> uint64_t {
        using Body = std::decay_t<decltype(body)>;
        if constexpr (std::is_same_v<Body, Count> || std::is_same_v<Body, StopSources> ||
                      std::is_same_v<Body, SetDefault>) {
          return hub.options.lanes == 64 ? ~uint64_t{0} : (uint64_t{1} << hub.options.lanes) - 1;
        } else if constexpr (std::is_same_v<Body, AddNode>) {
          // Where there is one already, its lanes say so.
          nodes.emplace(body.node, hub.processors_of(body));
          return lanes_of(body.node);
        } else if constexpr (std::is_same_v<Body, RemoveNode>) {
          const uint64_t lanes = lanes_of(body.node);
          nodes.erase(body.node);
          return lanes;
        } else if constexpr (std::is_same_v<Body, SetLink> || std::is_same_v<Body, SendFrame>) {
          return lane_of(body.node, body.peer);
        } else if constexpr (std::is_same_v<Body, OpenSink>) {
          return lane_of(body.node, flow_hash(body.flow));
        } else {
          return lanes_of(body.node);
        }
      },
      command);
}

PacketEngine::PacketEngine(const Options& options, Tell tell)
    : state_(std::make_unique<State>(options, std::move(tell))) {}

PacketEngine::~PacketEngine() { stop(); }

void PacketEngine::tell_links(OnLinks on_links) { state_->hub.tell_links(std::move(on_links)); }

void PacketEngine::tell_streams(OnStreams on_streams) { state_->hub.tell_streams(std::move(on_streams)); }

uint32_t PacketEngine::lanes() const { return state_->hub.options.lanes; }

Status PacketEngine::start() {
  Hub& hub = state_->hub;
  for (uint32_t i = 0; i < hub.options.lanes; i++) {
    hub.lanes.push_back(std::make_unique<Lane>(i, hub));
    if (Status opened = hub.lanes.back()->open(); !opened) {
      hub.lanes.clear();
      return opened;
    }
  }
  if (Status opened = hub.turns.open(); !opened) {
    hub.lanes.clear();
    return opened;
  }
  state_->running = true;
  for (const auto& lane : hub.lanes)
    if (Status started = lane->start(); !started) {
      stop();
      return started;
    }
  return {};
}

void PacketEngine::post(Command command, uint64_t reply) {
  const std::lock_guard lock(state_->mutex);
  Hub& hub = state_->hub;
  std::shared_ptr<Pending> pending;
  if (reply != 0) {
    pending = std::make_shared<Pending>();
    pending->reply = reply;
    pending->left = 1;
  }
  if (!state_->running) return hub.answer(pending, Status::failed(ECANCELED, "post", "packet engine", "it has ended"));
  const uint64_t lanes = state_->lanes_for(command);
  if (lanes == 0) return hub.answer(pending, Status::failed(ENOENT, "post", "packet engine", "no such node"));
  if (auto* capture = std::get_if<Capture>(&command); capture && capture->fd)
    if (Status begun = begin_capture(*capture); !begun) return hub.answer(pending, std::move(begun));
  if (pending) pending->left = static_cast<uint32_t>(__builtin_popcountll(lanes));
  Order order{nullptr, std::move(pending), nullptr};
  if (const auto* link = std::get_if<AddLink>(&command); link && (lanes & (lanes - 1)) != 0) {
    order.outside = std::make_shared<LinkOutside>();
    order.outside->lane = static_cast<uint32_t>(__builtin_ctzll(state_->lane_of(link->node, link->peer)));
    order.outside->tag = link->tag;
  }
  order.command = std::make_shared<const Command>(std::move(command));
  for (uint64_t left = lanes; left != 0; left &= left - 1)
    hub.lanes[static_cast<size_t>(__builtin_ctzll(left))]->post(order);
}

Outbox PacketEngine::collect() { return state_->hub.collect(); }

void PacketEngine::stop() {
  {
    const std::lock_guard lock(state_->mutex);
    if (!std::exchange(state_->running, false)) return;
  }
  Hub& hub = state_->hub;
  for (const auto& lane : hub.lanes) lane->stop();
  hub.turns.stop();
  for (const auto& lane : hub.lanes) lane->join();
  // What one holds lies in another's blocks: all let go before any ends.
  for (const auto& lane : hub.lanes) lane->clear();
  for (const auto& lane : hub.lanes) state_->missing += lane->blocks_missing();
  hub.lanes.clear();
}

uint64_t PacketEngine::blocks_missing() const { return state_->missing; }

}  // namespace nslab::engine::lanes
