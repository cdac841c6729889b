// The thread of max mode: accepts, dials and relays streams.
#pragma once

#include <array>
#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <queue>
#include <unordered_map>
#include <vector>

#include "base/fd.h"
#include "engine/max/mailbox.h"
#include "engine/max/relay.h"
#include "engine/max/stream_header.h"

namespace nslab::engine::max {

/** From accept to its header, from there to the lane's word, and of a dial: as links have it (link_limits.h). */
inline constexpr int64_t kDeadlineNs = 5'000'000'000;
inline constexpr int64_t kAcceptPauseNs = 100'000'000;
inline constexpr int kMaxBacklog = 1024;
/** Streams whose header has not come: whoever connects and says nothing can't have more of our descriptors. */
inline constexpr size_t kArrivalsMax = 1024;
/** Four descriptors each. */
inline constexpr size_t kRelaysMax = 4096;

class Loop {
 public:
  Loop(const RunId& run_id, std::shared_ptr<lanes::PacketEngine> engine, Mailbox& mailbox, uint32_t silence_ms);
  Status open();
  void run();

 private:
  struct Node {
    std::shared_ptr<const netns::Netns> netns;
    UniqueFd listener;
    std::map<uint32_t, netns::Endpoint> peers;
  };
  /** Accepted, and not yet ours to relay or the lane's to read. */
  struct Arrival {
    uint32_t node = 0;
    SharedFd fd;
    size_t received = 0;
    StreamHeaderBytes bytes{};
    StreamHeader header;
    /** The lane was asked. */
    bool asked = false;
  };
  struct Dial {
    uint32_t node = 0;
    /** What the lane asked by, or whose other half it will be. */
    uint64_t tag = 0;
    bool for_relay = false;
    netns::Endpoint to;
    StreamHeader header;
    /** None before its time has come. */
    UniqueFd fd;
  };
  struct Passing {
    uint32_t node = 0;
    Relay relay;
    bool ready = false;
  };
  struct Due {
    int64_t at_ns;
    uint64_t event;
    [[nodiscard]] bool operator>(const Due& other) const { return at_ns > other.at_ns; }
  };

  void carry_out(Serve&& command);
  void carry_out(SetPeer&& command);
  void carry_out(RemoveNode&& command);
  void carry_out(lanes::StreamNews&& news);
  void carry_out(Stop&&) { stopping_ = true; }

  void on_event(uint64_t event, uint32_t what);
  void on_due(uint64_t event);
  /** Port 0: none. */
  [[nodiscard]] netns::Endpoint server_of(uint32_t node, uint32_t peer) const;
  void accept_all(uint32_t node);
  void receive(uint64_t id);
  void refuse(uint64_t id);
  void dial(Dial&& dial, uint32_t pause_ms);
  void start_dial(uint64_t id);
  void on_connected(uint64_t id);
  void fail_dial(uint64_t id);
  void relay(uint64_t id, SharedFd out);
  void pump(uint64_t id, Passing& passing);
  /** `broken`: both ends are reset, else shut in order. */
  void end_relay(uint64_t id, bool broken);
  void remove(uint32_t node);
  [[nodiscard]] bool watch(int how, int fd, uint64_t event, bool out);
  [[nodiscard]] int wait_ms() const;

  const RunId run_id_;
  const std::shared_ptr<lanes::PacketEngine> engine_;
  Mailbox& mailbox_;
  const uint32_t silence_ms_;
  UniqueFd epoll_;
  int64_t now_ns_ = 0;
  bool stopping_ = false;
  uint64_t last_id_ = 0;
  std::unordered_map<uint32_t, Node> nodes_;
  // By id; one that arrived keeps its own when it is relayed.
  std::unordered_map<uint64_t, Arrival> arrivals_;
  std::unordered_map<uint64_t, Dial> dials_;
  std::unordered_map<uint64_t, Passing> relays_;
  std::deque<uint64_t> ready_;
  std::priority_queue<Due, std::vector<Due>, std::greater<>> dues_;
};

}  // namespace nslab::engine::max
