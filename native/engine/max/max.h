// Max mode: flows in streams of their own. This is the thread-safe outside of who makes these streams.
//
// A node in max mode has a server. The first packet of a flow whose next hop is in max mode has its lane ask for a
// stream to that server; it begins with a header (stream_header.h). The server's lane says what becomes of it: it ends
// here, and the lane reads it as it reads links; or it goes on to the next hop, by splice(2). One thread, however many
// streams: who relays holds two sockets and a pipe, and what its peer doesn't take holds back who sends.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>

#include "base/status.h"
#include "base/thread.h"
#include "engine/handshake.h"
#include "engine/lanes/engine.h"
#include "engine/link_limits.h"
#include "netns/socket.h"

namespace nslab::engine::max {

struct Counters {
  /** Of this fleet's nodes, to their next hops. */
  std::atomic<uint64_t> opened{0};
  /** Could not be connected. */
  std::atomic<uint64_t> failed{0};
  /** Accepted, and neither kept nor relayed: a wrong header or none in time, no route, no hop left, too many. */
  std::atomic<uint64_t> refused{0};
  std::atomic<uint64_t> relayed{0};
  /** Of those relayed, ended by a fault: of either side, or because the node was removed. */
  std::atomic<uint64_t> broken{0};
  /** Relayed now. */
  std::atomic<uint64_t> relays{0};
};

class Mailbox;

class MaxStreams {
 public:
  /** Of the server; called on its thread. */
  using Answer = std::function<void(Status)>;

  /**
   * The engine's lanes tell this of streams from now on. One of an engine. `silence_ms`: of a peer, before the kernel
   * ends its streams, as links have it.
   */
  MaxStreams(const RunId& run_id, std::shared_ptr<lanes::PacketEngine> engine,
             std::shared_ptr<netns::SwitchLog> log = nullptr, uint32_t silence_ms = kSilenceMs);
  /** stop() */
  ~MaxStreams();
  MaxStreams(const MaxStreams&) = delete;
  MaxStreams& operator=(const MaxStreams&) = delete;

  /** Starts the thread. */
  Status start();
  /** Opens the node's server; EEXIST where it has one. Its packets go in streams from here on, as peers are set. */
  void serve(uint32_t node, std::shared_ptr<const netns::Netns> netns, const netns::Endpoint& at, Answer answer);
  /**
   * Where the peer's server is, for the node; nothing (port 0): packets to it go in the link. `reply`: of the engine's
   * answer, as PacketEngine::post; ENOENT where the node has no server.
   */
  void set_peer(uint32_t node, uint32_t peer, const netns::Endpoint& at, uint64_t reply = 0);
  /** Closes its server, and streams that are not yet the lane's or pass here. */
  void remove_node(uint32_t node);
  /** Ends all and waits for it. Idempotent. */
  void stop();
  [[nodiscard]] const Counters& counters() const;

 private:
  const RunId run_id_;
  const std::shared_ptr<lanes::PacketEngine> engine_;
  const std::shared_ptr<netns::SwitchLog> log_;
  const uint32_t silence_ms_;
  const std::shared_ptr<Mailbox> mailbox_;
  Thread thread_;
};

}  // namespace nslab::engine::max
