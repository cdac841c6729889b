// Namespaces that come and go at given times: a few threads, and a witness of what the kernel removed.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <unordered_map>
#include <vector>

#include "base/status.h"
#include "churn/operation.h"
#include "churn/outbox.h"
#include "churn/witness.h"
#include "churn/worker.h"

namespace nslab::churn {

/** Used by one thread at a time, but for drain(). */
class Churner {
 public:
  /** From a native thread. `ring` says that lines wait, from any thread. */
  static Result<std::unique_ptr<Churner>> open(Options options, std::function<void()> ring);

  /** In the order of their times. */
  void add(std::vector<Operation> operations);

  struct Figures {
    Counts counts;
    uint64_t dropping = 0;
    /** See Witness. */
    uint64_t askings = 0;
  };
  [[nodiscard]] Figures figures();

  /**
   * Carries out what is due by now, drops everything, and waits until the kernel has removed it. Returns the numbers of
   * those that were left at the deadline; ECANCELED when `stop_fd` becomes readable.
   */
  Result<std::vector<uint64_t>> drain(int64_t deadline_ns, int stop_fd);

  [[nodiscard]] std::vector<Line> take_lines() { return outbox_.take(); }

 private:
  Churner(Options options, std::function<void()> ring) : options_(std::move(options)), outbox_(std::move(ring)) {}
  [[nodiscard]] size_t worker_of(const Operation& operation);

  const Options options_;
  Outbox outbox_;
  std::unique_ptr<Witness> witness_;
  /** Which worker has a namespace, by its number. */
  std::unordered_map<uint64_t, size_t> worker_of_id_;
  std::vector<std::unique_ptr<Worker>> workers_;
};

}  // namespace nslab::churn
