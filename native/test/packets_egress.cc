// The rules of a link's egress, one by one: each reason to drop, the rate, shares of flows, early detection and
// order. A part of packets_test.cc.

#include <algorithm>
#include <map>

#include "engine/packets/red.h"
#include "test/packets_link.h"

namespace nslab::test::egress {

using namespace engine;

void test_bare() {
  Link link;
  check(link.egress.transparent() && link.egress.next_ns() == kNever, "a link without settings is transparent");
  link.egress.passed(3, 300);
  for (int i = 0; i < 3; i++) (void)link.offer(100, 5);
  check(!link.egress.transparent() && link.egress.next_ns() <= 5, "with packets that wait it is not");
  check(link.take(6, 2) == Numbers{0, 1} && link.take(6, 2) == Numbers{2}, "they leave in order, as many as are asked");
  const Account& account = link.egress.account();
  check(account.in_packets == 6 && account.out_packets == 6 && account.in_bytes == 600 && account.out_bytes == 600 &&
            account.held_packets == 0 && account.balanced() && link.egress.transparent(),
        "all are in the account, those that went past, too");
}

void test_reasons() {
  LinkSetting setting;
  setting.queue_packets = 2;
  {
    Link link(setting);
    (void)link.offer(100, 0);
    check(!link.egress.full() && link.offer(100, 0) == Drop::none && link.egress.full(),
          "a queue says when it is full");
    check(link.offer(100, 0) == Drop::queue_full && link.dropped(Drop::queue_full) == 1, "queue_full");
    link.egress.withdraw([](const uint8_t* frame) { return Frames::number(frame) == 0; });
    check(link.dropped(Drop::withdrawn) == 1 && link.take(0) == Numbers{1}, "withdrawn, and no other");
    (void)link.offer(100, 0);
    link.egress.clear();
    check(link.dropped(Drop::ended) == 1 && link.egress.account().balanced() && link.frames.pool.free_count() == 4'200,
          "ended, and the memory is free");
  }
  setting = {};
  setting.rate_bytes_per_s = 1'000;
  setting.bucket_bytes = 500;
  {
    Link link(setting);
    check(link.offer(501, 0) == Drop::over_bucket && link.offer(500, 0) == Drop::none, "over_bucket");
    (void)link.offer(400, 0);
    (void)link.offer(30, 0);
    setting.bucket_bytes = 300;
    link.egress.configure(setting);
    check(link.take(kSecond) == Numbers{1, 3} && link.dropped(Drop::over_bucket) == 2,
          "over_bucket, of one that waited when the bucket became smaller");
  }
  setting = {};
  setting.loss_ratio = 1;
  {
    Link link(setting);
    (void)link.offer(100, 0);
    check(link.take(0).empty() && link.dropped(Drop::loss) == 1 && link.egress.account().balanced(), "loss");
  }
  setting = {};
  setting.corrupt_ratio = 1;
  {
    Link link(setting, 1, {0, 0, 0});
    (void)link.offer(2'000, 0);
    check(link.take(0).empty() && link.dropped(Drop::no_spare) == 1, "no_spare, where one is to be corrupted");
    Frames big(65'600, 4);
    for (int i = 0; i < 4; i++) (void)link.egress.offer(big.make(100), 1, 0);
    check(link.dropped(Drop::no_spare) == 3, "no_spare, where those that wait would keep the last blocks");
    link.egress.clear();
  }
}

void test_rate() {
  LinkSetting setting;
  setting.rate_bytes_per_s = 1'000'000;
  setting.bucket_bytes = 1'500;
  Link link(setting);
  for (int i = 0; i < 3; i++) (void)link.offer(1'000, 0);
  check(link.take(0) == Numbers{0}, "the bucket starts full");
  check(link.egress.next_ns() == kMs / 2 && link.take(kMs / 2 - 1).empty() && link.take(kMs / 2) == Numbers{1},
        "and has enough again to the nanosecond");
  check(link.take(kSecond).size() == 1, "no packet is given up for waiting");

  Link busy(setting);
  uint64_t sent = 0, over = 0;
  int64_t now = 0;
  std::mt19937 random(7);
  for (int i = 0; i < 5'000; i++) {
    now += random() % 1'500'000;
    (void)busy.offer(20 + random() % 1'400, now);
    (void)busy.take(now);
    sent = busy.egress.account().out_bytes;
    over += sent > 1'500 + static_cast<uint64_t>(now) / 1'000;
  }
  check(over == 0 && busy.egress.account().balanced(), "never more than bucket and rate allow");
  Link late(setting);
  for (int i = 0; i < 100; i++) (void)late.offer(1'000, 0);
  (void)late.take(90 * kMs);
  check(late.egress.account().out_packets == 91, "a lane that asks late loses none of the rate");
}

void test_bounds() {
  LinkSetting setting;
  setting.rate_bytes_per_s = UINT64_MAX;
  setting.bucket_bytes = UINT64_MAX;
  setting.delay_ns = INT64_MAX;
  setting.jitter_ns = INT64_MAX;
  setting.queue_packets = UINT32_MAX;
  setting.drop = DropStrategy::red;
  Link link(setting);
  for (int i = 0; i < 100; i++) (void)link.offer(2'000, INT64_MAX / 2 + i);
  check(link.egress.next_ns() >= INT64_MAX / 2 && link.take(INT64_MAX / 2 + 2 * kDelayNsMax + 100).size() == 100,
        "the largest settings there are overflow nothing");
  setting = {};
  setting.rate_bytes_per_s = 1;
  Link slow(setting);
  check(slow.offer(2'000, 0) == Drop::none && slow.take(0).size() == 1,
        "a bucket that is not set has the largest packet");
}

void test_shares() {
  LinkSetting setting;
  setting.discipline = Discipline::wrr;
  setting.queue_packets = 10'000;
  Link link(setting);
  link.egress.set_weight(1, 3);
  link.egress.set_weight(9, 1'000);
  std::map<uint32_t, uint32_t> flow_of;
  uint32_t number = 0;
  for (int i = 0; i < 2'000; i++)
    for (const uint32_t flow : {1U, 2U}) {
      (void)link.offer(flow == 1 ? 300 : 1'200, 0, flow);
      flow_of[number++] = flow;
    }
  // Fewer packets than its weight.
  (void)link.offer(100, 0, 9);
  flow_of[number++] = 9;
  std::map<uint32_t, uint64_t> bytes;
  for (const uint32_t one : link.take(0, 800)) bytes[flow_of[one]] += flow_of[one] == 1 ? 300 : 1'200;
  const double share = static_cast<double>(bytes[1]) / static_cast<double>(bytes[2]);
  check(share > 2.9 && share < 3.1, "bytes are shared by weight: " + std::to_string(share));
  check(bytes.contains(9), "a flow of fewer packets than its weight is served");
  const size_t rest = link.take(0).size();
  check(rest == 3'201 && link.egress.account().held_packets == 0, "and all is, in the end");

  std::vector<uint32_t> order;
  for (int i = 0; i < 6; i++) (void)link.offer(100, 0, static_cast<uint32_t>(i % 3));
  setting.discipline = Discipline::fifo;
  link.egress.configure(setting);
  order = link.take(0);
  check(order.size() == 6 && std::ranges::is_sorted(order), "what waits is in the order of arrival again, as FIFO");
}

void test_early() {
  LinkSetting setting;
  setting.drop = DropStrategy::red;
  setting.queue_packets = 100;
  Link link(setting);
  for (int i = 0; i < 100; i++) (void)link.offer(100, i);
  check(link.dropped(Drop::early) == 0 && link.egress.account().held_packets == 100,
        "a burst is not dropped early: the average follows slowly");
  // Held at 80 of 100: the average moves there.
  (void)link.take(100, 20);
  const auto share_of = [&](int offers) {
    const uint64_t before = link.dropped(Drop::early);
    for (int i = 0; i < offers; i++)
      if (link.offer(100, 200) == Drop::none) (void)link.take(200, 1);
    return static_cast<double>(link.dropped(Drop::early) - before) / offers;
  };
  (void)share_of(3'000);
  const double middle = share_of(5'000);
  // p_b is 0.4 there: of each two, the first with 2/3, else the second.
  check(middle > 0.7 && middle < 0.8, "at an average between both marks some are: " + std::to_string(middle));
  for (int i = 0; link.egress.account().held_packets < 98 && i < 1'000; i++) (void)link.offer(100, 300);
  check(share_of(5'000) > 0.8, "beyond the upper mark all are");
  (void)link.take(400);
  check(link.offer(100, kSecond) == Drop::none, "an idle time brings the average down");

  Red red;
  red.configure({5, 10, 1, 0.25});
  for (int i = 0; i < 3; i++) (void)red.drops(4, 0, 0.5);
  check(red.average() == 4 * (1 - 0.75 * 0.75 * 0.75), "the average is the formula's");
  (void)red.drops(0, 2, 0.5);
  check(red.average() == 4 * (1 - 0.75 * 0.75 * 0.75) * 0.75 * 0.75, "and that of idle packets");
}

void test_order() {
  LinkSetting setting;
  setting.delay_ns = 20 * kMs;
  setting.jitter_ns = 10 * kMs;
  {
    Link link(setting, 3);
    std::map<int64_t, size_t> left;
    Numbers all;
    const auto take_until = [&](int64_t end) {
      while (link.egress.next_ns() <= end) {
        const int64_t at = link.egress.next_ns();
        for (const uint32_t one : link.take(at)) {
          const int64_t delay = at - int64_t{one} * kMs / 10;
          left[delay < 10 * kMs ? -1 : delay > 30 * kMs ? 1 : 0]++;
          all.push_back(one);
        }
      }
    };
    for (int i = 0; i < 1'000; i++) {
      take_until(i * kMs / 10);
      (void)link.offer(100, i * kMs / 10);
    }
    take_until(kSecond);
    check(left[0] == 1'000, "a delay with jitter is within both");
    check(all.size() == 1'000 && std::ranges::is_sorted(all), "and keeps the order");
  }
  setting.jitter_ns = 0;
  setting.reorder_ratio = 0.1;
  {
    Link link(setting, 3);
    for (int i = 0; i < 1'000; i++) (void)link.offer(100, i * kMs / 10);
    const size_t early = link.take(1'000 * kMs / 10).size();
    Numbers rest = link.take(kSecond);
    check(early > 800 && rest.size() == 1'000 - early && std::ranges::is_sorted(rest), "those reordered are in front");
  }
  setting = {};
  setting.delay_ns = kMs;
  setting.flight_packets = 10;
  {
    Link link(setting);
    for (int i = 0; i < 25; i++) (void)link.offer(100, 0);
    check(link.take(kMs).size() == 10 && link.take(2 * kMs).size() == 10 && link.take(3 * kMs).size() == 5,
          "no more are under way than may be");
    (void)link.offer(100, 4 * kMs);
    link.egress.configure({});
    (void)link.offer(100, 4 * kMs);
    check(link.take(4 * kMs).empty() && link.take(5 * kMs).size() == 2,
          "a delay that is taken away does not turn the order around");
  }
}

void run_all() {
  test_bare();
  test_reasons();
  test_rate();
  test_bounds();
  test_shares();
  test_early();
  test_order();
}

}  // namespace nslab::test::egress
