// Polling: commands, the choice of what comes next, and one dump's course.
#include "diag/poll_loop.h"

#include <sys/epoll.h>
#include <time.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <utility>

#include "base/sys.h"

namespace nslab::diag {
namespace {

/** The kernel's pages are as large as the reader's buffer, and at most this. */
constexpr size_t kReceiveSize = 32 * 1024;

int64_t now_ns() {
  timespec now{};
  ::clock_gettime(CLOCK_MONOTONIC, &now);
  return now.tv_sec * 1'000'000'000LL + now.tv_nsec;
}

Status cancelled(const char* what) { return Status::failed(ECANCELED, what, "socket poller", "it was closed"); }

}  // namespace

PollLoop::PollLoop(const Options& options, Inbox& inbox, Buffers& buffers, const Poller::OnRows& on_rows)
    : options_(options),
      inbox_(inbox),
      buffers_(buffers),
      on_rows_(on_rows),
      receive_buffer_(kReceiveSize),
      families_apart_(options.families_apart) {
  for (uint32_t i = 0; i < options.dumps; ++i) dumps_.push_back(std::make_unique<Dump>());
  make_requests();
}

Status PollLoop::open() {
  epoll_ = UniqueFd(sys::call([] { return ::epoll_create1(EPOLL_CLOEXEC); }));
  if (!epoll_) return Status::from_errno("epoll_create1", "socket poller");
  epoll_event event{EPOLLIN, {.fd = inbox_.wake_fd()}};
  if (sys::call([&] { return ::epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, inbox_.wake_fd(), &event); }) != 0)
    return Status::from_errno("epoll_ctl", "socket poller");
  return {};
}

void PollLoop::run() {
  while (!stopping_) {
    if (inbox_.waiting()) carry_out_all();
    else if (!step()) wait();
  }
  cancel_all();
}

void PollLoop::carry_out_all() {
  for (Command& command : inbox_.take())
    std::visit([this](auto&& one) { carry_out(std::move(one)); }, std::move(command));
}

void PollLoop::carry_out(Add&& command) {
  if (stopping_) return command.answer(cancelled("add"));
  Added added;
  if (command.socket) {
    added.slot = ++last_slot_;
    slots_.emplace(added.slot, Slot{Socket(std::move(*command.socket))});
    return command.answer(added);
  }
  auto opened = Socket::open(command.netns->get(), added.identity);
  command.netns.reset();
  if (!opened) return command.answer(opened.take_status());
  // Kernels before 5.14 have no cookies.
  if (command.cookie != 0 && added.identity.cookie != 0 && added.identity.cookie != command.cookie)
    return command.answer(Status::failed(ESTALE, "add", "socket poller", "it is another network namespace by now"));
  added.slot = ++last_slot_;
  slots_.emplace(added.slot, Slot{std::move(*opened)});
  command.answer(added);
}

void PollLoop::carry_out(Remove&& command) {
  const auto found = slots_.find(command.slot);
  if (found == slots_.end()) return;
  for (size_t i = 0; i < running_; ++i) {
    if (dumps_[i]->slot != &found->second) continue;
    finish(*dumps_[i], Incomplete::removed);
    break;
  }
  slots_.erase(found);
  // Told now: while the reader takes nothing, polls of what comes and goes would be kept for as long.
  for (auto next = jobs_.begin(); next != jobs_.end();) {
    const auto job = next++;
    if (std::erase(job->waiting, command.slot) > 0) tell_removed(job, command.slot);
  }
}

void PollLoop::carry_out(Filter&& command) {
  filter_ = std::move(command);
  make_requests();
}

void PollLoop::carry_out(Poll&& command) {
  if (stopping_) return command.answer(cancelled("poll"));
  Job job;
  job.number = command.number;
  job.answer = std::move(command.answer);
  if (command.slots) job.waiting = std::move(*command.slots);
  else
    for (const auto& [id, slot] : slots_) job.waiting.push_back(id);
  // They are taken from the end.
  std::reverse(job.waiting.begin(), job.waiting.end());
  jobs_.push_back(std::move(job));
  finish_if_done(std::prev(jobs_.end()));
}

void PollLoop::make_requests() {
  requests_.clear();
  if (families_apart_) {
    requests_.push_back(dump_request(filter_, Families::ipv4));
    requests_.push_back(dump_request(filter_, Families::ipv6));
  } else {
    requests_.push_back(dump_request(filter_, Families::both));
  }
}

bool PollLoop::step() {
  if (jobs_.empty()) return false;
  const int64_t now = now_ns();
  if (!has_room()) {
    if (stalled_ns_ == 0) stalled_ns_ = now;
    return false;
  }
  if (stalled_ns_ != 0) go_on_after_stall(now);
  for (size_t i = 0; i < running_; ++i) {
    if (dumps_[i]->waits) continue;
    advance(*dumps_[i], now);
    return true;
  }
  return running_ < dumps_.size() && begin_next();
}

bool PollLoop::begin_next() {
  Jobs::iterator best = jobs_.end();
  for (auto job = jobs_.begin(); job != jobs_.end(); ++job)
    if (!job->waiting.empty() && (best == jobs_.end() || job->waiting.size() < best->waiting.size())) best = job;
  if (best == jobs_.end()) return false;
  // Some of them another poll may just be at; of so many one is free.
  auto& waiting = best->waiting;
  const size_t looked_at = std::min(waiting.size(), running_ + 1);
  for (size_t back = 1; back <= looked_at; ++back) {
    const auto at = waiting.end() - static_cast<std::ptrdiff_t>(back);
    const auto found = slots_.find(*at);
    if (found != slots_.end() && found->second.busy) continue;
    const uint32_t id = *at;
    waiting.erase(at);
    if (found != slots_.end()) {
      begin(best, id, found->second);
    } else {
      tell_removed(best, id);
    }
    return true;
  }
  return false;
}

void PollLoop::tell_removed(Jobs::iterator job, uint32_t id) {
  SlotOutcome outcome;
  outcome.slot = id;
  outcome.incomplete = Incomplete::removed;
  job->outcomes.push_back(outcome);
  finish_if_done(job);
}

void PollLoop::begin(Jobs::iterator job, uint32_t id, Slot& slot) {
  Dump& dump = *dumps_[running_++];
  dump.job = job;
  dump.slot = &slot;
  dump.outcome = {};
  dump.outcome.slot = id;
  dump.outcome.started_ns = now_ns();
  dump.deadline_ns = dump.outcome.started_ns + options_.deadline_ns;
  dump.request = 0;
  dump.attempt = 0;
  dump.asked = false;
  dump.waits = false;
  dump.problem = Incomplete::no;
  dump.seen.clear();
  slot.busy = true;
  ++job->running;
}

void PollLoop::advance(Dump& dump, int64_t now) {
  if (now > dump.deadline_ns) return finish(dump, Incomplete::deadline);
  if (!dump.asked && !dump.slot->stale && !ask(dump)) return;
  const Received received = dump.slot->socket.receive(receive_buffer_);
  if (!dump.asked) {
    // What an earlier dump left is read to its end: the kernel answers one dump of a socket at a time.
    if (received.got == Got::nothing || received.got == Got::failed) dump.slot->stale = false;
    return;
  }
  switch (received.got) {
    case Got::datagram:
      return take(dump, received.bytes, now_ns());
    case Got::foreign:
      return;
    case Got::truncated:
      dump.problem = Incomplete::truncated;
      return;
    case Got::lost:
      dump.problem = Incomplete::overrun;
      return;
    case Got::nothing:
      // The end may have been among what was lost.
      return dump.problem == Incomplete::overrun ? end_attempt(dump) : await_kernel(dump);
    case Got::failed:
      return finish(dump, Incomplete::error, errno);
  }
}

bool PollLoop::ask(Dump& dump) {
  if (++sequence_ == 0) ++sequence_;
  auto& request = requests_[std::min(dump.request, requests_.size() - 1)];
  set_sequence(request, sequence_);
  if (const int error = dump.slot->socket.send(request); error != 0) {
    finish(dump, Incomplete::error, error);
    return false;
  }
  dump.sequence = sequence_;
  dump.together = !families_apart_;
  dump.asked = true;
  return true;
}

void PollLoop::take(Dump& dump, std::span<const std::byte> datagram, int64_t now) {
  Row* const rows = buffers_.rows_of(*buffer_).get();
  RowWriter writer{rows + filled_, rows + buffers_.rows(), dump.seen, dump.job->number, dump.outcome.slot, now};
  const Reply reply = read_reply(datagram, dump.sequence, dump.slot->socket.port(), writer);
  filled_ += reply.rows;
  dump.outcome.rows += reply.rows;
  // An attempt after the first names again what the first did.
  if (dump.attempt == 0) dump.outcome.doubled += reply.doubled;
  if (reply.interrupted) dump.problem = Incomplete::interrupted;
  if (reply.overrun) dump.problem = Incomplete::overrun;
  if (reply.malformed) dump.problem = Incomplete::malformed;
  if (!reply.done) return;
  if (reply.error != 0) take_error(dump, reply.error);
  else end_attempt(dump);
}

void PollLoop::take_error(Dump& dump, int error) {
  dump.asked = false;
  // A kernel without the older request: then one for each family, from now on.
  if (dump.together && (error == EOPNOTSUPP || error == ENOENT || error == EINVAL)) {
    if (!std::exchange(families_apart_, true)) make_requests();
    return;
  }
  finish(dump, Incomplete::error, error);
}

void PollLoop::end_attempt(Dump& dump) {
  dump.asked = false;
  const Incomplete problem = std::exchange(dump.problem, Incomplete::no);
  if (problem == Incomplete::no) {
    dump.attempt = 0;
    // A kernel of which the families were asked together, by a request that another dump found it not to know, told
    // all.
    if (dump.together || ++dump.request >= requests_.size()) finish(dump, Incomplete::no);
    return;
  }
  if (++dump.attempt >= options_.attempts) return finish(dump, problem);
  ++dump.outcome.repeated;
}

void PollLoop::await_kernel(Dump& dump) {
  const int fd = dump.slot->socket.fd();
  epoll_event event{EPOLLIN, {.fd = fd}};
  if (sys::call([&] { return ::epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, fd, &event); }) != 0)
    return finish(dump, Incomplete::error, errno);
  dump.waits = true;
}

void PollLoop::stop_awaiting(Dump& dump) {
  if (std::exchange(dump.waits, false)) (void)::epoll_ctl(epoll_.get(), EPOLL_CTL_DEL, dump.slot->socket.fd(), nullptr);
}

void PollLoop::finish(Dump& dump, Incomplete incomplete, int error) {
  stop_awaiting(dump);
  dump.outcome.ended_ns = now_ns();
  dump.outcome.incomplete = incomplete;
  dump.outcome.error = error;
  dump.slot->busy = false;
  dump.slot->stale = dump.slot->stale || dump.asked;
  const auto job = dump.job;
  job->outcomes.push_back(dump.outcome);
  --job->running;
  const auto own = std::find_if(dumps_.begin(), dumps_.end(), [&](const auto& one) { return one.get() == &dump; });
  std::swap(*own, dumps_[--running_]);
  finish_if_done(job);
}

void PollLoop::finish_if_done(Jobs::iterator job) {
  if (!job->waiting.empty() || job->running > 0) return;
  // Its rows come before the word that these are all.
  hand_over();
  job->answer(std::move(job->outcomes));
  jobs_.erase(job);
}

bool PollLoop::has_room() {
  if (buffer_ && buffers_.rows() - filled_ < kRowsMin) hand_over();
  if (!buffer_) buffer_ = buffers_.take();
  return buffer_.has_value();
}

void PollLoop::hand_over() {
  if (!buffer_ || filled_ == 0) return;
  const uint32_t full = *std::exchange(buffer_, std::nullopt);
  buffers_.hand_over(full);
  on_rows_(full, std::exchange(filled_, 0));
}

void PollLoop::go_on_after_stall(int64_t now) {
  for (size_t i = 0; i < running_; ++i) dumps_[i]->deadline_ns += now - stalled_ns_;
  stalled_ns_ = 0;
}

void PollLoop::end_late(int64_t now) {
  // Finished ones leave their place to the last.
  for (size_t i = running_; i-- > 0;)
    if (now > dumps_[i]->deadline_ns) finish(*dumps_[i], Incomplete::deadline);
}

void PollLoop::wait() {
  int timeout_ms = -1;
  if (stalled_ns_ == 0 && running_ > 0) {
    int64_t first = INT64_MAX;
    for (size_t i = 0; i < running_; ++i) first = std::min(first, dumps_[i]->deadline_ns);
    timeout_ms = static_cast<int>(std::max<int64_t>(first - now_ns(), 0) / 1'000'000) + 1;
  }
  std::array<epoll_event, 16> events;
  const int count = ::epoll_wait(epoll_.get(), events.data(), events.size(), timeout_ms);
  for (int i = 0; i < count; ++i) {
    if (events[i].data.fd == inbox_.wake_fd()) {
      carry_out_all();
      continue;
    }
    for (size_t at = 0; at < running_; ++at)
      if (dumps_[at]->waits && dumps_[at]->slot->socket.fd() == events[i].data.fd) stop_awaiting(*dumps_[at]);
  }
  if (stalled_ns_ == 0) end_late(now_ns());
}

void PollLoop::cancel_all() {
  hand_over();
  for (Job& job : jobs_) job.answer(cancelled("poll"));
  jobs_.clear();
  running_ = 0;
  // What was posted behind Stop.
  carry_out_all();
  slots_.clear();
}

}  // namespace nslab::diag
