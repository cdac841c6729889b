// The kernel objects under one fleet: made, changed, watched and removed. Used by FabricService from its one thread.
#pragma once

#include <atomic>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "base/fd.h"
#include "base/status.h"
#include "base/sys.h"
#include "fabric/maker.h"
#include "fabric/spec.h"
#include "fabric/watch.h"
#include "netns/netns.h"
#include "rtnl/socket.h"

namespace nslab::fabric {

struct Options {
  int threads = 2;
  /** A carrier comes within milliseconds; a machine on which none came for so long is stuck. */
  int64_t carrier_wait_ns = 20'000'000'000;
  /** Called on the fabric's thread. */
  std::function<void(std::vector<uint32_t>)> on_ready;
  std::function<void(uint32_t, const char*)> on_lost;
  /** For tests: room for so many bytes of the kernel's news; 0: for as much as comes. */
  int watch_bytes = 0;
  uint64_t fail_call = 0;
  int fail_errno = 0;
};

struct BuildTimings {
  int64_t started_ns = 0;
  int64_t ended_ns = 0;
  uint64_t kernel_calls = 0;
  std::map<std::string, int64_t> phases_ns;
};

/** What the kernel had not said to be gone when a deadline passed. */
struct Remaining {
  /** Of a bridge, or of a node's host end. */
  std::string name;
  /** Nothing: a bridge. */
  std::optional<uint32_t> node;
  bool link = true;
  bool netns = false;
};

struct TeardownTimings {
  int64_t started_ns = 0;
  int64_t released_ns = 0;
  int64_t gone_ns = 0;
  std::vector<Remaining> remaining;
};

using Done = std::function<void(Status)>;

/** CLOCK_MONOTONIC in ns. */
[[nodiscard]] int64_t now_ns();

class Fabric {
 public:
  Fabric(std::weak_ptr<const netns::Netns> root, Spec spec, Options options, std::shared_ptr<netns::SwitchLog> log);
  ~Fabric();
  Fabric(const Fabric&) = delete;
  Fabric& operator=(const Fabric&) = delete;

  /** Makes everything, and undoes what it made before it returns a failure. */
  Result<BuildTimings> build();
  /** From any thread: a running build fails with ECANCELED. */
  void cancel();
  /** From any thread: the namespace of a complete node; null otherwise. */
  [[nodiscard]] std::shared_ptr<const netns::Netns> netns(uint32_t node) const;
  [[nodiscard]] const Spec& spec() const { return spec_; }

  /** These start, and call `done` at once or from handle_news or handle_deadlines. */
  void remove_node(uint32_t node, int64_t deadline_ns, Done done);
  void rebuild_node(uint32_t node, Done done);
  Status add_neighbours(uint32_t node, const std::vector<in_addr>& addresses);
  /** Removes everything and waits until it is gone, at most until the deadline. */
  Result<TeardownTimings> teardown(int64_t deadline_ns);
  /** Lets go of everything without waiting for the kernel. Open operations end with ECANCELED. */
  void abandon();

  /** From any thread: ends wait() before its time. Nothing waits while nothing is made. */
  void ring();
  /** Whether there is anything to watch or to undo. */
  [[nodiscard]] bool active() const { return watch_.has_value(); }
  /** While active: waits for the kernel's news, a ring or the deadline. */
  Status wait(std::optional<int64_t> deadline_ns);
  void handle_news();
  /** Ends operations whose time is over; returns the earliest deadline left, if any. */
  std::optional<int64_t> handle_deadlines();

 private:
  /** An operation on one node that waits for the kernel. */
  struct Waiter {
    uint32_t node;
    enum class For { ready, gone } what;
    int64_t deadline_ns;
    Done done;
  };
  struct Node {
    std::shared_ptr<const netns::Netns> netns;
    bool complete = false;
    /** Being removed on purpose: its end is no loss. */
    bool expected_gone = false;
    /** A node lost again while others are being made does not keep build() from its end: its owner was told. */
    bool was_ready = false;
  };

  Status build_all(BuildTimings& timings);
  Status prepare_root();
  Status write_root_settings();
  Status make_bridges();
  Status make_nodes(BuildTimings& timings);
  Status await_ready();
  Status link_node(uint32_t node, MadeNetns made);
  Status configure_node(uint32_t node, UniqueFd netlink);
  void put_neighbours(rtnl::Batch& batch, uint32_t node) const;
  Status open_wake();

  void release();
  void delete_bridges();
  bool await_gone(int64_t deadline_ns);
  void close_sockets();

  void report_changes();
  void finish_waiters();
  Status start_rebuild(uint32_t node);
  void drop_node(uint32_t node);
  [[nodiscard]] bool busy(uint32_t node) const;
  [[nodiscard]] rtnl::Mac mac_for(uint32_t node, in_addr address) const;

  /** Borrowed: once built, the sockets made in it keep it. */
  const std::weak_ptr<const netns::Netns> root_;
  const Spec spec_;
  const Options options_;
  const std::shared_ptr<netns::SwitchLog> log_;
  sys::CallMeter meter_;
  std::atomic<bool> cancelled_{false};
  /** eventfd: ends wait(). Open while active, so that an idle fabric holds no descriptor. */
  UniqueFd wake_;
  std::mutex wake_mutex_;

  bool built_ = false;
  bool has_ipv6_ = true;
  std::optional<rtnl::Socket> root_socket_;
  std::optional<Watch> watch_;
  /** Nodes that have been ready, now or before. */
  size_t ready_count_ = 0;
  std::vector<Waiter> waiters_;

  mutable std::mutex nodes_mutex_;
  std::vector<Node> nodes_;
};

}  // namespace nslab::fabric
