// What the tests of the packet engine share: an engine whose answers and events can be waited for, links of socket
// pairs, and checks of accounts.
#pragma once

#include <dirent.h>
#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <chrono>
#include <condition_variable>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <thread>

#include "engine/lanes/engine.h"
#include "engine/packets/stream.h"
#include "test/check.h"

using namespace nslab;
using namespace nslab::engine;
using namespace nslab::engine::lanes;
using namespace nslab::test;

namespace {

// The link engine has commands of the same names.
using lanes::AddNode;
using lanes::Command;
using lanes::Outbox;
using lanes::RemoveNode;
using lanes::Reply;

constexpr uint32_t kBase = 0x0a00'0000;
constexpr uint32_t kClosingPackets = 5;
constexpr int64_t kSecondNs = 1'000'000'000;

/** An engine whose answers and events can be waited for. */
class Bench {
 public:
  explicit Bench(const Options& options, bool started = true)
      : engine_(std::make_shared<PacketEngine>(options, [this] {
          const std::lock_guard lock(mutex_);
          told_ = true;
          changed_.notify_all();
        })) {
    if (started) start();
  }
  void start() {
    if (!engine_->start().ok()) std::abort();
  }
  [[nodiscard]] std::shared_ptr<PacketEngine> share() const { return engine_; }

  /** Posts, and waits for the answer. */
  Reply ask(Command command) {
    const uint64_t id = ++last_;
    engine_->post(std::move(command), id);
    Reply found;
    (void)await([&] {
      for (Reply& reply : seen.replies)
        if (reply.id == id) {
          found = std::move(reply);
          reply.id = 0;
          return true;
        }
      return false;
    });
    return found;
  }
  bool did(Command command) { return ask(std::move(command)).status.ok(); }
  Counts counts() { return std::move(*ask(Count{}).counts); }

  /** Until `holds`, collecting meanwhile; false after a minute. */
  bool await(const std::function<bool()>& holds) {
    // By the clock: where `holds` asks, or events come, a turn takes far less than its wait.
    const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(60);
    do {
      Outbox more = engine_->collect();
      const auto add = [](auto& to, auto& from) {
        for (auto& one : from) to.push_back(std::move(one));
      };
      add(seen.links.lost, more.links.lost);
      add(seen.links.frames, more.links.frames);
      add(seen.links.unsent, more.links.unsent);
      add(seen.finished, more.finished);
      add(seen.missed, more.missed);
      add(seen.replies, more.replies);
      if (holds()) return true;
      std::unique_lock lock(mutex_);
      changed_.wait_for(lock, std::chrono::milliseconds(10), [&] { return told_; });
      told_ = false;
    } while (std::chrono::steady_clock::now() < deadline);
    return false;
  }
  /** So many sources have made all; or sinks have heard so, which drops may prevent. */
  bool await_finished(size_t wanted, bool sources = true) {
    return await([&] {
      size_t count = 0;
      for (const FlowFinished& flow : seen.finished) count += flow.is_source == sources ? 1 : 0;
      return count >= wanted;
    });
  }
  /** Nothing held any more. */
  bool await_quiet() {
    for (int tries = 0; tries < 3000; ++tries) {
      uint64_t held = 0;
      const Counts now = counts();
      for (const auto& [key, link] : now.links) held += link.sent.held_packets;
      for (const auto& [key, node] : now.nodes) held += node.held_packets;
      uint64_t sent = 0, received = 0;
      for (const auto& [key, link] : now.links) {
        sent += link.sent.out_packets;
        received += link.received_packets;
      }
      if (held == 0 && (sent == received || !whole)) return true;
      ::usleep(10'000);
    }
    return false;
  }
  /** Stops it; true where every block is back in its pool. */
  bool end() {
    engine_->stop();
    return engine_->blocks_missing() == 0;
  }

  Outbox seen;
  /** All ends of all links are in this engine. */
  bool whole = true;

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  bool told_ = false;
  uint64_t last_ = 0;
  std::shared_ptr<PacketEngine> engine_;
};

SharedFd shared(int fd) { return std::make_shared<const UniqueFd>(fd); }

std::pair<SharedFd, SharedFd> pair_of_sockets(int buffer_bytes = 0) {
  int ends[2];
  if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, ends) != 0) std::abort();
  for (const int end : ends)
    if (buffer_bytes > 0) (void)::setsockopt(end, SOL_SOCKET, SO_SNDBUF, &buffer_bytes, sizeof buffer_bytes);
  return {shared(ends[0]), shared(ends[1])};
}

void join(Bench& bench, uint32_t one, uint32_t other, const LinkSetting& setting = {}, int buffer_bytes = 0) {
  auto [here, there] = pair_of_sockets(buffer_bytes);
  if (!bench.did(AddLink{one, other, here, setting, one, 0}) ||
      !bench.did(AddLink{other, one, there, setting, other, 0}))
    std::abort();
}

DerivedRoutes derived(const std::vector<uint32_t>& runs) { return DerivedRoutes(std::span(runs)); }

/** The shorter way round a ring of `count`; the longer to none. */
std::vector<uint32_t> ring_runs(uint32_t node, uint32_t count) {
  std::vector<uint32_t> runs;
  for (uint32_t to = 1; to <= count; to++) {
    const uint32_t ahead = (to + count - node) % count;
    const uint32_t hop = ahead == 0 ? node : ahead <= count / 2 ? node % count + 1 : (node + count - 2) % count + 1;
    runs.push_back(1);
    runs.push_back(hop);
  }
  return runs;
}

bool balanced(const Counts& counts) {
  bool well = true;
  for (const auto& [key, link] : counts.links)
    if (!link.sent.balanced()) {
      std::printf("# link %u-%u: in %llu made %llu out %llu dropped %llu held %llu\n", key.first, key.second,
                  (unsigned long long)link.sent.in_packets, (unsigned long long)link.sent.made_packets,
                  (unsigned long long)link.sent.out_packets, (unsigned long long)link.sent.dropped_packets(),
                  (unsigned long long)link.sent.held_packets);
      well = false;
    }
  for (const auto& [id, node] : counts.nodes)
    if (!node.balanced()) {
      std::printf("# node %u: in %llu made %llu out %llu dropped %llu held %llu\n", id,
                  (unsigned long long)node.in_packets, (unsigned long long)node.made_packets,
                  (unsigned long long)node.out_packets, (unsigned long long)node.dropped_packets(),
                  (unsigned long long)node.held_packets);
      well = false;
    }
  return well;
}

uint64_t dropped(const Counts& counts, Drop reason) {
  uint64_t sum = 0;
  for (const auto& [key, link] : counts.links) sum += link.sent.dropped[static_cast<size_t>(reason)];
  for (const auto& [id, node] : counts.nodes) sum += node.dropped[static_cast<size_t>(reason)];
  return sum;
}

FlowSetting flow(uint32_t number, uint32_t to, uint64_t bytes, uint32_t packet = 200, uint64_t rate = 0) {
  FlowSetting setting;
  setting.flow = number;
  setting.destination = to;
  setting.packet_bytes = packet;
  setting.bytes = bytes;
  setting.rate_bytes_per_s = rate;
  setting.base = kBase;
  return setting;
}

Options options(uint32_t lanes, bool backpressure, bool concurrent = false) {
  Options made;
  made.lanes = lanes;
  made.backpressure = backpressure;
  made.concurrent = concurrent;
  made.read_blocks = 8;
  made.park_blocks = 512;
  made.spares = {256, 256, 4};
  return made;
}

std::string shape_of(const Options& made) {
  return std::to_string(made.lanes) + (made.lanes == 1 ? " lane" : " lanes") + (made.concurrent ? ", concurrent" : "") +
         (made.backpressure ? ", backpressure" : ", drop");
}

const SinkStats* sink_of(const Counts& counts, uint32_t node, uint32_t number) {
  for (const SinkStats& sink : counts.sinks)
    if (sink.node == node && sink.flow == number) return &sink;
  return nullptr;
}

}  // namespace
