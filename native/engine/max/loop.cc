#include "engine/max/loop.h"

#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>

#include <algorithm>
#include <string>
#include <utility>

#include "base/sys.h"

namespace nslab::engine::max {
namespace {

constexpr int kEvents = 256;

/** What an event is about: the low bits of its number; the others are an id. */
enum Subject : uint64_t { kWake, kListener, kArrival, kDial, kRelayIn, kRelayOut };
constexpr uint64_t kSubjectBits = 3;

uint64_t event_of(Subject subject, uint64_t id) { return id << kSubjectBits | subject; }

int64_t clock_ns() {
  timespec time{};
  (void)::clock_gettime(CLOCK_MONOTONIC, &time);
  return int64_t{time.tv_sec} * 1'000'000'000 + time.tv_nsec;
}

/** The peer is told at once that there is nothing more to be had here, be there bytes on their way or not. */
void reset(const SharedFd& fd) {
  const linger none{1, 0};
  (void)::setsockopt(fd->get(), SOL_SOCKET, SO_LINGER, &none, sizeof none);
  // A lane may have a share of it: it is closed when that lets go.
  sockaddr nobody{};
  nobody.sa_family = AF_UNSPEC;
  (void)::connect(fd->get(), &nobody, sizeof nobody);
}

}  // namespace

Loop::Loop(const RunId& run_id, std::shared_ptr<lanes::PacketEngine> engine, Mailbox& mailbox, uint32_t silence_ms)
    : run_id_(run_id), engine_(std::move(engine)), mailbox_(mailbox), silence_ms_(silence_ms) {}

Status Loop::open() {
  epoll_ = UniqueFd(sys::call([] { return ::epoll_create1(EPOLL_CLOEXEC); }));
  if (!epoll_) return Status::from_errno("epoll_create1", "max mode");
  epoll_event event{};
  event.events = EPOLLIN;
  event.data.u64 = kWake;
  if (sys::call([&] { return ::epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, mailbox_.wake_fd(), &event); }) != 0)
    return Status::from_errno("epoll_ctl", "max mode");
  return {};
}

bool Loop::watch(int how, int fd, uint64_t number, bool out) {
  epoll_event event{};
  event.events = (out ? uint32_t{EPOLLOUT} : uint32_t{EPOLLIN}) | EPOLLRDHUP | EPOLLET;
  event.data.u64 = number;
  return sys::call([&] { return ::epoll_ctl(epoll_.get(), how, fd, &event); }) == 0;
}

int Loop::wait_ms() const {
  if (!ready_.empty()) return 0;
  if (dues_.empty()) return -1;
  const int64_t left_ns = dues_.top().at_ns - clock_ns();
  return left_ns <= 0 ? 0 : static_cast<int>((left_ns + 999'999) / 1'000'000);
}

void Loop::run() {
  std::array<epoll_event, kEvents> events;
  while (!stopping_) {
    const int count = ::epoll_wait(epoll_.get(), events.data(), kEvents, wait_ms());
    now_ns_ = clock_ns();
    const netns::Visit visit;
    for (int i = 0; i < count; i++) on_event(events[i].data.u64, events[i].events);
    while (!dues_.empty() && dues_.top().at_ns <= now_ns_) {
      const uint64_t event = dues_.top().event;
      dues_.pop();
      on_due(event);
    }
    for (size_t left = ready_.size(); left > 0; left--) {
      const uint64_t id = ready_.front();
      ready_.pop_front();
      const auto found = relays_.find(id);
      if (found == relays_.end()) continue;
      found->second.ready = false;
      pump(id, found->second);
    }
  }
  while (!nodes_.empty()) remove(nodes_.begin()->first);
}

void Loop::on_event(uint64_t event, uint32_t what) {
  const uint64_t id = event >> kSubjectBits;
  switch (static_cast<Subject>(event & ((1 << kSubjectBits) - 1))) {
    case kWake:
      for (Command& command : mailbox_.take())
        if (!stopping_) std::visit([&](auto&& body) { carry_out(std::move(body)); }, std::move(command));
      return;
    case kListener:
      return accept_all(static_cast<uint32_t>(id));
    case kArrival:
      return receive(id);
    case kDial:
      return on_connected(id);
    case kRelayIn:
    case kRelayOut:
      break;
  }
  const auto found = relays_.find(id);
  if (found == relays_.end()) return;
  const bool is_out = event_of(kRelayOut, id) == event;
  // Whoever it goes to has ended it: nothing comes from there but its end.
  if (is_out && (what & (EPOLLRDHUP | EPOLLHUP | EPOLLERR))) return end_relay(id, true);
  if (is_out) found->second.relay.writable();
  else found->second.relay.readable();
  if (std::exchange(found->second.ready, true)) return;
  ready_.push_back(id);
}

void Loop::on_due(uint64_t event) {
  const uint64_t id = event >> kSubjectBits;
  switch (static_cast<Subject>(event & ((1 << kSubjectBits) - 1))) {
    case kListener:
      return accept_all(static_cast<uint32_t>(id));
    case kArrival:
      return refuse(id);
    case kDial:
      if (const auto found = dials_.find(id); found != dials_.end()) {
        if (found->second.fd) fail_dial(id);
        else start_dial(id);
      }
      return;
    default:
      return;
  }
}

void Loop::carry_out(Serve&& command) {
  const std::string where = "node " + std::to_string(command.node);
  if (nodes_.contains(command.node)) return command.answer(Status::failed(EEXIST, "serve", where));
  auto listener = netns::open_tcp_listener(*command.netns, command.at, kMaxBacklog);
  if (!listener) return command.answer(listener.take_status());
  const int on = 1;
  // Accepted sockets inherit it.
  (void)::setsockopt(listener->get(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  if (!watch(EPOLL_CTL_ADD, listener->get(), event_of(kListener, command.node), false))
    return command.answer(Status::from_errno("epoll_ctl", where));
  nodes_.emplace(command.node, Node{std::move(command.netns), std::move(*listener), {}});
  command.answer({});
}

void Loop::carry_out(SetPeer&& command) {
  const auto found = nodes_.find(command.node);
  // Of no node: answered with ENOENT.
  if (found == nodes_.end()) return engine_->post(lanes::SetMaxPeer{}, command.reply);
  if (command.at.port == 0) found->second.peers.erase(command.peer);
  else found->second.peers[command.peer] = command.at;
  engine_->post(lanes::SetMaxPeer{command.node, command.peer, command.at.port != 0}, command.reply);
}

void Loop::carry_out(RemoveNode&& command) {
  if (nodes_.contains(command.node)) remove(command.node);
}

void Loop::carry_out(lanes::StreamNews&& news) {
  for (const lanes::StreamVerdict& verdict : news.verdicts) {
    const auto found = arrivals_.find(verdict.tag);
    if (found == arrivals_.end()) continue;
    Arrival& arrival = found->second;
    const netns::Endpoint next = server_of(arrival.node, verdict.next_hop);
    if (verdict.kind == lanes::StreamVerdict::Kind::kept) {
      arrivals_.erase(found);
    } else if (verdict.kind == lanes::StreamVerdict::Kind::refused || next.port == 0 || relays_.size() >= kRelaysMax) {
      refuse(verdict.tag);
    } else {
      StreamHeader header = arrival.header;
      header.hops_left--;
      header.sender = arrival.node;
      header.intended = verdict.next_hop;
      dial({arrival.node, verdict.tag, true, next, header, {}}, 0);
    }
  }
  for (const lanes::StreamWanted& wanted : news.wanted) {
    const netns::Endpoint to = server_of(wanted.node, wanted.next_hop);
    if (to.port == 0) {
      engine_->post(lanes::StreamOpened{wanted.node, wanted.tag, nullptr});
      continue;
    }
    const lanes::StreamKey& key = wanted.key;
    const StreamHeader header{wanted.hops_left, run_id_,  wanted.next_hop, key.source,
                              key.destination,  key.flow, wanted.node};
    dial({wanted.node, wanted.tag, false, to, header, {}}, wanted.pause_ms);
  }
}

netns::Endpoint Loop::server_of(uint32_t node, uint32_t peer) const {
  const auto found = nodes_.find(node);
  if (found == nodes_.end()) return {};
  const auto at = found->second.peers.find(peer);
  return at == found->second.peers.end() ? netns::Endpoint{} : at->second;
}

void Loop::accept_all(uint32_t id) {
  const auto node = nodes_.find(id);
  if (node == nodes_.end()) return;
  for (;;) {
    UniqueFd fd(sys::call(
        [&] { return ::accept4(node->second.listener.get(), nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC); }));
    if (!fd) {
      if (errno == EAGAIN || errno == EWOULDBLOCK || errno == EINVAL || errno == EBADF) return;
      const bool scarce = errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM;
      if (!scarce) continue;
      return dues_.push({now_ns_ + kAcceptPauseNs, event_of(kListener, id)});
    }
    netns::end_when_silent(fd.get(), silence_ms_);
    const uint64_t number = ++last_id_;
    Arrival& arrival = arrivals_[number];
    arrival.node = id;
    arrival.fd = std::make_shared<const UniqueFd>(std::move(fd));
    const bool taken =
        arrivals_.size() <= kArrivalsMax && watch(EPOLL_CTL_ADD, arrival.fd->get(), event_of(kArrival, number), false);
    if (!taken) refuse(number);
    else dues_.push({now_ns_ + kDeadlineNs, event_of(kArrival, number)});
  }
}

void Loop::receive(uint64_t id) {
  const auto found = arrivals_.find(id);
  if (found == arrivals_.end() || found->second.asked) return;
  Arrival& arrival = found->second;
  while (arrival.received < kStreamHeaderBytes) {
    uint8_t* to = arrival.bytes.data() + arrival.received;
    const ssize_t count =
        sys::call([&] { return ::recv(arrival.fd->get(), to, kStreamHeaderBytes - arrival.received, MSG_DONTWAIT); });
    if (count < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) return;
    if (count <= 0) return refuse(id);
    arrival.received += static_cast<size_t>(count);
  }
  const bool good = decode(arrival.bytes, arrival.header) && arrival.header.run_id == run_id_ &&
                    arrival.header.intended == arrival.node;
  if (!good) return refuse(id);
  arrival.asked = true;
  // The lane watches it, or a relay does.
  (void)::epoll_ctl(epoll_.get(), EPOLL_CTL_DEL, arrival.fd->get(), nullptr);
  const StreamHeader& header = arrival.header;
  engine_->post(lanes::StreamCame{
      arrival.node, id, {header.source, header.destination, header.flow}, header.hops_left, arrival.fd});
}

void Loop::refuse(uint64_t id) {
  const auto found = arrivals_.find(id);
  if (found == arrivals_.end()) return;
  reset(found->second.fd);
  // A lane that would relay it keeps it in mind.
  if (found->second.asked) engine_->post(lanes::StreamRelayed{found->second.node, id, nullptr});
  arrivals_.erase(found);
  mailbox_.counters.refused.fetch_add(1, std::memory_order_relaxed);
}

void Loop::dial(Dial&& dial, uint32_t pause_ms) {
  const uint64_t id = ++last_id_;
  dials_.emplace(id, std::move(dial));
  if (pause_ms == 0) return start_dial(id);
  dues_.push({now_ns_ + int64_t{pause_ms} * 1'000'000, event_of(kDial, id)});
}

void Loop::start_dial(uint64_t id) {
  Dial& dial = dials_.at(id);
  auto fd = netns::start_tcp_connect(*nodes_.at(dial.node).netns, dial.to);
  if (!fd) return fail_dial(id);
  dial.fd = std::move(*fd);
  if (!watch(EPOLL_CTL_ADD, dial.fd.get(), event_of(kDial, id), true)) return fail_dial(id);
  dues_.push({now_ns_ + kDeadlineNs, event_of(kDial, id)});
}

void Loop::fail_dial(uint64_t id) {
  const auto found = dials_.find(id);
  const Dial dial = std::move(found->second);
  dials_.erase(found);
  mailbox_.counters.failed.fetch_add(1, std::memory_order_relaxed);
  if (dial.for_relay) refuse(dial.tag);
  else engine_->post(lanes::StreamOpened{dial.node, dial.tag, nullptr});
}

void Loop::on_connected(uint64_t id) {
  const auto found = dials_.find(id);
  if (found == dials_.end()) return;
  Dial& dial = found->second;
  if (!netns::finish_connect(dial.fd.get(), dial.to)) return fail_dial(id);
  netns::end_when_silent(dial.fd.get(), silence_ms_);
  const StreamHeaderBytes bytes = encode(dial.header);
  // A socket that is new takes so little at once.
  const ssize_t sent =
      sys::call([&] { return ::send(dial.fd.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL | MSG_DONTWAIT); });
  if (sent != static_cast<ssize_t>(bytes.size())) return fail_dial(id);
  (void)::epoll_ctl(epoll_.get(), EPOLL_CTL_DEL, dial.fd.get(), nullptr);
  auto fd = std::make_shared<const UniqueFd>(std::move(dial.fd));
  const Dial done = std::move(dial);
  dials_.erase(found);
  mailbox_.counters.opened.fetch_add(1, std::memory_order_relaxed);
  if (done.for_relay) relay(done.tag, std::move(fd));
  else engine_->post(lanes::StreamOpened{done.node, done.tag, std::move(fd)});
}

void Loop::relay(uint64_t id, SharedFd out) {
  const auto found = arrivals_.find(id);
  if (found == arrivals_.end()) return;
  auto made = Relay::open(found->second.fd, out);
  const bool well = made.ok() && watch(EPOLL_CTL_ADD, found->second.fd->get(), event_of(kRelayIn, id), false) &&
                    watch(EPOLL_CTL_ADD, out->get(), event_of(kRelayOut, id), true);
  if (!well) {
    reset(out);
    return refuse(id);
  }
  const uint32_t node = found->second.node;
  arrivals_.erase(found);
  relays_.emplace(id, Passing{node, std::move(*made), true});
  ready_.push_back(id);
  mailbox_.counters.relayed.fetch_add(1, std::memory_order_relaxed);
  mailbox_.counters.relays.fetch_add(1, std::memory_order_relaxed);
  engine_->post(lanes::StreamRelayed{node, id, std::move(out)});
}

void Loop::pump(uint64_t id, Passing& passing) {
  switch (passing.relay.pump()) {
    case Relay::Pumped::waits:
      return;
    case Relay::Pumped::more:
      passing.ready = true;
      return ready_.push_back(id);
    case Relay::Pumped::ended:
      return end_relay(id, false);
    case Relay::Pumped::broken:
      return end_relay(id, true);
  }
}

void Loop::end_relay(uint64_t id, bool broken) {
  const auto found = relays_.find(id);
  const Passing& passing = found->second;
  for (const SharedFd& fd : {passing.relay.in(), passing.relay.out()}) {
    (void)::epoll_ctl(epoll_.get(), EPOLL_CTL_DEL, fd->get(), nullptr);
    if (broken) reset(fd);
    else (void)::shutdown(fd->get(), SHUT_RDWR);
  }
  engine_->post(lanes::StreamRelayed{passing.node, id, nullptr});
  relays_.erase(found);
  if (broken) mailbox_.counters.broken.fetch_add(1, std::memory_order_relaxed);
  mailbox_.counters.relays.fetch_sub(1, std::memory_order_relaxed);
}

void Loop::remove(uint32_t node) {
  std::vector<uint64_t> ids;
  const auto all_of = [&](const auto& from) {
    ids.clear();
    for (const auto& [id, one] : from)
      if (one.node == node) ids.push_back(id);
    return ids;
  };
  for (const uint64_t id : all_of(relays_)) end_relay(id, true);
  for (const uint64_t id : all_of(dials_)) fail_dial(id);
  for (const uint64_t id : all_of(arrivals_)) refuse(id);
  for (const auto& [peer, at] : nodes_.at(node).peers) engine_->post(lanes::SetMaxPeer{node, peer, false});
  nodes_.erase(node);
}

}  // namespace nslab::engine::max
