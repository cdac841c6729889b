// The link engine without JavaScript, for sanitizers and for its cost: a ring over loopback in a namespace of its own.
// Usage: links-stress NODES ROUNDS SEED. Each round does something random to random nodes while links come and go; then
// everything is made whole again and must become so: a token walks the ring and comes home, and the list of link ends
// has each link twice, mirrored. Prints one line of JSON; exits with 1 when a rule was broken.
// Equivalent builds: g++ -std=gnu++20 -fsanitize=address,undefined (or thread) -I native ...
// (test/native/sanitizers.test.ts)

#include <net/if.h>
#include <sys/ioctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>

#include <condition_variable>
#include <cstdio>
#include <cstdlib>
#include <map>
#include <random>
#include <set>
#include <thread>

#include "engine/links.h"

namespace {

using namespace nslab;

[[noreturn]] void broken(const std::string& what) {
  std::fprintf(stderr, "links-stress: %s\n", what.c_str());
  std::exit(1);
}

double seconds(clockid_t clock) {
  timespec now{};
  ::clock_gettime(clock, &now);
  return static_cast<double>(now.tv_sec) + static_cast<double>(now.tv_nsec) / 1e9;
}

/** Made on a thread of its own, as every visit to a namespace is. */
std::shared_ptr<const netns::Netns> namespace_with_loopback() {
  std::shared_ptr<const netns::Netns> made;
  std::thread([&] {
    auto created = netns::Netns::create();
    if (!created) broken(created.error().message());
    made = std::make_shared<const netns::Netns>(std::move(*created));
    const netns::Visit visit;
    if (const Status entered = netns::enter(*made); !entered) broken(entered.error().message());
    const UniqueFd fd(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
    ifreq request{"lo", {}};
    request.ifr_flags = IFF_UP;
    if (::ioctl(fd.get(), SIOCSIFFLAGS, &request) != 0) broken("cannot raise the loopback");
  }).join();
  return made;
}

class Ring {
 public:
  Ring(uint32_t nodes, std::shared_ptr<const netns::Netns> netns)
      : nodes_(nodes),
        netns_(std::move(netns)),
        incarnations_(nodes + 1, 0),
        links_(run_id(), nullptr, [this] { tell(); }) {
    if (const Status started = links_.start(); !started) broken(started.error().message());
    collector_ = std::thread([this] { collect(); });
  }

  void add(uint32_t id) {
    present_.insert(id);
    links_.post(engine::AddNode{++replies_, id, netns_, at(id), ++incarnations_[id], {before(id), after(id)}});
  }
  void remove(uint32_t id) {
    present_.erase(id);
    links_.post(engine::RemoveNode{id});
  }
  void dial(uint32_t id, uint32_t peer) { links_.post(engine::Dial{id, peer, at(peer)}); }
  void act(std::mt19937& random) {
    const uint32_t id = 1 + random() % nodes_;
    const bool is_present = present_.contains(id);
    switch (random() % 10) {
      case 0:
        return is_present ? remove(id) : add(id);
      case 1:
        return is_present ? (remove(id), add(id)) : add(id);
      case 2:
        return links_.post(engine::SetPeers{id, {after(id)}});
      case 3:
        return links_.post(engine::SetPeers{id, {before(id), after(id)}});
      case 4:
        return links_.post(engine::CancelDial{id, after(id)});
      case 5:
        return links_.post(engine::Dial{id, after(id), at(before(id))});
      case 6:
        return dial(id, before(id));
      case 7:
        return links_.post(engine::SendToken{id, random() % 2 == 0 ? after(id) : before(id), 0, 1});
      case 8:
        return links_.post(engine::List{0});
      default:
        return dial(id, after(id));
    }
  }
  void make_whole(bool both_dial) {
    for (uint32_t id = 1; id <= nodes_; id++) {
      if (!present_.contains(id)) add(id);
      else links_.post(engine::SetPeers{id, {before(id), after(id)}});
    }
    for (uint32_t id = 1; id <= nodes_; id++) {
      dial(id, after(id));
      if (both_dial) dial(id, before(id));
    }
  }
  /** Waits for the fact itself, in the engine's own count. */
  void await_whole() {
    const double deadline = seconds(CLOCK_MONOTONIC) + 60;
    std::unique_lock lock(mutex_);
    while (links_.ends_up() != 2 * nodes_) {
      if (seconds(CLOCK_MONOTONIC) > deadline)
        broken("not whole: " + std::to_string(links_.ends_up()) + " ends are up");
      told_.wait_for(lock, std::chrono::milliseconds(100));
    }
  }
  /** Until something has happened, or a moment has passed in which nothing did. */
  void let_it_work() {
    std::unique_lock lock(mutex_);
    told_.wait_for(lock, std::chrono::milliseconds(1));
  }
  /** Once around, handed on by whoever hears of it: the way that a fleet does it. */
  void walk() {
    links_.post(engine::SendToken{1, after(1), kWalk, 1});
    const double deadline = seconds(CLOCK_MONOTONIC) + 60;
    std::unique_lock lock(mutex_);
    while (!home_) {
      if (seconds(CLOCK_MONOTONIC) > deadline)
        broken("the token did not come home: " + std::to_string(hops_) + " hops");
      told_.wait_for(lock, std::chrono::milliseconds(100));
    }
  }
  /** Each link has two ends, and each end's addresses are the other's. */
  void check_list() {
    links_.post(engine::List{kList});
    std::unique_lock lock(mutex_);
    if (!told_.wait_for(lock, std::chrono::seconds(60), [this] { return listed_; })) broken("no list");
    const auto word = [](const netns::Endpoint& at) { return uint64_t{at.address.s_addr} << 16 | at.port; };
    std::map<std::pair<uint32_t, uint32_t>, std::pair<uint64_t, uint64_t>> ends;
    for (const engine::LinkEnd& end : ends_) ends[{end.node, end.peer}] = {word(end.local), word(end.remote)};
    if (ends.size() != ends_.size() || ends.size() != size_t{2} * nodes_)
      broken(std::to_string(ends_.size()) + " ends are listed");
    for (const auto& [ids, at] : ends) {
      const auto other = ends.find({ids.second, ids.first});
      if (other == ends.end() || other->second != std::pair(at.second, at.first))
        broken("the ends of " + std::to_string(ids.first) + " and " + std::to_string(ids.second) + " differ");
    }
  }
  void stop() {
    links_.post(engine::Stop{});
    collector_.join();
    links_.join();
    if (links_.ends_up() != 0) broken("ends are up after the end");
  }
  const uint64_t* counts() const { return counts_; }

 private:
  static constexpr uint32_t kWalk = 7;
  static constexpr uint64_t kList = 1;

  static engine::RunId run_id() { return {1, 2, 3}; }
  uint32_t after(uint32_t id) const { return id % nodes_ + 1; }
  uint32_t before(uint32_t id) const { return (id + nodes_ - 2) % nodes_ + 1; }
  static netns::Endpoint at(uint32_t id) { return {{htonl(0x7f000000 + 256 + id)}, 8080}; }

  void tell() {
    const std::lock_guard lock(mutex_);
    waiting_ = true;
    told_.notify_all();
  }
  void collect() {
    for (bool ended = false; !ended;) {
      {
        std::unique_lock lock(mutex_);
        told_.wait(lock, [this] { return waiting_; });
        waiting_ = false;
      }
      engine::Outbox outbox = links_.collect();
      for (const engine::Reply& reply : outbox.replies)
        if (!reply.status.ok()) broken("a node failed: " + reply.status.error().message());
      for (const engine::LinkEvent& event : outbox.events) counts_[static_cast<size_t>(event.kind)]++;
      ended = outbox.ended;
      const std::lock_guard lock(mutex_);
      for (const engine::LinkEvent& event : outbox.events) see(event);
      for (engine::Listing& listing : outbox.listings) {
        if (listing.id != kList) continue;
        ends_ = std::move(listing.ends);
        listed_ = true;
      }
      told_.notify_all();
    }
  }

  void see(const engine::LinkEvent& event) {
    if (event.kind != engine::EventKind::token || event.walk != kWalk) return;
    if (event.hops != ++hops_ || event.peer != before(event.node) || event.node != hops_ % nodes_ + 1)
      broken("the token went astray at node " + std::to_string(event.node));
    if (event.node == 1) home_ = true;
    else links_.post(engine::SendToken{event.node, after(event.node), kWalk, hops_ + 1});
  }

  uint32_t nodes_;
  std::shared_ptr<const netns::Netns> netns_;
  std::vector<uint64_t> incarnations_;
  std::set<uint32_t> present_;
  uint64_t replies_ = 0;
  std::mutex mutex_;
  std::condition_variable told_;
  bool waiting_ = false;
  uint32_t hops_ = 0;
  bool home_ = false;
  bool listed_ = false;
  std::vector<engine::LinkEnd> ends_;
  uint64_t counts_[engine::kEventKinds] = {};
  engine::Links links_;
  std::thread collector_;
};

}  // namespace

int main(int argc, char** argv) {
  if (argc != 4) broken("usage: links-stress NODES ROUNDS SEED");
  const auto nodes = static_cast<uint32_t>(std::atoi(argv[1]));
  const int rounds = std::atoi(argv[2]);
  std::mt19937 random(static_cast<uint32_t>(std::atoi(argv[3])));
  Ring ring(nodes, namespace_with_loopback());
  const double wall = seconds(CLOCK_MONOTONIC), cpu = seconds(CLOCK_PROCESS_CPUTIME_ID);
  ring.make_whole(rounds > 0);
  ring.await_whole();
  const double whole_wall = seconds(CLOCK_MONOTONIC) - wall, whole_cpu = seconds(CLOCK_PROCESS_CPUTIME_ID) - cpu;
  for (int i = 0; i < rounds; i++) {
    ring.act(random);
    if (random() % 4 == 0) ring.let_it_work();
  }
  if (rounds > 0) {
    ring.make_whole(true);
    ring.await_whole();
  }
  const double walk_began = seconds(CLOCK_MONOTONIC);
  ring.walk();
  const double walk_wall = seconds(CLOCK_MONOTONIC) - walk_began;
  ring.check_list();
  ring.stop();
  const uint64_t* counts = ring.counts();
  std::printf(
      "{\"nodes\":%u,\"first_wall_s\":%.4f,\"first_cpu_s\":%.4f,\"up\":%lu,\"down\":%lu,\"refused\":%lu,\"dial_"
      "failed\":%lu,\"tokens\":%lu,\"tokens_unsent\":%lu,\"walk_wall_s\":%.4f}\n",
      nodes, whole_wall, whole_cpu, counts[0], counts[1], counts[2], counts[3], counts[4], counts[5], walk_wall);
  return 0;
}
