// One thread of a churner: its operations in order, each when it is due.
#pragma once

#include <condition_variable>
#include <deque>
#include <memory>
#include <mutex>
#include <queue>
#include <unordered_map>
#include <vector>

#include "base/status.h"
#include "base/sys.h"
#include "base/thread.h"
#include "churn/holder.h"
#include "churn/operation.h"
#include "churn/outbox.h"
#include "churn/sockets.h"
#include "churn/witness.h"
#include "rtnl/socket.h"

namespace nslab::churn {

struct Options {
  Places places;
  SocketsSpec sockets;
  uint32_t threads = 1;
  /** Places of the table of TCP connections that each namespace gets for itself (Linux 6.1); 0: that of its maker. */
  uint32_t table_entries = 0;
  /** For tests: what the threads' kernel calls go through. Outlives the churner. */
  sys::CallMeter* meter = nullptr;
  /** For tests: room for so many bytes of what the witness is told; 0: for as much as comes. */
  int witness_bytes = 0;
};

struct Counts {
  uint64_t alive = 0;
  /** Carried out or failed. */
  uint64_t ops = 0;
  uint64_t failed = 0;
  /** Since the last time it was asked. */
  int64_t late_max_ns = 0;
};

class Worker {
 public:
  /** Starts its thread. What it is lent outlives it. */
  static Result<std::unique_ptr<Worker>> start(const Options& options, Witness& witness, Outbox& outbox);
  /** Ends the thread, and lets go of everything without a word. */
  ~Worker();
  Worker(const Worker&) = delete;
  Worker& operator=(const Worker&) = delete;

  /** In the order of their times, and none due before those added earlier. */
  void add(std::vector<Operation> operations);
  /** Operations due later than `until_ns` are dropped; once the others are done, so is every namespace. */
  void drain(int64_t until_ns);
  /** Waits for that, or for `wait_ns`. */
  bool await_drained(int64_t wait_ns);
  /** Operations that have not begun fail with ECANCELED. */
  void cancel();
  [[nodiscard]] Counts counts();

 private:
  struct Live {
    Fault fault = Fault::none;
    Holder holder;
    SocketSet sockets;
    std::vector<std::pair<uint32_t, int64_t>> ended;
  };
  /** When the short-lived sockets of a namespace are closed. */
  using Closing = std::pair<int64_t, uint64_t>;

  Worker(const Options& options, Witness& witness, Outbox& outbox, rtnl::Socket requests);
  void run();
  /** Waits for work and does one piece of it, under the lock in between. False: it is to end. */
  bool step(std::unique_lock<std::mutex>& lock);
  void execute(const Operation& operation);
  void make(const Operation& operation);
  Status build(const Operation& operation, Made& made, Live& live);
  Result<netns::Netns> make_netns(Operation& operation, UniqueFd& netlink);
  Result<netns::Netns> create_netns(UniqueFd& netlink);
  void drop(uint64_t op, uint64_t id, int64_t due_ns);
  void close_brief(uint64_t id);
  void fail(uint64_t op, uint64_t id, const Error& error);

  const Options& options_;
  Witness& witness_;
  Outbox& outbox_;
  // Of the thread alone:
  rtnl::Socket requests_;
  std::unordered_map<uint64_t, std::unique_ptr<Live>> live_;
  std::priority_queue<Closing, std::vector<Closing>, std::greater<>> closings_;

  std::mutex mutex_;
  std::condition_variable work_;
  std::condition_variable done_;
  std::deque<Operation> queue_;
  bool stop_ = false;
  bool draining_ = false;
  bool drained_ = false;
  int64_t until_ns_ = 0;
  Counts counts_;
  Thread thread_;
};

}  // namespace nslab::churn
