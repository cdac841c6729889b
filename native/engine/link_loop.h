// The link engine's thread: one epoll loop over every listener and link of a fleet.
// link_loop.cc waits and carries out commands, dial.cc and accept.cc open connections, link_handshake.cc makes links of
// them, up_links.cc uses those; link_datagrams.cc does the first two over UDP.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <unordered_map>
#include <vector>

#include "engine/link_state.h"
#include "engine/links.h"
#include "engine/timers.h"
#include "engine/udp/cookie.h"

namespace nslab::engine {

/** What an epoll event is about: the mailbox, a listener by node id, or a connection by generation and slot. */
inline constexpr uint64_t kMailboxTag = ~uint64_t{0};
inline constexpr uint64_t kListenerBit = uint64_t{1} << 63;
inline constexpr uint32_t kGenerationMask = 0x7fff'ffff;

/** Static. */
[[nodiscard]] const char* errno_text(int number);

class LinkLoop {
 public:
  LinkLoop(const RunId& run_id, Mailbox& mailbox, const Links::Tell& tell, uint32_t silence_ms, Transport transport,
           std::shared_ptr<lanes::PacketEngine> engine);

  Status open();
  /** Until Stop. */
  void run();

 private:
  // Commands.
  void carry_out(AddNode&& command);
  void carry_out(SetPeers&& command);
  void carry_out(engine::Dial&& command);
  void carry_out(CancelDial&& command);
  void carry_out(RemoveNode&& command);
  void carry_out(SendToken&& command);
  void carry_out(List&& command);
  void carry_out(LinkNews&& news);
  void carry_out(Stop&&) { stopping_ = true; }
  void remove(LinkNode& node);
  void on_timer(const Timer& timer);
  void tell_all(bool ended);

  // Dialling.
  void start_dial(LinkNode& node, Edge& edge);
  /** False: the connection is gone. */
  bool on_connected(Connection& connection);
  /** Pauses, and reports the 1st, 2nd, 4th, … failure in a row. */
  void dial_failed(LinkNode& node, Edge& edge, EventKind kind, const char* reason);
  void pause_dial(LinkNode& node, Edge& edge);
  /** Goes on with a dial that had given way to an accepted connection. */
  void resume_dial(LinkNode& node, Edge& edge);
  void end_dial(Edge& edge);

  // Accepting.
  Status listen(LinkNode& node, const netns::Endpoint& at);
  void accept_all(LinkNode& node);
  void pause_accept(LinkNode& node, int error);
  void watch_listener(LinkNode& node, bool on);

  // Handshake. False: the connection is gone.
  void receive(Connection& connection, bool hung_up);
  bool take_bytes(Connection& connection, const uint8_t* bytes, size_t count);
  bool take_frame(Connection& connection);
  /** Bytes that can't be: a rejection while shaking hands, the end of a link that is up. */
  bool break_off(Connection& connection, Reason reason);
  bool take_hello(Connection& connection, const Frame& frame);
  [[nodiscard]] Reason check_peer(const Connection& connection, const Frame& frame);
  [[nodiscard]] Reason check_edge(LinkNode& node, Edge& edge, const Frame& frame);
  bool take_reject(Connection& connection, const Frame& frame);
  bool say(Connection& connection, FrameKind kind, bool and_ready = false);
  void make_up(Connection& connection);
  /** Rejects and closes. */
  void refuse(Connection& connection, Reason reason);
  /** After a rejection, ours or theirs: closes, reports but for duplicates, and goes on. */
  void close_refused(Connection& connection, Reason reason);
  /** The connection ended or failed by itself. */
  void lost(Connection& connection, const char* reason);

  // Links that are up. False: the connection is gone.
  /** From now on a lane reads and writes it, beginning with these bytes. */
  void hand_over(Connection& connection, const uint8_t* bytes, size_t count);
  bool take_token(Connection& connection);
  bool send_bytes(Connection& connection, const uint8_t* bytes, size_t count);
  bool send_unsent(Connection& connection);
  void report_unsent(const SendToken& token, const char* reason);

  // Over UDP.
  Status open_datagrams();
  [[nodiscard]] Frame frame_to(const LinkNode& node, uint32_t peer, FrameKind kind, Reason reason = Reason::none) const;
  void start_datagram_dial(LinkNode& node, Edge& edge);
  /** Says a dial's last datagram, and again after a while. */
  void say_datagram(Connection& connection);
  void receive_datagrams(Connection& connection);
  void take_answer(Connection& connection, const udp::Header& header, const Frame& frame);
  Status listen_datagrams(LinkNode& node, const netns::Endpoint& at);
  void hear_datagrams(LinkNode& node);
  void hear(LinkNode& node, const netns::Endpoint& from, const udp::Header& header, const Frame& frame);
  void accept_datagrams(LinkNode& node, Edge& edge, const netns::Endpoint& from, const udp::Header& header,
                        const Frame& frame);

  // Connections.
  Connection* adopt(LinkNode& node, UniqueFd fd, bool dialled);
  [[nodiscard]] Connection* find(uint32_t index, uint32_t generation);
  enum class Closing { orderly, abortive };
  void close(Connection& connection, Closing how);

  [[nodiscard]] LinkNode* node_of(uint32_t id);
  void report(EventKind kind, const LinkNode& node, uint32_t peer, const char* reason);

  const RunId run_id_;
  Mailbox& mailbox_;
  const Links::Tell tell_;
  const uint32_t silence_ms_;
  const Transport transport_;
  udp::Cookies cookies_;
  /** Null: links are read and written here. */
  const std::shared_ptr<lanes::PacketEngine> engine_;
  UniqueFd epoll_;
  Timers timers_;
  uint64_t timer_number_ = 0;
  std::unordered_map<uint32_t, std::unique_ptr<LinkNode>> nodes_;
  std::deque<Connection> slots_;
  std::vector<uint32_t> free_slots_;
  Outbox outbox_;
  int64_t now_ns_ = 0;
  bool stopping_ = false;
};

}  // namespace nslab::engine
