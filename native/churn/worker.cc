// Making and dropping. The thread is in a new namespace from its making to the last of its sockets, and else at home.
#include "churn/worker.h"

#include <algorithm>
#include <chrono>
#include <utility>

#include "base/sys.h"
#include "churn/clock.h"
#include "rtnl/link.h"
#include "rtnl/nsid.h"

namespace nslab::churn {
namespace {

/** Namespaces made at most until one has the inode number of one that is gone: the kernel takes the lowest free. */
constexpr int kReuseAttempts = 64;
/** Of what is done without having been asked for by the schedule. */
constexpr uint64_t kNoOp = 0;

std::chrono::steady_clock::time_point time_of(int64_t ns) {
  // Its clock is CLOCK_MONOTONIC, from the same zero.
  return std::chrono::steady_clock::time_point(std::chrono::nanoseconds(ns));
}

}  // namespace

Result<std::unique_ptr<Worker>> Worker::start(const Options& options, Witness& witness, Outbox& outbox) {
  auto requests = witness.requests();
  if (!requests) return requests.take_status();
  std::unique_ptr<Worker> worker(new Worker(options, witness, outbox, std::move(*requests)));
  auto thread = Thread::start("nslab-churn", "churner", [self = worker.get()] { self->run(); });
  if (!thread) return thread.take_status();
  worker->thread_ = std::move(*thread);
  return worker;
}

Worker::Worker(const Options& options, Witness& witness, Outbox& outbox, rtnl::Socket requests)
    : options_(options), witness_(witness), outbox_(outbox), requests_(std::move(requests)) {}

Worker::~Worker() {
  {
    const std::lock_guard lock(mutex_);
    stop_ = true;
  }
  work_.notify_all();
  thread_.join();
}

void Worker::add(std::vector<Operation> operations) {
  {
    const std::lock_guard lock(mutex_);
    for (Operation& operation : operations) queue_.push_back(std::move(operation));
  }
  work_.notify_one();
}

void Worker::drain(int64_t until_ns) {
  {
    const std::lock_guard lock(mutex_);
    draining_ = true;
    until_ns_ = until_ns;
    while (!queue_.empty() && queue_.back().due_ns > until_ns) queue_.pop_back();
  }
  work_.notify_one();
}

bool Worker::await_drained(int64_t wait_ns) {
  std::unique_lock lock(mutex_);
  return done_.wait_for(lock, std::chrono::nanoseconds(wait_ns), [this] { return drained_; });
}

void Worker::cancel() {
  std::deque<Operation> cancelled;
  {
    const std::lock_guard lock(mutex_);
    cancelled.swap(queue_);
    counts_.ops += cancelled.size();
  }
  for (const Operation& operation : cancelled)
    fail(operation.op, operation.id, Status::failed(ECANCELED, operation.make ? "make" : "drop", "churner").error());
}

Counts Worker::counts() {
  const std::lock_guard lock(mutex_);
  const Counts counts = counts_;
  counts_.late_max_ns = 0;
  return counts;
}

void Worker::run() {
  const sys::Metered metered(options_.meter);
  {
    std::unique_lock lock(mutex_);
    while (step(lock)) {
    }
  }
  // Here, not in the destructor: children end with the thread that made them.
  live_.clear();
}

bool Worker::step(std::unique_lock<std::mutex>& lock) {
  if (stop_) return false;
  const int64_t now = now_ns();
  const int64_t closing_ns = closings_.empty() ? INT64_MAX : closings_.top().first;
  const int64_t due_ns = queue_.empty() ? INT64_MAX : queue_.front().due_ns;
  if (closing_ns <= now) {
    const uint64_t id = closings_.top().second;
    closings_.pop();
    lock.unlock();
    close_brief(id);
    lock.lock();
  } else if (due_ns <= now) {
    const Operation operation = std::move(queue_.front());
    queue_.pop_front();
    if (operation.due_ns != 0) counts_.late_max_ns = std::max(counts_.late_max_ns, now - operation.due_ns);
    lock.unlock();
    execute(operation);
    lock.lock();
    ++counts_.ops;
    counts_.alive = live_.size();
  } else if (draining_ && queue_.empty() && !live_.empty()) {
    // One at a time: the deadline of who waits may end it at any.
    lock.unlock();
    drop(kNoOp, live_.begin()->first, 0);
    lock.lock();
    counts_.alive = live_.size();
  } else {
    if (draining_ && queue_.empty() && !std::exchange(drained_, true)) done_.notify_all();
    const int64_t next = std::min(closing_ns, due_ns);
    if (next == INT64_MAX) work_.wait(lock);
    else work_.wait_until(lock, time_of(next));
  }
  return true;
}

void Worker::execute(const Operation& operation) {
  if (operation.make) make(operation);
  else drop(operation.op, operation.id, operation.due_ns);
}

void Worker::fail(uint64_t op, uint64_t id, const Error& error) {
  outbox_.put(Failed{op, id, now_ns(), error.operation + " in " + error.where, error.number});
  const std::lock_guard lock(mutex_);
  ++counts_.failed;
}

void Worker::make(const Operation& operation) {
  Made made{operation, 0, 0, now_ns(), 0, 0, {}};
  if (operation.due_ns == 0) made.operation.due_ns = made.asked_ns;
  auto live = std::make_unique<Live>();
  live->fault = operation.fault;
  Status built;
  {
    const netns::Visit visit;
    built = build(operation, made, *live);
  }
  if (!built) {
    witness_.forget(operation.id);
    if (made.cookie != 0) outbox_.put(Passed{operation.op, operation.id, now_ns(), {made.cookie}});
    return fail(operation.op, operation.id, built.error());
  }
  made.made_ns = now_ns();
  made.sockets = std::move(live->sockets.truths);
  if (!live->sockets.brief.empty()) closings_.emplace(made.made_ns + kShortLifeNs, operation.id);
  live_.emplace(operation.id, std::move(live));
  outbox_.put(std::move(made));
}

Result<netns::Netns> Worker::create_netns(UniqueFd& netlink) {
  // A new namespace has the table that the setting of the one it is made from says, and not the setting itself.
  if (options_.table_entries > 0)
    if (Status entered = witness_.enter(); !entered) return entered;
  return netns::Netns::create_and_stay(netlink);
}

Result<netns::Netns> Worker::make_netns(Operation& operation, UniqueFd& netlink) {
  if (operation.fault != Fault::inode_reuse) return create_netns(netlink);
  // They keep their numbers until one is met that was another's. An observer may see them meanwhile.
  std::vector<netns::Netns> others;
  Passed passed{operation.op, operation.id, 0, {}};
  auto netns = create_netns(netlink);
  for (int attempt = 1; netns && !witness_.was_gone(netns->identity().inode); ++attempt) {
    if (attempt == kReuseAttempts) {
      // Other programs took the numbers that were free: a namespace without the fault, and the line says so.
      operation.fault = Fault::none;
      break;
    }
    passed.cookies.push_back(netns->identity().cookie);
    others.push_back(std::move(*netns));
    netns = create_netns(netlink);
  }
  passed.at_ns = now_ns();
  if (!passed.cookies.empty()) outbox_.put(std::move(passed));
  return netns;
}

Status Worker::build(const Operation& operation, Made& made, Live& live) {
  UniqueFd netlink;
  auto netns = make_netns(made.operation, netlink);
  if (!netns) return netns.take_status();
  made.exists_ns = now_ns();
  made.cookie = netns->identity().cookie;
  made.inode = netns->identity().inode;
  {
    auto socket = rtnl::Socket::adopt(std::move(netlink), "new namespace");
    if (!socket) return socket.take_status();
    rtnl::Batch up;
    rtnl::set_up(up, rtnl::kLoopbackIndex);
    if (Status done = socket->execute(up); !done) return done;
  }
  rtnl::Batch named;
  rtnl::set_netns_id(named, netns->fd(), static_cast<int32_t>(operation.id));
  if (Status done = requests_.execute(named); !done) return done;
  witness_.watch(operation.id, made.inode);
  auto holder = Holder::take(operation, options_.places, std::move(*netns));
  if (!holder) return holder.take_status();
  live.holder = std::move(*holder);
  return make_sockets(options_.sockets, operation.id, live.sockets);
}

void Worker::drop(uint64_t op, uint64_t id, int64_t due_ns) {
  const int64_t asked = now_ns();
  const auto found = live_.find(id);
  if (found == live_.end()) return fail(op, id, Status::failed(ENOENT, "drop", "churner").error());
  witness_.dropping(id, asked);
  const std::unique_ptr<Live> live = std::move(found->second);
  live_.erase(found);
  // One that was let go early was there for no time that anybody could promise.
  auto lost = live->sockets.lost_time_waits(asked);
  Status done;
  if (lost) live->ended.insert(live->ended.end(), lost->begin(), lost->end());
  else done = lost.take_status();
  if (live->fault == Fault::remove_while_entered)
    if (Status let_go = live->holder.let_go_from_inside(); done.ok()) done = std::move(let_go);
  live->sockets = {};
  if (Status let_go = live->holder.let_go(); done.ok()) done = std::move(let_go);
  witness_.dropped({op, id, 0, due_ns == 0 ? asked : due_ns, asked, now_ns(), 0, 0, std::move(live->ended)});
  if (!done) fail(op, id, done.error());
}

void Worker::close_brief(uint64_t id) {
  const auto found = live_.find(id);
  if (found == live_.end()) return;
  Live& live = *found->second;
  for (auto& [fd, index] : live.sockets.brief) {
    fd.reset();
    live.ended.emplace_back(index, now_ns());
  }
  live.sockets.brief.clear();
}

}  // namespace nslab::churn
