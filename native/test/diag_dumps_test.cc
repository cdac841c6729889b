// Tests of the socket poller with a socket whose other end plays the kernel: what a dump can meet and no kernel does on
// demand. Prints TAP. Run by test/native/diag.test.ts, under AddressSanitizer and under ThreadSanitizer.

#include <poll.h>

#include <chrono>
#include <future>
#include <mutex>
#include <optional>
#include <thread>
#include <vector>

#include "diag/poller.h"
#include "test/diag_parts.h"

namespace {

using namespace nslab;
using namespace nslab::test;
using namespace std::chrono_literals;
using Outcomes = Result<std::vector<diag::SlotOutcome>>;

/** Long enough for a busy machine under a sanitizer; a test that waits for so long fails. */
constexpr int kPatienceMs = 20'000;
/**
 * A dump's deadline where a test waits for it. What is answered in time takes a few turns of three threads: with
 * sixteen of these programs on one processor, under a sanitizer, 200 ms were too little for one in five.
 */
constexpr std::chrono::nanoseconds kShortDeadline = 3s;

/** The kernel's end of a socket. */
class Kernel {
 public:
  explicit Kernel(UniqueFd fd) : fd_(std::move(fd)) {}

  /** The next request's sequence number, 0 where none comes; its type in `type`. */
  uint32_t request(int patience_ms = kPatienceMs) {
    pollfd waited{fd_.get(), POLLIN, 0};
    if (::poll(&waited, 1, patience_ms) != 1) return 0;
    nlmsghdr header{};
    if (::recv(fd_.get(), &header, sizeof header, 0) <= 0) return 0;
    type = header.nlmsg_type;
    return header.nlmsg_seq;
  }
  void say(const rtnl::Writer& writer) { (void)!::send(fd_.get(), writer.bytes().data(), writer.bytes().size(), 0); }
  /** Sockets with these cookies, and the end. */
  void answer(uint32_t sequence, std::initializer_list<uint64_t> cookies, uint16_t flags = 0) {
    rtnl::Writer writer;
    for (const uint64_t cookie : cookies) put_socket(writer, sequence, cookie, flags);
    put_done(writer, sequence, 0, flags);
    say(writer);
  }
  void refuse(uint32_t sequence, int error) {
    rtnl::Writer writer;
    put_error(writer, sequence, error);
    say(writer);
  }

  uint16_t type = 0;

 private:
  UniqueFd fd_;
};

/** A poller and what it has said. */
class Bench {
 public:
  explicit Bench(const diag::Options& options = {})
      : poller_(options, nullptr, [this](uint32_t buffer, uint32_t rows) { take(buffer, rows); }) {
    check(poller_.start().ok(), "a poller starts");
  }

  /** A slot that `kernel` answers for. */
  std::pair<uint32_t, Kernel> add() {
    int ends[2] = {-1, -1};
    (void)::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends);
    auto slot = std::make_shared<std::promise<uint32_t>>();
    poller_.post(diag::Add{nullptr, std::make_shared<UniqueFd>(ends[0]), 0,
                           [slot](Result<diag::Added> added) { slot->set_value(added ? added->slot : 0); }});
    return {slot->get_future().get(), Kernel(UniqueFd(ends[1]))};
  }
  std::future<Outcomes> poll(uint32_t number, std::optional<std::vector<uint32_t>> slots = {}) {
    auto promise = std::make_shared<std::promise<Outcomes>>();
    poller_.post(diag::Poll{number, std::move(slots),
                            [promise](Outcomes outcomes) { promise->set_value(std::move(outcomes)); }});
    return promise->get_future();
  }
  diag::Poller& poller() { return poller_; }

  std::vector<uint64_t> cookies() {
    const std::lock_guard lock(mutex_);
    return cookies_;
  }
  /** From now on buffers are kept. */
  void keep() {
    const std::lock_guard lock(mutex_);
    keeping_ = true;
  }
  size_t kept() {
    const std::lock_guard lock(mutex_);
    return kept_.size();
  }
  void let_go() {
    std::vector<uint32_t> kept;
    {
      const std::lock_guard lock(mutex_);
      keeping_ = false;
      kept.swap(kept_);
    }
    for (const uint32_t buffer : kept) (void)poller_.give_back(buffer);
  }

 private:
  void take(uint32_t buffer, uint32_t rows) {
    {
      const std::lock_guard lock(mutex_);
      for (uint32_t i = 0; i < rows; ++i) cookies_.push_back(poller_.buffers().rows_of(buffer)[i].cookie);
      if (keeping_) return kept_.push_back(buffer);
    }
    (void)poller_.give_back(buffer);
  }

  std::mutex mutex_;
  std::vector<uint64_t> cookies_;
  std::vector<uint32_t> kept_;
  bool keeping_ = false;
  diag::Poller poller_;
};

/** The one outcome of a poll of one slot; of no use where there is none in time. */
diag::SlotOutcome outcome_of(std::future<Outcomes>& poll) {
  if (poll.wait_for(std::chrono::milliseconds(kPatienceMs)) != std::future_status::ready) return {};
  auto outcomes = poll.get();
  return outcomes && outcomes->size() == 1 ? outcomes->front() : diag::SlotOutcome{};
}

void interrupted() {
  Bench bench;
  auto [slot, kernel] = bench.add();
  auto poll = bench.poll(1);
  kernel.answer(kernel.request(), {11, 12}, NLM_F_DUMP_INTR);
  kernel.answer(kernel.request(), {12, 13});
  auto outcome = outcome_of(poll);
  check(outcome.repeated == 1 && outcome.incomplete == diag::Incomplete::no && outcome.rows == 3,
        "an interrupted dump is made again");
  check(bench.cookies() == std::vector<uint64_t>{11, 12, 13}, "and doubles no socket");

  poll = bench.poll(2);
  for (uint32_t i = 0; i < diag::Options().attempts; ++i) kernel.answer(kernel.request(), {14}, NLM_F_DUMP_INTR);
  outcome = outcome_of(poll);
  check(outcome.incomplete == diag::Incomplete::interrupted && outcome.repeated == 3 && outcome.rows == 1,
        "one that is interrupted each time is told as incomplete");
  check(kernel.request(100) == 0, "and not asked for again");
}

void cut_short() {
  Bench bench;
  auto [slot, kernel] = bench.add();
  auto poll = bench.poll(1);
  uint32_t sequence = kernel.request();
  rtnl::Writer writer;
  writer.end_message(writer.begin_message(NLMSG_OVERRUN, 0, sequence));
  put_done(writer, sequence);
  kernel.say(writer);
  sequence = kernel.request();
  writer.clear();
  // More than the reader has room for.
  for (uint64_t cookie = 1; writer.bytes().size() < 40'000; ++cookie) put_socket(writer, sequence, cookie);
  kernel.say(writer);
  kernel.answer(sequence, {});
  sequence = kernel.request();
  writer.clear();
  put_socket(writer, sequence, 21);
  writer.truncate(writer.bytes().size() - 8);
  kernel.say(writer);
  kernel.answer(sequence, {});
  kernel.answer(kernel.request(), {21});
  const auto outcome = outcome_of(poll);
  check(outcome.repeated == 3 && outcome.incomplete == diag::Incomplete::no && outcome.rows == 1,
        "a dump that overran, was truncated, or could not be read is made again");
}

void refused() {
  Bench bench;
  auto [slot, kernel] = bench.add();
  auto poll = bench.poll(1);
  kernel.refuse(kernel.request(), EPERM);
  auto outcome = outcome_of(poll);
  check(outcome.incomplete == diag::Incomplete::error && outcome.error == EPERM, "a refusal is told with its errno");

  poll = bench.poll(2);
  uint32_t sequence = kernel.request();
  check(kernel.type == TCPDIAG_GETSOCK, "both families are asked for at once");
  kernel.refuse(sequence, EOPNOTSUPP);
  sequence = kernel.request();
  check(kernel.type == SOCK_DIAG_BY_FAMILY, "where the kernel does not know that, each of them is");
  kernel.answer(sequence, {31});
  kernel.answer(kernel.request(), {32});
  outcome = outcome_of(poll);
  check(outcome.rows == 2 && outcome.incomplete == diag::Incomplete::no && outcome.repeated == 0,
        "and the dump is whole");
}

void late() {
  diag::Options options;
  options.deadline_ns = kShortDeadline.count();
  Bench bench(options);
  auto [slot, kernel] = bench.add();
  auto [other, prompt] = bench.add();
  auto poll = bench.poll(1, std::vector{slot});
  const uint32_t forgotten = kernel.request();
  auto beside = bench.poll(2, std::vector{other});
  prompt.answer(prompt.request(), {41});
  check(outcome_of(beside).rows == 1, "a namespace whose answer is late holds no other up");
  check(outcome_of(poll).incomplete == diag::Incomplete::deadline, "and is given up after its deadline");
  kernel.answer(forgotten, {42});
  poll = bench.poll(3, std::vector{slot});
  const uint32_t sequence = kernel.request();
  kernel.answer(forgotten, {42});
  kernel.answer(sequence, {43});
  check(outcome_of(poll).rows == 1 && bench.cookies() == std::vector<uint64_t>{41, 43},
        "late answers are not taken for those of the next dump");
}

void removed() {
  Bench bench;
  auto [slot, kernel] = bench.add();
  auto [other, prompt] = bench.add();
  auto poll = bench.poll(1);
  (void)kernel.request();
  prompt.answer(prompt.request(), {51});
  bench.poller().post(diag::Remove{slot});
  bool answered = poll.wait_for(std::chrono::milliseconds(kPatienceMs)) == std::future_status::ready;
  const auto outcomes = answered ? poll.get() : Outcomes(Status::failed(ETIMEDOUT, "poll", "test"));
  bool told = false;
  if (outcomes)
    for (const auto& outcome : *outcomes)
      told = told || (outcome.slot == slot && outcome.incomplete == diag::Incomplete::removed);
  check(outcomes && outcomes->size() == 2 && told, "a namespace that is removed while it is dumped holds no poll up");
  poll = bench.poll(2, std::vector{slot});
  check(outcome_of(poll).incomplete == diag::Incomplete::removed, "and is told as removed afterwards");
}

void slow_reader() {
  diag::Options options;
  options.buffers = 2;
  options.rows = diag::kRowsMin;
  options.deadline_ns = kShortDeadline.count();
  Bench bench(options);
  auto [slot, kernel] = bench.add();
  bench.keep();
  auto poll = bench.poll(1);
  const uint32_t sequence = kernel.request();
  // The kernel waits, too: its end takes no more once the poller does not read.
  std::thread writing([&kernel = kernel, sequence] {
    for (uint64_t page = 0; page < 12; ++page) {
      rtnl::Writer writer;
      for (uint64_t i = 1; i <= 40; ++i) put_socket(writer, sequence, 100 * page + i);
      kernel.say(writer);
    }
    kernel.answer(sequence, {});
  });
  for (int i = 0; i < kPatienceMs / 10 && bench.kept() < 2; ++i) std::this_thread::sleep_for(10ms);
  check(bench.kept() == 2 && bench.cookies().size() == 80, "with all buffers at the reader, no more rows are made");
  check(poll.wait_for(kShortDeadline + 500ms) == std::future_status::timeout, "the poll waits, longer than a dump's deadline");
  auto [passing, nobody] = bench.add();
  auto first = bench.poll(2, std::vector{passing});
  bench.poller().post(diag::Remove{passing});
  check(outcome_of(first).incomplete == diag::Incomplete::removed, "for what is removed meanwhile no poll waits");
  bench.let_go();
  const auto outcome = outcome_of(poll);
  check(outcome.rows == 480 && outcome.incomplete == diag::Incomplete::no, "and goes on, whole, when they come back");
  check(!bench.poller().give_back(0) && !bench.poller().give_back(77),
        "what is not with the reader can't be given back");
  writing.join();
}

void ended() {
  std::future<Outcomes> poll;
  {
    Bench bench;
    auto [slot, kernel] = bench.add();
    poll = bench.poll(1);
    (void)kernel.request();
    bench.poller().stop();
    const auto outcomes = poll.get();
    check(!outcomes && outcomes.error().number == ECANCELED, "a poll that goes on at the end is cancelled");
    bench.poller().stop();
  }
  check(true, "and ending twice is nothing");
}

}  // namespace

int main() {
  std::printf("TAP version 14\n");
  interrupted();
  cut_short();
  refused();
  late();
  removed();
  slow_reader();
  ended();
  return end_checks();
}
