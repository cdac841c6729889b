// libFuzzer target: the input is a program of commands to a node's routes and to a link's egress. Whatever it is, the
// account is balanced after each, no packet leaves that did not come, each leaves in its flow's order where nothing
// reorders, and no memory stays behind.

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <vector>

#include "engine/packets/egress.h"
#include "engine/packets/frame.h"
#include "engine/packets/route_table.h"

namespace {

using namespace nslab::engine;

void need(bool holds) {
  if (!holds) std::abort();
}

/** Bytes of the input; zeros after its end. */
class Input {
 public:
  Input(const uint8_t* data, size_t size) : data_(data), size_(size) {}
  [[nodiscard]] bool ended() const { return at_ >= size_; }
  uint32_t byte() { return ended() ? 0 : data_[at_++]; }
  uint32_t word() {
    const uint32_t high = byte();
    return high << 8 | byte();
  }

 private:
  const uint8_t* data_;
  size_t size_;
  size_t at_ = 0;
};

constexpr uint32_t kSelf = 3;

class Machine {
 public:
  explicit Machine(Input& input) : input_(input), routes_(kSelf, 8), egress_({}, 1, spares_) {}
  ~Machine() {
    egress_.clear();
    need(egress_.account().held_packets == 0 && pool_.free_count() == pool_.count());
  }

  void step() {
    switch (input_.byte() % 16) {
      case 0:
        return configure();
      case 1:
        return egress_.set_weight(input_.byte() % 4, input_.word());
      case 2:
        return withdraw();
      case 3:
        return egress_.clear();
      case 4:
        return install();
      case 5:
        return install_trees();
      case 6:
        return routes_.set_member(input_.byte() % 8, input_.byte() % 2);
      case 7:
        return (void)routes_.pin(any(), any(), input_.byte() % 4, input_.byte() % 8);
      case 8:
        return derive();
      case 9:
      case 10:
        return take();
      case 11:
      case 12:
        return resolve();
      default:
        return offer();
    }
  }
  void check() const {
    const Account& account = egress_.account();
    need(account.balanced());
    need(account.held_packets + pool_.free_count() >= pool_.count());
    need(!egress_.transparent() || account.held_packets == 0);
    need((egress_.next_ns() == kNever) == (account.held_packets == 0));
  }

 private:
  uint32_t any() { return input_.byte() % 8; }
  std::vector<uint32_t> hops() {
    std::vector<uint32_t> hops(input_.byte() % 5);
    for (uint32_t& hop : hops) hop = any();
    return hops;
  }
  void configure() {
    LinkSetting setting;
    const uint32_t bits = input_.byte();
    setting.discipline = bits & 1 ? Discipline::wrr : Discipline::fifo;
    setting.drop = bits & 2 ? DropStrategy::red : DropStrategy::tail;
    setting.queue_packets = input_.byte() % 40;
    if (bits & 4) setting.rate_bytes_per_s = uint64_t{input_.word()} << input_.byte() % 49;
    if (bits & 4) setting.bucket_bytes = uint64_t{input_.word()} << input_.byte() % 48;
    if (bits & 8) setting.delay_ns = int64_t{input_.word()} << input_.byte() % 48;
    if (bits & 16) setting.jitter_ns = int64_t{input_.word()} << input_.byte() % 48;
    if (bits & 32) setting.loss_ratio = setting.duplicate_ratio = input_.byte() / 255.0;
    if (bits & 64) setting.corrupt_ratio = input_.byte() / 255.0;
    if (bits & 128) setting.reorder_ratio = input_.byte() / 255.0;
    setting.flight_packets = input_.byte();
    // Once something may reorder, or turn a packet's number, order is not looked at.
    ordered_ = ordered_ && setting.reorder_ratio == 0 && setting.corrupt_ratio == 0;
    egress_.configure(setting);
  }
  void withdraw() {
    const uint32_t divisor = input_.byte() + 1;
    egress_.withdraw([&](const uint8_t* frame) { return frame[kPacketHeaderBytes] % divisor == 0; });
  }
  void install() {
    std::vector<Route> routes(input_.byte() % 4);
    for (Route& route : routes) route = {input_.byte() % 8, 0, 0, hops()};
    routes_.install(any(), any(), std::move(routes));
  }
  void install_trees() {
    std::vector<Tree> trees(input_.byte() % 4);
    for (Tree& tree : trees) tree = {static_cast<uint16_t>(input_.byte() % 4), hops()};
    routes_.install_trees(any(), any(), std::move(trees));
  }
  void derive() {
    std::vector<uint32_t> runs(input_.byte() % 9);
    for (uint32_t& run : runs) run = input_.byte() == 255 ? 0xffff'fff0 + input_.byte() % 16 : any();
    routes_.derive(DerivedRoutes(runs));
  }
  void resolve() {
    PacketHeader header;
    header.source = any();
    header.destination = any();
    header.flow = input_.byte() % 4;
    header.flags = input_.byte() % 4;
    header.tree = static_cast<uint16_t>(input_.byte() % 4);
    Hops hops;
    const Drop reason = routes_.resolve(header, hops);
    need(reason == Drop::none || reason == Drop::no_route || reason == Drop::nobody);
    if (reason != Drop::none) return;
    need(hops.local || !hops.next.empty());
    for (const uint32_t hop : hops.next) need(hop != 0 && hop != kSelf);
    uint32_t one = kSelf;
    need(routes_.resolve_one(header, one) == Drop::none);
    need(hops.local ? one == 0 : std::ranges::find(hops.next, one) != hops.next.end());
  }
  void offer() {
    now_ns_ += int64_t{input_.byte()} << input_.byte() % 24;
    Block* block = pool_.take();
    if (!block) return;
    const uint32_t flow = input_.byte() % 4, bytes = 20 + input_.byte() * 2;
    PacketRef packet(block, 0, static_cast<uint32_t>(kPacketHeaderBytes) + bytes);
    packet.data()[kPacketHeaderBytes] = static_cast<uint8_t>(flow);
    std::memcpy(packet.data() + kPacketHeaderBytes + 4, &made_, sizeof made_);
    made_++;
    (void)egress_.offer(std::move(packet), flow, now_ns_);
  }
  void take() {
    now_ns_ += int64_t{input_.byte()} << input_.byte() % 24;
    std::array<PacketRef, 16> out;
    const size_t count = egress_.take(out.data(), input_.byte() % 17, now_ns_);
    for (size_t i = 0; i < count; i++) {
      uint64_t number;
      std::memcpy(&number, out[i].data() + kPacketHeaderBytes + 4, sizeof number);
      if (!ordered_) continue;
      const size_t flow = out[i].data()[kPacketHeaderBytes];
      // A duplicate follows its original.
      need(flow < 4 && number < made_ && number + 1 >= due_[flow]);
      due_[flow] = number + 1;
    }
  }

  Input& input_;
  Pool pool_{600, 48};
  Spares spares_{{16, 8, 0}};
  RouteTable routes_;
  Egress egress_;
  int64_t now_ns_ = 0;
  uint64_t made_ = 0;
  std::array<uint64_t, 4> due_{};
  bool ordered_ = true;
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  Input input(data, size);
  Machine machine(input);
  while (!input.ended()) {
    machine.step();
    machine.check();
  }
  return 0;
}
