// The link engine: every listener and link of a fleet, served by one thread. This is its thread-safe outside.
// It knows nothing of JavaScript; binding/links.cc does. Handshake: src/protocol/link-handshake.ts.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <variant>
#include <vector>

#include "base/thread.h"
#include "engine/handshake.h"
#include "engine/lanes/engine.h"
#include "engine/link_event.h"
#include "engine/link_limits.h"
#include "netns/socket.h"

namespace nslab::engine {

/** What links are made of. */
enum class Transport : uint8_t { tcp, udp };

/** Opens the node's listener. Answered by a Reply. */
struct AddNode {
  uint64_t reply = 0;
  uint32_t node = 0;
  std::shared_ptr<const netns::Netns> netns;
  netns::Endpoint at;
  uint64_t incarnation = 0;
  std::vector<uint32_t> peers;
};
struct SetPeers {
  uint32_t node = 0;
  std::vector<uint32_t> peers;
};
struct Dial {
  uint32_t node = 0;
  uint32_t peer = 0;
  netns::Endpoint to;
};
struct CancelDial {
  uint32_t node = 0;
  uint32_t peer = 0;
};
struct RemoveNode {
  uint32_t node = 0;
};
/** Hands a token to a peer. Answered by an event only where it was not sent. */
struct SendToken {
  uint32_t node = 0;
  uint32_t peer = 0;
  uint32_t walk = 0;
  uint32_t hops = 0;
};
/** Answered by a Listing. */
struct List {
  uint64_t id = 0;
};
/** What lanes tell of links that were handed over. */
using LinkNews = lanes::LinkNews;
struct Stop {};
using Command = std::variant<AddNode, SetPeers, Dial, CancelDial, RemoveNode, SendToken, List, LinkNews, Stop>;

/** Between the engine's thread and all others. */
class Mailbox {
 public:
  /** EMFILE and the like when there is no descriptor left to wake the thread by. */
  Status open();
  /** Wakes the thread; any thread may call. */
  void post(Command command);
  [[nodiscard]] std::vector<Command> take_commands();
  [[nodiscard]] int wake_fd() const { return wake_.get(); }

  /** Adds to the outbox. True where its owner has to be told, false where it was told and has not collected yet. */
  [[nodiscard]] bool deliver(Outbox&& more);
  [[nodiscard]] Outbox collect();

  std::atomic<uint32_t> ends_up{0};

 private:
  UniqueFd wake_;
  std::mutex mutex_;
  std::vector<Command> commands_;
  Outbox outbox_;
  bool told_ = false;
};

class Links {
 public:
  /** Called on the engine's thread when there is something to collect; at most once before each collect(). */
  using Tell = std::function<void()>;

  /**
   * `silence_ms`: a link whose peer has been silent for so long goes down with ETIMEDOUT. Links over UDP have to be
   * handed over.
   */
  Links(const RunId& run_id, std::shared_ptr<netns::SwitchLog> log, Tell tell, uint32_t silence_ms = kSilenceMs,
        Transport transport = Transport::tcp);
  /** Stops and joins. */
  ~Links();
  Links(const Links&) = delete;
  Links& operator=(const Links&) = delete;

  /**
   * Before start(): nodes and links that come up are handed over to `engine`, which reads and writes those; who they
   * are to and when they end is still told from here.
   */
  void hand_over_to(std::shared_ptr<lanes::PacketEngine> engine);
  /** Starts the thread. EINVAL where links over UDP have nobody to be handed over to. */
  Status start();
  /** Commands are carried out in order; those after Stop are not. */
  void post(Command command) { mailbox_.post(std::move(command)); }
  [[nodiscard]] Outbox collect() { return mailbox_.collect(); }
  [[nodiscard]] uint32_t ends_up() const { return mailbox_.ends_up.load(std::memory_order_relaxed); }
  /** Waits for the thread to end; post Stop first. */
  void join();

 private:
  RunId run_id_;
  std::shared_ptr<netns::SwitchLog> log_;
  Tell tell_;
  uint32_t silence_ms_;
  Transport transport_;
  std::shared_ptr<lanes::PacketEngine> engine_;
  Mailbox mailbox_;
  Thread thread_;
};

}  // namespace nslab::engine
