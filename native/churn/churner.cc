// Who does what.
#include "churn/churner.h"

#include <poll.h>

#include <algorithm>
#include <functional>
#include <string>

#include "base/sys.h"
#include "churn/clock.h"

namespace nslab::churn {
namespace {

/** How often who waits looks whether it shall wait no more. */
constexpr int64_t kPatienceNs = 50'000'000;

}  // namespace

Result<std::unique_ptr<Churner>> Churner::open(Options options, std::function<void()> ring) {
  std::unique_ptr<Churner> churner(new Churner(std::move(options), std::move(ring)));
  auto witness = Witness::open(churner->outbox_, churner->options_.table_entries, churner->options_.witness_bytes);
  if (!witness) return witness.take_status();
  churner->witness_ = std::move(*witness);
  for (uint32_t i = 0; i < churner->options_.threads; ++i) {
    auto worker = Worker::start(churner->options_, *churner->witness_, churner->outbox_);
    if (!worker) return worker.take_status();
    churner->workers_.push_back(std::move(*worker));
  }
  return churner;
}

/**
 * A namespace is made and dropped by one worker, in this order; so are those that have a name after each other. Without
 * a name they take turns.
 */
size_t Churner::worker_of(const Operation& operation) {
  if (operation.make) {
    const size_t key = operation.name.empty() ? operation.id : std::hash<std::string>()(operation.name);
    return worker_of_id_[operation.id] = key % workers_.size();
  }
  const auto found = worker_of_id_.find(operation.id);
  // Any will say that there is no such namespace.
  if (found == worker_of_id_.end()) return 0;
  const size_t worker = found->second;
  worker_of_id_.erase(found);
  return worker;
}

void Churner::add(std::vector<Operation> operations) {
  std::vector<std::vector<Operation>> shares(workers_.size());
  for (Operation& operation : operations) shares[worker_of(operation)].push_back(std::move(operation));
  for (size_t i = 0; i < shares.size(); ++i)
    if (!shares[i].empty()) workers_[i]->add(std::move(shares[i]));
}

Churner::Figures Churner::figures() {
  Figures figures;
  for (const auto& worker : workers_) {
    const Counts counts = worker->counts();
    figures.counts.alive += counts.alive;
    figures.counts.ops += counts.ops;
    figures.counts.failed += counts.failed;
    figures.counts.late_max_ns = std::max(figures.counts.late_max_ns, counts.late_max_ns);
  }
  figures.dropping = witness_->dropping_count();
  figures.askings = witness_->askings();
  return figures;
}

Result<std::vector<uint64_t>> Churner::drain(int64_t deadline_ns, int stop_fd) {
  const int64_t until_ns = now_ns();
  for (const auto& worker : workers_) worker->drain(until_ns);
  // 1: done, 0: the deadline has passed.
  const auto await = [&](const std::function<bool(int64_t)>& done) -> Result<bool> {
    for (;;) {
      const int64_t left = deadline_ns - now_ns();
      if (done(std::clamp<int64_t>(left, 0, kPatienceNs))) return true;
      if (left <= 0) return false;
      pollfd stop{stop_fd, POLLIN, 0};
      if (::poll(&stop, 1, 0) > 0) return Status::failed(ECANCELED, "drain", "churner");
    }
  };
  for (const auto& worker : workers_) {
    auto drained = await([&](int64_t wait_ns) { return worker->await_drained(wait_ns); });
    if (!drained) return drained.take_status();
    if (!*drained) worker->cancel();
  }
  auto none = await([&](int64_t wait_ns) { return witness_->await_none(wait_ns); });
  if (!none) return none.take_status();
  return witness_->give_up();
}

}  // namespace nslab::churn
