// What chance does to a link's packets: each impairment as often as set, the same from run to run, and no memory for
// any of it. A part of packets_test.cc.

#include <algorithm>
#include <array>

#include "test/packets_link.h"

namespace nslab::test::egress {

void test_chance() {
  LinkSetting setting;
  setting.queue_packets = 100'000;
  setting.loss_ratio = 0.1;
  setting.duplicate_ratio = 0.2;
  setting.corrupt_ratio = 0.3;
  Link link(setting, 99);
  std::vector<PacketRef> out(4'000);
  uint64_t corrupt = 0, headers = 0;
  for (int round = 0; round < 10; round++) {
    for (int i = 0; i < 1'000; i++) {
      PacketRef packet = link.frames.make(200);
      write_u32(packet.data() + kPacketHeaderBytes, 0);
      (void)link.egress.offer(std::move(packet), 1, 0);
    }
    const size_t count = link.egress.take(out.data(), out.size(), 0);
    for (size_t i = 0; i < count; i++) {
      uint32_t bits = 0;
      for (uint32_t at = kPacketHeaderBytes; at < out[i].size(); at++)
        bits += static_cast<uint32_t>(__builtin_popcount(out[i].data()[at]));
      corrupt += bits == 1;
      PacketHeader header;
      headers += bits > 1 || decode_header(out[i].data(), header) != FrameFault::none || header.packet_bytes != 200;
    }
    out.assign(out.size(), {});
  }
  const Account& account = link.egress.account();
  check(account.balanced() && account.held_packets == 0, "lost and doubled packets are in the account");
  const uint64_t lost = link.dropped(Drop::loss);
  check(lost > 880 && lost < 1'120, "a tenth is lost: " + std::to_string(lost));
  check(account.made_packets > 1'640 && account.made_packets < 1'960, "a fifth of the others is doubled");
  check(corrupt > 2'500 && corrupt < 2'900, "three tenths have one bit turned: " + std::to_string(corrupt));
  check(headers == 0, "never in the header, and never two");
}

/** Once as many have waited as may, nothing more is allocated, whatever packets do. */
void test_memory() {
  LinkSetting setting;
  setting.discipline = Discipline::wrr;
  setting.drop = DropStrategy::red;
  setting.red = {1, 1, 1, 0.5};
  setting.queue_packets = 64;
  setting.rate_bytes_per_s = 1'000'000;
  setting.delay_ns = 5 * kMs;
  setting.jitter_ns = 4 * kMs;
  setting.flight_packets = 64;
  setting.loss_ratio = setting.duplicate_ratio = setting.corrupt_ratio = setting.reorder_ratio = 0.1;
  Link link(setting);
  std::array<PacketRef, 16> out;
  std::mt19937 random(3);
  int64_t now = 0;
  const auto run = [&](int steps) {
    for (int i = 0; i < steps; i++) {
      // Bursts that fill all there is, and times in which all leaves.
      now += i / 500 % 2 ? kMs * 2 : 0;
      (void)link.offer(100 + random() % 1'400, now, random() % 100);
      if (i / 500 % 2) (void)link.egress.take(out.data(), out.size(), now);
    }
  };
  run(20'000);
  const uint64_t before = allocations, taken = link.egress.account().out_packets;
  run(20'000);
  // What check() is given allocates, too.
  const uint64_t made = allocations - before;
  check(made == 0, "nothing is allocated while packets pass: " + std::to_string(made) + " times");
  check(link.egress.account().out_packets > taken + 1'000 && link.dropped(Drop::queue_full) > 1'000, "and many did");
}

/** Which packets leave when, for one seed; asked at times that `asking` gives. */
std::vector<std::pair<int64_t, uint32_t>> outcome(uint64_t seed, uint32_t asking, double duplicates = 0.05) {
  LinkSetting setting;
  setting.discipline = Discipline::wrr;
  setting.drop = DropStrategy::red;
  setting.queue_packets = 20;
  setting.rate_bytes_per_s = 1'000'000;
  setting.bucket_bytes = 3'000;
  setting.delay_ns = 5 * kMs;
  setting.jitter_ns = 4 * kMs;
  setting.loss_ratio = 0.05;
  setting.duplicate_ratio = duplicates;
  setting.reorder_ratio = 0.05;
  Link link(setting, seed);
  std::mt19937 offers(5), asks(asking);
  std::vector<std::pair<int64_t, uint32_t>> left;
  int64_t now = 0;
  for (int i = 0; i < 2'000; i++) {
    const int64_t next = now + offers() % (2 * kMs);
    // When each is due shows where it is asked for at once; else only the order does.
    while (asking == 0 && link.egress.next_ns() <= next)
      for (const int64_t at = link.egress.next_ns(); const uint32_t one : link.take(at)) left.emplace_back(at, one);
    if (asking != 0 && asks() % 3 == 0)
      for (const uint32_t one : link.take(next)) left.emplace_back(0, one);
    now = next;
    (void)link.offer(100 + offers() % 1'400, now, offers() % 4);
  }
  for (const uint32_t one : link.take(now + kSecond)) left.emplace_back(0, one);
  left.emplace_back(0, static_cast<uint32_t>(link.dropped(Drop::early)));
  return left;
}

void test_determinism() {
  const auto first = outcome(1, 0);
  check(first.size() > 500 && first == outcome(1, 0), "the same offers give the same outcome");
  check(first != outcome(2, 0), "another seed another");
  const auto order = [](auto left) {
    for (auto& one : left) one.first = 0;
    return left;
  };
  check(order(first) == order(outcome(1, 8)) && order(first) == order(outcome(1, 9)), "however late it is asked for");
  // Packet by packet: those lost are lost, whether others are doubled or not.
  const auto set_of = [](auto left) {
    std::vector<uint32_t> numbers;
    for (const auto& one : left) numbers.push_back(one.second);
    numbers.pop_back();
    std::ranges::sort(numbers);
    numbers.erase(std::unique(numbers.begin(), numbers.end()), numbers.end());
    return numbers;
  };
  check(set_of(first) == set_of(outcome(1, 0, 0)), "one impairment changes nothing of another");
}

void run_chance() {
  test_chance();
  test_memory();
  test_determinism();
}

}  // namespace nslab::test::egress
