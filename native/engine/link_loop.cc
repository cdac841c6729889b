// The loop: waits, carries out commands, keeps connections in slots.
#include "engine/link_loop.h"

#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>

#include <algorithm>
#include <array>
#include <utility>

#include "base/sys.h"
#include "engine/link_limits.h"

namespace nslab::engine {
namespace {

int64_t monotonic_ns() {
  timespec now{};
  (void)::clock_gettime(CLOCK_MONOTONIC, &now);
  return now.tv_sec * 1'000'000'000LL + now.tv_nsec;
}

std::vector<uint32_t> ascending(std::vector<uint32_t> ids, uint32_t without) {
  std::sort(ids.begin(), ids.end());
  ids.erase(std::unique(ids.begin(), ids.end()), ids.end());
  std::erase(ids, without);
  return ids;
}

}  // namespace

Edge* LinkNode::edge_to(uint32_t peer) {
  const auto at =
      std::lower_bound(edges.begin(), edges.end(), peer, [](const Edge& edge, uint32_t id) { return edge.peer < id; });
  return at != edges.end() && at->peer == peer ? &*at : nullptr;
}

LinkLoop::LinkLoop(const RunId& run_id, Mailbox& mailbox, const Links::Tell& tell, uint32_t silence_ms,
                   Transport transport, std::shared_ptr<lanes::PacketEngine> engine)
    : run_id_(run_id),
      mailbox_(mailbox),
      tell_(tell),
      silence_ms_(silence_ms),
      transport_(transport),
      engine_(std::move(engine)) {}

Status LinkLoop::open() {
  epoll_ = UniqueFd(sys::call([] { return ::epoll_create1(EPOLL_CLOEXEC); }));
  if (!epoll_) return Status::from_errno("epoll_create1", "link engine");
  epoll_event event{};
  event.events = EPOLLIN;
  event.data.u64 = kMailboxTag;
  if (sys::call([&] { return ::epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, mailbox_.wake_fd(), &event); }) != 0)
    return Status::from_errno("epoll_ctl mailbox", "link engine");
  return transport_ == Transport::udp ? open_datagrams() : Status();
}

void LinkLoop::run() {
  std::array<epoll_event, kEpollBatch> events;
  while (!stopping_) {
    const int count = ::epoll_wait(epoll_.get(), events.data(), kEpollBatch, timers_.wait_ms(monotonic_ns()));
    now_ns_ = monotonic_ns();
    {
      const netns::Visit visit;
      for (int i = 0; i < count; i++) {
        const uint64_t tag = events[i].data.u64;
        const uint32_t what = events[i].events;
        if (tag == kMailboxTag) {
          for (Command& command : mailbox_.take_commands())
            if (!stopping_) std::visit([&](auto&& body) { carry_out(std::move(body)); }, std::move(command));
        } else if (tag & kListenerBit) {
          LinkNode* node = node_of(static_cast<uint32_t>(tag));
          if (node && transport_ == Transport::udp) hear_datagrams(*node);
          else if (node) accept_all(*node);
        } else if (Connection* connection = find(static_cast<uint32_t>(tag), static_cast<uint32_t>(tag >> 32))) {
          if (connection->datagrams) {
            receive_datagrams(*connection);
            continue;
          }
          if (connection->stage == Stage::connecting && !on_connected(*connection)) continue;
          if ((what & EPOLLOUT) && connection->unsent && !send_unsent(*connection)) continue;
          if (what & ~uint32_t{EPOLLOUT}) receive(*connection, (what & (EPOLLRDHUP | EPOLLHUP | EPOLLERR)) != 0);
        }
      }
      for (Timer timer; timers_.take_due(now_ns_, timer);) on_timer(timer);
    }
    tell_all(false);
  }
  while (!nodes_.empty()) remove(*nodes_.begin()->second);
  tell_all(true);
}

void LinkLoop::tell_all(bool ended) {
  if (outbox_.events.empty() && outbox_.replies.empty() && outbox_.listings.empty() && !ended) return;
  outbox_.ended = ended;
  if (mailbox_.deliver(std::exchange(outbox_, {}))) tell_();
}

void LinkLoop::carry_out(AddNode&& command) {
  const std::string where = "node " + std::to_string(command.node);
  if (node_of(command.node)) {
    outbox_.replies.push_back({command.reply, Status::failed(EEXIST, "addNode", where)});
    return;
  }
  auto node = std::make_unique<LinkNode>();
  node->id = command.node;
  node->incarnation = command.incarnation;
  node->netns = std::move(command.netns);
  for (const uint32_t peer : ascending(std::move(command.peers), command.node)) node->edges.emplace_back().peer = peer;
  Status listening = transport_ == Transport::udp ? listen_datagrams(*node, command.at) : listen(*node, command.at);
  if (listening.ok()) {
    nodes_.emplace(command.node, std::move(node));
    // Before the answer: whoever has it may ask the engine for more.
    if (engine_) engine_->post(lanes::AddNode{command.node});
  } else {
    Error error = listening.take_error();
    error.where = where;
    listening = Status(std::move(error));
  }
  outbox_.replies.push_back({command.reply, std::move(listening)});
}

void LinkLoop::carry_out(SetPeers&& command) {
  LinkNode* node = node_of(command.node);
  if (!node) return;
  std::vector<Edge> kept;
  for (const uint32_t peer : ascending(std::move(command.peers), command.node)) {
    if (Edge* edge = node->edge_to(peer)) kept.push_back(std::exchange(*edge, {}));
    else kept.emplace_back().peer = peer;
  }
  std::swap(kept, node->edges);
  // What is left in `kept` are edges of peers no more; those moved out of it are empty.
  for (Edge& edge : kept) {
    if (edge.dial) end_dial(edge);
    if (edge.candidate) close(*edge.candidate, Closing::abortive);
    if (edge.up) {
      report(EventKind::down, *node, edge.peer, "peer_dropped");
      close(*edge.up, Closing::abortive);
    }
  }
}

void LinkLoop::carry_out(RemoveNode&& command) {
  if (LinkNode* node = node_of(command.node)) remove(*node);
}

void LinkLoop::remove(LinkNode& node) {
  // Its peers in this fleet are told here: its namespace may be gone already, and then no FIN or RST comes through.
  for (const Edge& edge : node.edges) {
    LinkNode* peer = edge.up ? node_of(edge.peer) : nullptr;
    Edge* back = peer ? peer->edge_to(node.id) : nullptr;
    if (back && back->up && back->up->peer_incarnation == node.incarnation && !stopping_)
      lost(*back->up, "peer_removed");
  }
  while (node.connections) close(*node.connections, Closing::abortive);
  if (engine_) engine_->post(lanes::RemoveNode{node.id});
  nodes_.erase(node.id);
}

void LinkLoop::on_timer(const Timer& timer) {
  switch (timer.kind) {
    case TimerKind::handshake: {
      Connection* connection = find(timer.subject, static_cast<uint32_t>(timer.number));
      if (!connection || connection->stage == Stage::up) return;
      if (connection->stage == Stage::connecting || connection->datagrams) lost(*connection, "ETIMEDOUT");
      else refuse(*connection, Reason::timeout);
      return;
    }
    case TimerKind::dial: {
      LinkNode* node = node_of(timer.subject);
      Edge* edge = node ? node->edge_to(timer.peer) : nullptr;
      if (edge && edge->dial && edge->dial->timer == timer.number) start_dial(*node, *edge);
      return;
    }
    case TimerKind::again: {
      Connection* connection = find(timer.subject, timer.peer);
      const bool counts = connection && connection->stage != Stage::up && connection->datagrams;
      if (counts && connection->datagrams->timer == timer.number) say_datagram(*connection);
      return;
    }
    case TimerKind::accept:
      if (LinkNode* node = node_of(timer.subject); node && node->accept_paused) watch_listener(*node, true);
      return;
  }
}

Connection* LinkLoop::adopt(LinkNode& node, UniqueFd fd, bool dialled) {
  if (free_slots_.empty()) {
    const auto index = static_cast<uint32_t>(slots_.size());
    slots_.emplace_back().index = index;
    free_slots_.push_back(index);
  }
  Connection& connection = slots_[free_slots_.back()];
  epoll_event event{};
  event.events = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET;
  event.data.u64 = tag_of(connection);
  if (sys::call([&] { return ::epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, fd.get(), &event); }) != 0) return nullptr;
  free_slots_.pop_back();
  connection.fd = std::make_shared<const UniqueFd>(std::move(fd));
  connection.stage = dialled ? Stage::connecting : Stage::awaiting_hello;
  connection.dialled = dialled;
  connection.received = 0;
  connection.peer = 0;
  connection.peer_incarnation = 0;
  connection.node = &node;
  connection.previous = nullptr;
  connection.next = node.connections;
  if (node.connections) node.connections->previous = &connection;
  node.connections = &connection;
  timers_.add({now_ns_ + kHandshakeDeadlineNs, TimerKind::handshake, connection.index, 0, connection.generation});
  return &connection;
}

Connection* LinkLoop::find(uint32_t index, uint32_t generation) {
  Connection& connection = slots_[index];
  return connection.node && connection.generation == generation ? &connection : nullptr;
}

void LinkLoop::close(Connection& connection, Closing how) {
  LinkNode& node = *connection.node;
  if (Edge* edge = node.edge_to(connection.peer)) {
    if (edge->up == &connection) edge->up = nullptr;
    if (edge->candidate == &connection) edge->candidate = nullptr;
    if (edge->dial && edge->dial->connection == &connection) edge->dial->connection = nullptr;
  }
  if (connection.stage == Stage::up) mailbox_.ends_up.fetch_sub(1, std::memory_order_relaxed);
  if (std::exchange(connection.handed_over, false))
    engine_->post(lanes::RemoveLink{node.id, connection.peer, tag_of(connection)});
  (connection.previous ? connection.previous->next : node.connections) = connection.next;
  if (connection.next) connection.next->previous = connection.previous;
  if (how == Closing::abortive) {
    // RST in place of FIN: a socket in its closing states would keep its namespace alive until the peer answers, which
    // a peer that is gone never does.
    const linger none{1, 0};
    (void)::setsockopt(connection.fd->get(), SOL_SOCKET, SO_LINGER, &none, sizeof none);
  } else {
    // Such a peer may be gone here too: its namespace waits for as long as a link's, and not for minutes.
    netns::end_when_silent(connection.fd->get(), silence_ms_);
  }
  connection.fd.reset();
  connection.unsent.reset();
  connection.datagrams.reset();
  connection.node = nullptr;
  connection.generation = connection.generation == kGenerationMask ? 1 : connection.generation + 1;
  free_slots_.push_back(connection.index);
}

LinkNode* LinkLoop::node_of(uint32_t id) {
  const auto at = nodes_.find(id);
  return at == nodes_.end() ? nullptr : at->second.get();
}

void LinkLoop::report(EventKind kind, const LinkNode& node, uint32_t peer, const char* reason) {
  outbox_.events.push_back({kind, node.id, peer, reason, monotonic_ns(), 0, 0});
}

}  // namespace nslab::engine
