// What the kernel says of the fabric's links, kept as state: which are there, which are ready, which are gone.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "fabric/spec.h"
#include "rtnl/monitor.h"
#include "rtnl/socket.h"

namespace nslab::fabric {

/**
 * Hears RTNLGRP_LINK and RTNLGRP_NSID in the fabric's root. For one thread.
 *
 * Ready: the host end has IFF_LOWER_UP and its bridge port forwards. The kernel sends this after the queues are active
 * (linkwatch_do_dev: dev_activate, then the bridge, then the message), so a packet sent from then on is not lost.
 *
 * Gone: RTM_DELLINK of the host end proves that the veth pair is unregistered: its names, addresses and routes are
 * free. RTM_DELNSID proves that the kernel began to take the namespace apart, so nothing holds it any more; the last of
 * its memory is freed later in the same pass (cleanup_net), by 20 to 300 ms on an idle machine: that is the error of
 * the method. The id is the one the kernel itself gave to report the pair's other end (IFLA_LINK_NETNSID): observing
 * costs no request. cleanup_net takes ids back without the lock that links change under, so a message about a link that
 * was built before (its bridge lets go of it, say) may follow RTM_DELNSID and still name the id: it counts no more.
 * They are free to be given out again before RTM_DELNSID is sent, too: an id that another pair has meanwhile was the
 * former's, whose namespace is gone, and so is the removal that follows.
 */
class Watch {
 public:
  /** Opens its sockets in the calling thread's namespace, which must be the root. `room_bytes`: see Options. */
  static Result<Watch> open(size_t bridges, size_t nodes, int room_bytes);

  /** Takes in all news. Read again from the start where some were lost. */
  Status drain();
  /** Takes in one message of the kernel's; drain() does for all. */
  void take(const rtnl::Message& message);

  [[nodiscard]] int fd() const { return monitor_.fd(); }
  [[nodiscard]] bool ready(uint32_t node) const { return nodes_[node].ready; }
  [[nodiscard]] bool has_link(uint32_t node) const { return nodes_[node].present; }
  [[nodiscard]] bool has_netns(uint32_t node) const { return nodes_[node].netns_id.has_value(); }
  [[nodiscard]] bool gone(uint32_t node) const { return !has_link(node) && !has_netns(node); }
  [[nodiscard]] bool all_gone() const { return present_ == 0; }
  /** Nodes and bridges that are not gone. */
  [[nodiscard]] std::vector<uint32_t> remaining_nodes() const;
  [[nodiscard]] std::vector<uint32_t> remaining_bridges() const;

  struct Changes {
    std::vector<uint32_t> ready;
    std::vector<std::pair<uint32_t, const char*>> lost;
  };
  /** Nodes that became ready or ceased to be since the last call. */
  [[nodiscard]] Changes take_changes() { return std::exchange(changes_, {}); }

 private:
  struct NodeLink {
    bool present = false;
    bool up = false;
    bool forwarding = false;
    bool ready = false;
    std::optional<int32_t> netns_id;
    /** The other end's namespace is gone; the link is still to go. */
    bool netns_gone = false;
  };

  Watch(rtnl::Monitor monitor, rtnl::Socket socket, size_t bridges, size_t nodes)
      : monitor_(std::move(monitor)), socket_(std::move(socket)), bridges_(bridges), nodes_(nodes) {}

  void take_link(const rtnl::LinkNews& news);
  void learn_netns(uint32_t node, int32_t id);
  void forget_netns(int32_t id);
  void end_netns(uint32_t node);
  void count(bool before, bool now) { present_ += static_cast<size_t>(now) - static_cast<size_t>(before); }
  void settle(uint32_t node, const char* reason);
  Status read_again();

  rtnl::Monitor monitor_;
  rtnl::Socket socket_;
  std::vector<char> bridges_;  // 1: there
  std::vector<NodeLink> nodes_;
  std::unordered_map<int32_t, uint32_t> node_by_netns_id_;
  /** By id: removals on their way that are about a namespace that had it before. */
  std::unordered_map<int32_t, uint32_t> removals_due_;
  /** Links there, and namespaces with an id. */
  size_t present_ = 0;
  Changes changes_;
};

}  // namespace nslab::fabric
