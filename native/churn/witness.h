// Who sees that namespaces are gone: a network namespace of its own that gives each an id, and hears when the kernel
// takes it back (RTM_DELNSID), which it does first of all when it takes a namespace apart: none can find it any more.
#pragma once

#include <atomic>
#include <condition_variable>
#include <deque>
#include <memory>
#include <mutex>
#include <optional>
#include <unordered_map>
#include <unordered_set>

#include "base/fd.h"
#include "base/status.h"
#include "base/thread.h"
#include "churn/operation.h"
#include "churn/outbox.h"
#include "netns/netns.h"
#include "rtnl/monitor.h"
#include "rtnl/socket.h"

namespace nslab::churn {

/**
 * The kernel's word comes with no time. It is read at once; the error is the time since the last look that found
 * nothing, or since the drop began, whichever is later. While anything is being dropped there is a look every kLookMs.
 */
class Witness {
 public:
  /**
   * Makes the namespace, from a native thread, and starts the thread that listens. `table_entries` and `room_bytes`:
   * see Options. ENOENT where the kernel knows no tables of a namespace's own.
   */
  static Result<std::unique_ptr<Witness>> open(Outbox& outbox, uint32_t table_entries, int room_bytes);
  ~Witness();
  Witness(const Witness&) = delete;
  Witness& operator=(const Witness&) = delete;

  /** A socket to give ids with, for one native thread. */
  Result<rtnl::Socket> requests() const;
  /** Moves the calling native thread into it: namespaces made there have tables of their own, where that was asked. */
  [[nodiscard]] Status enter() const { return netns::enter(netns_); }

  /** A namespace has its id, and something holds it still. */
  void watch(uint64_t id, uint64_t inode);
  /** It begins to be dropped: from here on the time is looked at closely. */
  void dropping(uint64_t id, int64_t asked_ns);
  /** It was dropped; it is told once it is gone. */
  void dropped(Dropped record);
  /** It was never told as made, so its end is not told either. */
  void forget(uint64_t id);

  /** Whether the inode number was that of a namespace that is gone, and is not used again as far as we know. */
  [[nodiscard]] bool was_gone(uint64_t inode);

  /** Dropped and not gone. */
  [[nodiscard]] size_t dropping_count();
  /** How often notifications were lost, and the ids asked for in their place. */
  [[nodiscard]] uint64_t askings() const { return askings_.load(); }
  /** Waits until nothing dropped is left, or for `wait_ns`. */
  bool await_none(int64_t wait_ns);
  /** Tells those dropped that are not gone as they are. Returns the numbers of all that are left. */
  std::vector<uint64_t> give_up();

 private:
  struct Entry {
    uint64_t inode = 0;
    /** 0: it is not being dropped. */
    int64_t asked_ns = 0;
    int64_t gone_ns = 0;
    int64_t gone_error_ns = 0;
    /** Once it is dropped. */
    std::optional<Dropped> record;
  };

  Witness(Outbox& outbox, netns::Netns netns, rtnl::Monitor monitor, rtnl::Socket asker, UniqueFd wake);
  void run();
  void look();
  /** Under the lock. */
  void gone(uint64_t id, int64_t at_ns, int64_t since_ns);
  void tell(uint64_t id, Entry& entry);
  void ask_again(int64_t since_ns);
  void ring();

  Outbox& outbox_;
  const netns::Netns netns_;
  const UniqueFd wake_;
  // Of the thread:
  rtnl::Monitor monitor_;
  rtnl::Socket asker_;
  int64_t looked_ns_ = 0;
  std::atomic<uint64_t> askings_{0};

  std::mutex mutex_;
  std::condition_variable changed_;
  bool stop_ = false;
  std::unordered_map<uint64_t, Entry> entries_;
  size_t dropping_ = 0;
  /** Inode numbers of those gone, the newest last; and the same to look up. */
  std::deque<uint64_t> gone_inodes_;
  std::unordered_set<uint64_t> free_inodes_;
  Thread thread_;
};

}  // namespace nslab::churn
