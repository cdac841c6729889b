// Links over UDP until they are up: the handshake of engine/udp/datagram.h. A link that is up is its lane's.
#include <sys/epoll.h>
#include <sys/socket.h>

#include <array>
#include <cstring>
#include <utility>

#include "base/sys.h"
#include "engine/link_limits.h"
#include "engine/link_loop.h"
#include "engine/udp/socket.h"

namespace nslab::engine {
namespace {

using udp::Header;
using udp::Kind;

/** Datagrams that one listener is served in a turn: the others have theirs. */
constexpr int kListenerBatch = 64;

/** Not answered, not repeated by who sends it: as if it were lost on its way. */
void send_to(int fd, const netns::Endpoint& to, const udp::HandshakeDatagram& bytes) {
  const sockaddr_in name = udp::name_of(to);
  (void)sys::call([&] {
    return ::sendto(fd, bytes.data(), bytes.size(), MSG_DONTWAIT | MSG_NOSIGNAL,
                    reinterpret_cast<const sockaddr*>(&name), sizeof name);
  });
}

}  // namespace

Status LinkLoop::open_datagrams() {
  const auto one = udp::draw_key(), other = udp::draw_key();
  if (!one || !other) return Status::from_errno("getrandom", "link engine");
  cookies_ = udp::Cookies({*one, *other});
  return {};
}

Frame LinkLoop::frame_to(const LinkNode& node, uint32_t peer, FrameKind kind, Reason reason) const {
  return {kind, reason, run_id_, node.id, peer, node.incarnation};
}

void LinkLoop::start_datagram_dial(LinkNode& node, Edge& edge) {
  DialWish& dial = *edge.dial;
  const auto key = udp::draw_key();
  if (!key) return dial_failed(node, edge, EventKind::dial_failed, errno_text(errno));
  auto fd = udp::open_end(*node.netns, {}, dial.to);
  if (!fd) return dial_failed(node, edge, EventKind::dial_failed, errno_text(fd.error().number));
  Connection* connection = adopt(node, std::move(*fd), true);
  if (!connection) return dial_failed(node, edge, EventKind::dial_failed, errno_text(errno));
  connection->peer = edge.peer;
  connection->stage = Stage::awaiting_hello;
  dial.connection = connection;
  connection->datagrams = std::make_unique<udp::DialState>();
  connection->datagrams->own_key = *key;
  connection->datagrams->peer = dial.to;
  connection->datagrams->last =
      udp::encode_handshake({Kind::hello, 0, 0, 0, *key, 0}, frame_to(node, edge.peer, FrameKind::hello));
  say_datagram(*connection);
}

void LinkLoop::say_datagram(Connection& connection) {
  udp::DialState& state = *connection.datagrams;
  // An error is that of an answer to what was said before, and is heard by receiving.
  (void)sys::call(
      [&] { return ::send(connection.fd->get(), state.last.data(), state.last.size(), MSG_DONTWAIT | MSG_NOSIGNAL); });
  state.timer = ++timer_number_;
  timers_.add({now_ns_ + state.pause_ns, TimerKind::again, connection.index, connection.generation, state.timer});
  state.pause_ns = std::min(2 * state.pause_ns, udp::kAgainMaxNs);
}

void LinkLoop::receive_datagrams(Connection& connection) {
  const uint32_t generation = connection.generation;
  std::array<uint8_t, 2048> bytes;
  // Nothing that isn't for this very dial may change it: it goes on, or its deadline ends it.
  while (connection.node && connection.generation == generation && connection.stage != Stage::up) {
    const ssize_t count =
        sys::call([&] { return ::recv(connection.fd->get(), bytes.data(), bytes.size(), MSG_DONTWAIT); });
    if (count < 0) {
      if (errno == EAGAIN || errno == EWOULDBLOCK) return;
      return lost(connection, errno_text(errno));
    }
    Header header;
    Frame frame;
    const std::span<const uint8_t> datagram{bytes.data(), static_cast<size_t>(count)};
    if (udp::decode_handshake(datagram, header, frame) != Reason::none) continue;
    if (header.key == connection.datagrams->own_key) take_answer(connection, header, frame);
  }
}

void LinkLoop::take_answer(Connection& connection, const Header& header, const Frame& frame) {
  udp::DialState& state = *connection.datagrams;
  LinkNode& node = *connection.node;
  if (header.kind == Kind::reject) return close_refused(connection, frame.reason);
  if (header.kind == Kind::challenge && connection.stage == Stage::awaiting_hello) {
    if (const Reason fault = check_peer(connection, frame); fault != Reason::none)
      return close_refused(connection, fault);
    connection.peer_incarnation = frame.incarnation;
    connection.stage = Stage::awaiting_ready;
    state.last = udp::encode_handshake({Kind::ready, 0, 0, 0, state.own_key, header.packets},
                                       frame_to(node, connection.peer, FrameKind::ready));
    state.pause_ns = udp::kAgainMinNs;
    return say_datagram(connection);
  }
  if (header.kind != Kind::go || connection.stage != Stage::awaiting_ready) return;
  const bool same = frame.run_id == run_id_ && frame.sender == connection.peer && frame.intended == node.id &&
                    frame.incarnation == connection.peer_incarnation;
  if (!same || header.number == 0 || header.packets == 0 || header.packets > UINT16_MAX)
    return close_refused(connection, Reason::malformed);
  state.peer.port = static_cast<uint16_t>(header.packets);
  state.peer_key = header.number;
  if (const Status connected = udp::connect_end(connection.fd->get(), state.peer); !connected)
    return lost(connection, errno_text(connected.error().number));
  make_up(connection);
  hand_over(connection, nullptr, 0);
}

Status LinkLoop::listen_datagrams(LinkNode& node, const netns::Endpoint& at) {
  auto fd = udp::open_listener(*node.netns, at);
  if (!fd) return fd.take_status();
  epoll_event event{};
  event.events = EPOLLIN;
  event.data.u64 = kListenerBit | node.id;
  if (sys::call([&] { return ::epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, fd->get(), &event); }) != 0)
    return Status::from_errno("epoll_ctl", "listener");
  node.listener = std::move(*fd);
  return {};
}

void LinkLoop::hear_datagrams(LinkNode& node) {
  std::array<uint8_t, 2048> bytes;
  for (int i = 0; i < kListenerBatch; i++) {
    sockaddr_in name{};
    socklen_t size = sizeof name;
    const ssize_t count = sys::call([&] {
      return ::recvfrom(node.listener.get(), bytes.data(), bytes.size(), MSG_DONTWAIT,
                        reinterpret_cast<sockaddr*>(&name), &size);
    });
    if (count < 0) {
      if (errno == EAGAIN || errno == EWOULDBLOCK || errno == ECONNREFUSED) return;
      // Destroyed by somebody (ss --kill): it stays readable.
      node.listener.reset();
      return report(EventKind::down, node, 0, "listener_gone");
    }
    const std::span<const uint8_t> datagram{bytes.data(), static_cast<size_t>(count)};
    Header header;
    Frame frame;
    Reason fault = udp::decode_handshake(datagram, header, frame);
    const bool asks = header.kind == Kind::hello || header.kind == Kind::ready;
    if (fault == Reason::none && (!asks || header.number == 0)) fault = Reason::malformed;
    // Nobody is answered who says nothing that could be understood.
    if (fault != Reason::none) report(EventKind::refused, node, 0, reason_name(fault));
    else hear(node, udp::endpoint_of(name), header, frame);
  }
}

void LinkLoop::hear(LinkNode& node, const netns::Endpoint& from, const Header& header, const Frame& frame) {
  const udp::Cookies::Of of{from, frame.sender, node.id, header.number};
  // Before anything is done for it, and for a ready before anything is said: what is replayed is as if never said.
  if (header.kind == Kind::ready && !cookies_.holds(header.packets, of, now_ns_)) return;
  Connection asking;
  asking.node = &node;
  Reason fault = check_peer(asking, frame);
  Edge* edge = fault == Reason::none ? node.edge_to(frame.sender) : nullptr;
  if (edge && edge->up && edge->up->datagrams && edge->up->datagrams->peer_key == header.number) {
    // It has not heard of its link yet; or this came late, and it has.
    if (header.kind == Kind::ready && !edge->up->dialled) send_to(node.listener.get(), from, edge->up->datagrams->last);
    return;
  }
  // One that has been used: the link is over, and its dialler draws another key for the next.
  if (edge && edge->last_key == header.number) return;
  if (edge && fault == Reason::none) fault = check_edge(node, *edge, frame);
  if (fault != Reason::none) {
    const uint32_t peer = fault == Reason::wrong_run ? 0 : frame.sender;
    send_to(node.listener.get(), from,
            udp::encode_handshake({Kind::reject, 0, 0, header.number, 0, 0},
                                  frame_to(node, peer, FrameKind::reject, fault)));
    if (fault != Reason::duplicate) report(EventKind::refused, node, peer, reason_name(fault));
    return;
  }
  if (header.kind == Kind::ready) return accept_datagrams(node, *edge, from, header, frame);
  send_to(node.listener.get(), from,
          udp::encode_handshake({Kind::challenge, 0, 0, header.number, 0, cookies_.make(of, now_ns_)},
                                frame_to(node, frame.sender, FrameKind::hello)));
}

void LinkLoop::accept_datagrams(LinkNode& node, Edge& edge, const netns::Endpoint& from, const Header& header,
                                const Frame& frame) {
  const auto fail = [&](int number) {
    if (!std::exchange(node.accept_reported, true)) report(EventKind::refused, node, edge.peer, errno_text(number));
  };
  const auto key = udp::draw_key();
  if (!key) return fail(errno);
  auto fd = udp::open_end(*node.netns, udp::own_endpoint(node.listener.get()).address, from);
  if (!fd) return fail(fd.error().number);
  const uint16_t port = udp::own_endpoint(fd->get()).port;
  Connection* connection = adopt(node, std::move(*fd), false);
  if (!connection) return fail(errno);
  node.accept_reported = false;
  connection->peer = edge.peer;
  connection->peer_incarnation = frame.incarnation;
  connection->datagrams = std::make_unique<udp::DialState>();
  udp::DialState& state = *connection->datagrams;
  state.own_key = *key;
  state.peer_key = header.number;
  state.peer = from;
  state.last =
      udp::encode_handshake({Kind::go, 0, 0, header.number, *key, port}, frame_to(node, edge.peer, FrameKind::ready));
  edge.last_key = header.number;
  make_up(*connection);
  send_to(node.listener.get(), from, state.last);
  hand_over(*connection, nullptr, 0);
}

}  // namespace nslab::engine
