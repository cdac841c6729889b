// Dialling: until the link is up, cancelled or removed, with growing pauses.
#include <sys/epoll.h>

#include <algorithm>
#include <cstring>
#include <utility>

#include "engine/link_limits.h"
#include "engine/link_loop.h"

namespace nslab::engine {
const char* errno_text(int number) {
  const char* name = ::strerrorname_np(number);
  return name ? name : "unknown errno";
}

void LinkLoop::carry_out(engine::Dial&& command) {
  LinkNode* node = node_of(command.node);
  if (!node) return;
  Edge* edge = node->edge_to(command.peer);
  if (!edge) return report(EventKind::dial_failed, *node, command.peer, reason_name(Reason::unknown_peer));
  // A new address or a new wish: the old attempt is of no use.
  end_dial(*edge);
  edge->dial = std::make_unique<DialWish>();
  edge->dial->to = command.to;
  edge->dial->pause_ms = kDialPauseMinMs;
  start_dial(*node, *edge);
}

void LinkLoop::carry_out(CancelDial&& command) {
  LinkNode* node = node_of(command.node);
  if (Edge* edge = node ? node->edge_to(command.peer) : nullptr) end_dial(*edge);
}

void LinkLoop::end_dial(Edge& edge) {
  if (!edge.dial) return;
  const std::unique_ptr<DialWish> dial = std::exchange(edge.dial, nullptr);
  if (dial->connection) close(*dial->connection, Closing::orderly);
}

void LinkLoop::start_dial(LinkNode& node, Edge& edge) {
  DialWish& dial = *edge.dial;
  // Gives way while an accepted connection may become the link: resume_dial() goes on if it does not.
  if (dial.connection || edge.candidate) return;
  if (transport_ == Transport::udp) return start_datagram_dial(node, edge);
  auto fd = netns::start_tcp_connect(*node.netns, dial.to);
  if (!fd) return dial_failed(node, edge, EventKind::dial_failed, errno_text(fd.error().number));
  Connection* connection = adopt(node, std::move(*fd), true);
  if (!connection) return dial_failed(node, edge, EventKind::dial_failed, errno_text(errno));
  connection->peer = edge.peer;
  dial.connection = connection;
}

bool LinkLoop::on_connected(Connection& connection) {
  LinkNode& node = *connection.node;
  Edge& edge = *node.edge_to(connection.peer);
  const Status connected = netns::finish_connect(connection.fd->get(), edge.dial->to);
  if (!connected) {
    lost(connection, errno_text(connected.error().number));
    return false;
  }
  connection.stage = Stage::awaiting_hello;
  return say(connection, FrameKind::hello);
}

void LinkLoop::dial_failed(LinkNode& node, Edge& edge, EventKind kind, const char* reason) {
  const uint32_t failures = ++edge.dial->failures;
  if ((failures & (failures - 1)) == 0) report(kind, node, edge.peer, reason);
  pause_dial(node, edge);
}

void LinkLoop::pause_dial(LinkNode& node, Edge& edge) {
  DialWish& dial = *edge.dial;
  dial.timer = ++timer_number_;
  timers_.add({now_ns_ + int64_t{dial.pause_ms} * 1'000'000, TimerKind::dial, node.id, edge.peer, dial.timer});
  dial.pause_ms = std::min(dial.pause_ms * 2, kDialPauseMaxMs);
}

void LinkLoop::resume_dial(LinkNode& node, Edge& edge) {
  if (edge.dial && !edge.dial->connection) pause_dial(node, edge);
}

}  // namespace nslab::engine
