// One look at the whole machine after another, by what has changed. Of one thread; knows no time.
#pragma once

#include <sys/types.h>

#include <atomic>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/fd.h"
#include "base/status.h"
#include "discover/directories.h"
#include "discover/known.h"
#include "discover/mounts.h"
#include "discover/processes.h"

namespace nslab::discover {

/**
 * What can't be seen, counted at a reconcile. Some holders show nowhere, and so can't be counted but by `unseen`:
 * descriptors on their way through a Unix socket or kept by io_uring, mounts of a mount namespace that no process is
 * in. A namespace that passes into such hands is told gone, and found again when it comes out.
 */
struct Blind {
  size_t unreadable_processes = 0;
  /** Namespaces whose number was seen, and that can't be opened or entered; the first one's errno. */
  size_t unopened = 0;
  int unopened_errno = 0;
  /** Mounts under other mounts: what they hold is known only where something else holds it, too. */
  size_t hidden_mounts = 0;
  size_t unresolved_sockets = 0;
  /**
   * Processes with so many descriptors that they are looked into in a third of the time at most, and how far apart that
   * is, the longest, ns: what only a descriptor of theirs holds is found so late. One whose number lies beyond 64 free
   * ones waits for the eighth look, or the next reconcile.
   */
  size_t large_processes = 0;
  int64_t large_apart_ns = 0;
  /** Processes whose descriptors hold nothing, by their own word: they observe. */
  size_t observers = 0;
  /** Namespaces in the kernel's own list (listns, Linux 6.19) that nothing showed; none where it keeps no list. */
  std::optional<size_t> unseen;
  /** Processes outside of ours don't show: this is not the machine's first PID namespace. */
  bool inner_pids = false;
  /** /proc shows the processes of others only to who may trace them (hidepid), and we may not. */
  bool hides_processes = false;
  /** Every process of /proc can be asked for its sockets: false where the kernel has no pidfd_getfd. */
  bool has_getfd = true;
};

class Scanner {
 public:
  Scanner(std::vector<std::string> directories, const std::atomic<bool>& stop);

  Status start();

  /** Looks at all that may have changed, then forgets what nothing shows. `every`: looks at everything. */
  void tick(bool every);
  /** Looks at mounts and folders alone: finds, and forgets nothing. */
  void tick_mounts();
  /** Looks into large processes alone that have rested from the last look: finds, and forgets nothing. */
  void tick_rested() { processes_.scan_rested(); }
  /** When the next of them will have, monotonic. */
  [[nodiscard]] std::optional<int64_t> rested_at_ns() const { return processes_.rested_at_ns(); }

  /** Of the last tick that looked at everything. */
  [[nodiscard]] Blind blind() const;
  [[nodiscard]] Known& known() { return known_; }
  [[nodiscard]] Directories& directories() { return directories_; }
  [[nodiscard]] Mounts& mounts() { return mounts_; }
  [[nodiscard]] const Work& work() const { return processes_.work(); }

 private:
  void use_own_mounts();

  const std::atomic<bool>& stop_;
  UniqueFd proc_;
  UniqueFd mark_;
  Known known_;
  Directories directories_;
  Mounts mounts_;
  Processes processes_;
};

}  // namespace nslab::discover
