// From a connection to a link: the rules of src/protocol/link-handshake.ts.
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <utility>

#include "base/sys.h"
#include "engine/link_limits.h"
#include "engine/link_loop.h"

namespace nslab::engine {

void LinkLoop::receive(Connection& connection, bool hung_up) {
  std::array<uint8_t, 256> bytes;
  for (size_t received = 0;;) {
    const ssize_t count =
        sys::call([&] { return ::recv(connection.fd->get(), bytes.data(), bytes.size(), MSG_DONTWAIT); });
    if (count > 0) {
      received += static_cast<size_t>(count);
      if (received > kReceivedAtOnceMax) return (void)break_off(connection, Reason::malformed);
      if (!take_bytes(connection, bytes.data(), static_cast<size_t>(count))) return;
      // Edge-triggered: a short read without a hang-up means that the next bytes bring an event.
      if (static_cast<size_t>(count) < bytes.size() && !hung_up) return;
      continue;
    }
    if (count == 0) return lost(connection, "closed");
    if (errno == EAGAIN || errno == EWOULDBLOCK) return;
    const char* name = ::strerrorname_np(errno);
    return lost(connection, name ? name : "unknown errno");
  }
}

bool LinkLoop::take_bytes(Connection& connection, const uint8_t* bytes, size_t count) {
  while (count > 0) {
    const size_t taken = std::min(count, kFrameBytes - connection.received);
    std::copy_n(bytes, taken, connection.frame.begin() + connection.received);
    connection.received = static_cast<uint8_t>(connection.received + taken);
    bytes += taken;
    count -= taken;
    if (const Reason start = check_start(connection.frame, connection.received); start != Reason::none)
      return break_off(connection, start);
    if (connection.received < kFrameBytes) return true;
    connection.received = 0;
    // Nothing may follow a dialler's hello before its answer; tokens may follow a ready, which makes the link.
    if (connection.stage == Stage::awaiting_hello && !connection.dialled && count > 0)
      return break_off(connection, Reason::malformed);
    if (!(connection.stage == Stage::up ? take_token(connection) : take_frame(connection))) return false;
    if (engine_ && connection.stage == Stage::up) {
      hand_over(connection, bytes, count);
      return false;
    }
  }
  return true;
}

bool LinkLoop::break_off(Connection& connection, Reason reason) {
  if (connection.stage == Stage::up) lost(connection, "protocol_error");
  else refuse(connection, reason);
  return false;
}

bool LinkLoop::take_frame(Connection& connection) {
  Frame frame;
  if (const Reason fault = decode(connection.frame, frame); fault != Reason::none) {
    refuse(connection, fault);
    return false;
  }
  if (frame.kind == FrameKind::reject) return take_reject(connection, frame);
  const FrameKind due = connection.stage == Stage::awaiting_hello ? FrameKind::hello : FrameKind::ready;
  if (frame.kind != due) {
    refuse(connection, Reason::malformed);
    return false;
  }
  if (due == FrameKind::hello) return take_hello(connection, frame);
  const bool same = frame.run_id == run_id_ && frame.sender == connection.peer &&
                    frame.intended == connection.node->id && frame.incarnation == connection.peer_incarnation;
  if (!same) {
    refuse(connection, Reason::malformed);
    return false;
  }
  make_up(connection);
  return true;
}

Reason LinkLoop::check_peer(const Connection& connection, const Frame& frame) {
  LinkNode& node = *connection.node;
  if (frame.run_id != run_id_) return Reason::wrong_run;
  if (frame.intended != node.id) return Reason::wrong_peer;
  if (connection.dialled && frame.sender != connection.peer) return Reason::wrong_peer;
  const Edge* edge = node.edge_to(frame.sender);
  if (!edge) return Reason::unknown_peer;
  return frame.incarnation < edge->incarnation ? Reason::stale_incarnation : Reason::none;
}

/** Whether an accepted connection gives way to what is there. */
Reason LinkLoop::check_edge(LinkNode& node, Edge& edge, const Frame& frame) {
  if (edge.up && frame.incarnation <= edge.up->peer_incarnation) return Reason::duplicate;
  if (edge.candidate) {
    if (frame.incarnation <= edge.candidate->peer_incarnation) return Reason::duplicate;
    close(*edge.candidate, Closing::orderly);
  }
  Connection* dialled = edge.dial ? edge.dial->connection : nullptr;
  if (!dialled) return Reason::none;
  if (dialled->stage == Stage::connecting) {
    // Nobody heard of it yet.
    close(*dialled, Closing::abortive);
    return Reason::none;
  }
  // Has said hello, and the peer, whose id is higher, accepts it.
  return node.id < frame.sender ? Reason::duplicate : Reason::none;
}

bool LinkLoop::take_hello(Connection& connection, const Frame& frame) {
  LinkNode& node = *connection.node;
  Reason fault = check_peer(connection, frame);
  // From here on the sender is somebody of this run: events name it.
  if (!connection.dialled && fault != Reason::wrong_run) connection.peer = frame.sender;
  if (fault == Reason::none && !connection.dialled) fault = check_edge(node, *node.edge_to(frame.sender), frame);
  if (fault != Reason::none) {
    refuse(connection, fault);
    return false;
  }
  connection.peer_incarnation = frame.incarnation;
  connection.stage = Stage::awaiting_ready;
  if (connection.dialled) return say(connection, FrameKind::ready);
  node.edge_to(frame.sender)->candidate = &connection;
  return say(connection, FrameKind::hello, true);
}

bool LinkLoop::say(Connection& connection, FrameKind kind, bool and_ready) {
  std::array<uint8_t, 2 * kFrameBytes> bytes;
  Frame frame{kind, Reason::none, run_id_, connection.node->id, connection.peer, connection.node->incarnation};
  std::ranges::copy(encode(frame), bytes.begin());
  frame.kind = FrameKind::ready;
  if (and_ready) std::ranges::copy(encode(frame), bytes.begin() + kFrameBytes);
  const size_t size = and_ready ? 2 * kFrameBytes : kFrameBytes;
  // A fresh socket's buffer takes two frames whole; anything else is a broken connection.
  const ssize_t sent =
      sys::call([&] { return ::send(connection.fd->get(), bytes.data(), size, MSG_NOSIGNAL | MSG_DONTWAIT); });
  if (sent == static_cast<ssize_t>(size)) return true;
  const char* name = sent < 0 ? ::strerrorname_np(errno) : "ENOBUFS";
  lost(connection, name ? name : "unknown errno");
  return false;
}

void LinkLoop::make_up(Connection& connection) {
  LinkNode& node = *connection.node;
  Edge& edge = *node.edge_to(connection.peer);
  if (!connection.datagrams) netns::end_when_silent(connection.fd->get(), silence_ms_);
  if (edge.up) {
    // A newer incarnation; or the same, which has just proved that it no longer has the old link.
    report(EventKind::down, node, edge.peer, "replaced");
    close(*edge.up, Closing::abortive);
  }
  if (edge.dial && edge.dial->connection == &connection) edge.dial->connection = nullptr;
  if (edge.candidate == &connection) edge.candidate = nullptr;
  end_dial(edge);
  if (edge.candidate) close(*edge.candidate, Closing::orderly);
  edge.up = &connection;
  edge.incarnation = connection.peer_incarnation;
  connection.stage = Stage::up;
  mailbox_.ends_up.fetch_add(1, std::memory_order_relaxed);
  report(EventKind::up, node, edge.peer, "");
}

void LinkLoop::refuse(Connection& connection, Reason reason) {
  const Frame frame{FrameKind::reject,   reason,          run_id_,
                    connection.node->id, connection.peer, connection.node->incarnation};
  const FrameBytes bytes = encode(frame);
  // The peer may be gone or its window shut: it then learns by the close, ignoring.
  (void)::send(connection.fd->get(), bytes.data(), bytes.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
  // Closing with unread bytes resets the connection, and the reset may overtake the reject: read what is here.
  std::array<uint8_t, 4096> rest;
  for (int i = 0; i < 16 && ::recv(connection.fd->get(), rest.data(), rest.size(), MSG_DONTWAIT) > 0; i++)
    ;
  close_refused(connection, reason);
}

bool LinkLoop::take_reject(Connection& connection, const Frame& frame) {
  close_refused(connection, frame.reason);
  return false;
}

void LinkLoop::close_refused(Connection& connection, Reason reason) {
  LinkNode& node = *connection.node;
  Edge* edge = node.edge_to(connection.peer);
  const uint32_t peer = connection.peer;
  const bool dialled = connection.dialled;
  const bool was_candidate = edge && edge->candidate == &connection;
  close(connection, Closing::orderly);
  if (!dialled) {
    if (reason != Reason::duplicate) report(EventKind::refused, node, peer, reason_name(reason));
    if (was_candidate) resume_dial(node, *edge);
    return;
  }
  if (!edge->dial) return;
  if (reason != Reason::duplicate) return dial_failed(node, *edge, EventKind::refused, reason_name(reason));
  // The other side has, or is about to have, this link.
  if (edge->up) edge->dial.reset();
  else pause_dial(node, *edge);
}

void LinkLoop::lost(Connection& connection, const char* reason) {
  LinkNode& node = *connection.node;
  if (connection.stage != Stage::up && connection.received > 0) return refuse(connection, Reason::truncated);
  Edge* edge = node.edge_to(connection.peer);
  const bool was_up = connection.stage == Stage::up;
  const bool was_dial = edge && edge->dial && edge->dial->connection == &connection;
  const bool was_candidate = edge && edge->candidate == &connection;
  close(connection, Closing::abortive);
  if (was_up) report(EventKind::down, node, edge->peer, reason);
  else if (was_dial) dial_failed(node, *edge, EventKind::dial_failed, reason);
  else if (was_candidate) resume_dial(node, *edge);
}

}  // namespace nslab::engine
