// What links that are up are for, so far: passing tokens, and being listed.
#include <sys/epoll.h>
#include <sys/socket.h>

#include <algorithm>
#include <cstring>
#include <tuple>
#include <utility>

#include "base/sys.h"
#include "engine/link_limits.h"
#include "engine/link_loop.h"

namespace nslab::engine {
namespace {

using GetName = int (*)(int, sockaddr*, socklen_t*);

/** Fails with ENOTCONN where the peer has reset a link, which the loop has not heard yet. */
bool name_of(GetName get_name, int fd, netns::Endpoint& endpoint) {
  sockaddr_in name{};
  socklen_t size = sizeof name;
  if (sys::call([&] { return get_name(fd, reinterpret_cast<sockaddr*>(&name), &size); }) != 0) return false;
  endpoint = {name.sin_addr, ntohs(name.sin_port)};
  return true;
}

}  // namespace

void LinkLoop::hand_over(Connection& connection, const uint8_t* bytes, size_t count) {
  // The connection ends when both have let go of it: here when the link ends, the lane when it has sent what is due.
  lanes::AddLink link{connection.node->id, connection.peer,       connection.fd, {}, 0,
                      tag_of(connection),  {bytes, bytes + count}};
  link.seed = uint64_t{link.node} << 32 | link.peer;
  if (const udp::DialState* state = connection.datagrams.get())
    link.datagrams = lanes::DatagramLink{state->own_key, state->peer_key, silence_ms_, connection.dialled};
  (void)::epoll_ctl(epoll_.get(), EPOLL_CTL_DEL, connection.fd->get(), nullptr);
  connection.handed_over = true;
  engine_->post(std::move(link));
}

void LinkLoop::carry_out(LinkNews&& news) {
  const auto of = [&](uint64_t tag) {
    Connection* connection = find(static_cast<uint32_t>(tag), static_cast<uint32_t>(tag >> 32));
    return connection && connection->handed_over ? connection : nullptr;
  };
  for (const lanes::FrameArrived& arrived : news.frames)
    if (Connection* connection = of(arrived.tag)) {
      connection->frame = arrived.frame;
      (void)take_token(*connection);
    }
  for (const lanes::LinkLost& link : news.lost)
    if (Connection* connection = of(link.tag)) lost(*connection, link.reason);
  for (const lanes::FrameUnsent& unsent : news.unsent) {
    Frame frame;
    (void)decode(unsent.frame, frame);
    const auto walk = static_cast<uint32_t>(frame.incarnation >> 32);
    report_unsent({unsent.node, unsent.peer, walk, static_cast<uint32_t>(frame.incarnation)},
                  unsent.is_full ? "queue_full" : "no_link");
  }
}

void LinkLoop::carry_out(SendToken&& command) {
  LinkNode* node = node_of(command.node);
  Edge* edge = node ? node->edge_to(command.peer) : nullptr;
  if (!edge || !edge->up) return report_unsent(command, "no_link");
  Connection& connection = *edge->up;
  if (connection.unsent && connection.unsent->size() + kFrameBytes > kUnsentMax)
    return report_unsent(command, "queue_full");
  const FrameBytes bytes = encode(
      {FrameKind::token, Reason::none, run_id_, node->id, edge->peer, token_payload(command.walk, command.hops)});
  if (connection.handed_over) return engine_->post(lanes::SendFrame{node->id, edge->peer, bytes});
  if (!send_bytes(connection, bytes.data(), bytes.size())) report_unsent(command, "no_link");
}

bool LinkLoop::send_bytes(Connection& connection, const uint8_t* bytes, size_t count) {
  size_t sent = 0;
  if (!connection.unsent) {
    const ssize_t taken =
        sys::call([&] { return ::send(connection.fd->get(), bytes, count, MSG_NOSIGNAL | MSG_DONTWAIT); });
    if (taken < 0 && errno != EAGAIN && errno != EWOULDBLOCK) {
      const char* name = ::strerrorname_np(errno);
      lost(connection, name ? name : "unknown errno");
      return false;
    }
    if (taken > 0) sent = static_cast<size_t>(taken);
    if (sent == count) return true;
    connection.unsent = std::make_unique<std::vector<uint8_t>>();
  }
  // The rest leaves when the kernel says that there is room (EPOLLOUT).
  connection.unsent->insert(connection.unsent->end(), bytes + sent, bytes + count);
  return true;
}

bool LinkLoop::send_unsent(Connection& connection) {
  const std::unique_ptr<std::vector<uint8_t>> waiting = std::exchange(connection.unsent, nullptr);
  return send_bytes(connection, waiting->data(), waiting->size());
}

bool LinkLoop::take_token(Connection& connection) {
  Frame frame;
  const bool good = decode(connection.frame, frame) == Reason::none && frame.kind == FrameKind::token &&
                    frame.run_id == run_id_ && frame.sender == connection.peer && frame.intended == connection.node->id;
  if (!good) return break_off(connection, Reason::malformed);
  report(EventKind::token, *connection.node, connection.peer, "");
  outbox_.events.back().walk = static_cast<uint32_t>(frame.incarnation >> 32);
  outbox_.events.back().hops = static_cast<uint32_t>(frame.incarnation);
  return true;
}

void LinkLoop::report_unsent(const SendToken& token, const char* reason) {
  outbox_.events.push_back({EventKind::token_unsent, token.node, token.peer, reason, now_ns_, token.walk, token.hops});
}

void LinkLoop::carry_out(List&& command) {
  Listing& listing = outbox_.listings.emplace_back();
  listing.id = command.id;
  listing.ends.reserve(mailbox_.ends_up.load(std::memory_order_relaxed));
  for (const auto& [id, node] : nodes_)
    for (const Edge& edge : node->edges) {
      LinkEnd end{id, edge.peer, {}, {}};
      const int fd = edge.up ? edge.up->fd->get() : -1;
      if (fd >= 0 && name_of(::getsockname, fd, end.local) && name_of(::getpeername, fd, end.remote))
        listing.ends.push_back(end);
    }
  std::ranges::sort(listing.ends, {}, [](const LinkEnd& end) { return std::tuple(end.node, end.peer); });
}

}  // namespace nslab::engine
