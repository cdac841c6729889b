// Max mode at a node: flows whose packets leave in a stream of their own, streams that end here, and those that pass.
#include <sys/epoll.h>
#include <sys/socket.h>

#include <algorithm>
#include <string>
#include <string_view>
#include <utility>

#include "base/sys.h"
#include "engine/lanes/lane.h"
#include "engine/lanes/limits.h"
#include "engine/max/stream_header.h"

namespace nslab::engine::lanes {
namespace {

std::string node_name(uint32_t node) { return "node " + std::to_string(node); }

PacketHeader header_of(const StreamKey& key) {
  PacketHeader header;
  header.source = key.source;
  header.destination = key.destination;
  header.flow = key.flow;
  return header;
}

void cut(const SharedFd& fd) {
  if (fd) (void)::shutdown(fd->get(), SHUT_RDWR);
}

template <typename Which>
void cut_passing(NodePart& part, Which which) {
  const auto cut_one = [&](const PassingStream& passing) {
    if (!which(passing)) return false;
    cut(passing.in);
    cut(passing.out);
    // What it held is lost.
    part.stream_count.breaks++;
    return true;
  };
  std::erase_if(part.passing, cut_one);
}

}  // namespace

Link& Lane::take_link() {
  if (free_links_.empty()) {
    Link& made = links_.emplace_back();
    made.index = static_cast<uint32_t>(links_.size() - 1);
    free_links_.push_back(made.index);
  }
  Link& link = links_[free_links_.back()];
  free_links_.pop_back();
  return link;
}

bool Lane::watch(const Link& link, int fd) {
  epoll_event event{};
  event.events = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET;
  event.data.u64 = uint64_t{link.generation} << 32 | link.index;
  return sys::call([&] { return ::epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, fd, &event); }) == 0;
}

uint32_t Lane::stream_hop(NodePart& part, const PacketHeader& header) {
  uint32_t hop = 0;
  if (part.max_peers.empty() || (header.flags & kFlagGroup)) return 0;
  if (part.routes.resolve_one(header, hop) != Drop::none || hop == part.id) return 0;
  return part.max_peers.contains(hop) ? hop : 0;
}

Way* Lane::stream_to(NodePart& part, const PacketHeader& header, uint32_t hop) {
  const StreamKey key{header.source, header.destination, header.flow};
  auto found = part.streams.find(key);
  if (found == part.streams.end()) {
    if (part.streams.size() + part.ending.size() >= kStreamsMax && !retire_stream(part)) return nullptr;
    found = part.streams.emplace(key, std::make_unique<Stream>()).first;
  }
  Stream& stream = *found->second;
  if (stream.way.link) return &stream.way;
  Link& link = take_link();
  link.part = &part;
  link.peer = hop;
  link.tag = uint64_t{link.generation} << 32 | link.index;
  link.setting = {};
  link.setting.queue_packets = setting_of(part, hop).queue_packets;
  link.count = &part.stream_count;
  link.stream = &stream;
  // Until it is connected: what comes meanwhile waits, as for a socket that takes no more.
  link.blocked = true;
  stream.way.peer = stream.next_hop = hop;
  stream.way.link = &link;
  stream.opened_ns = kNever;
  stream.used_ns = now_ns_;
  outbox_.streams.wanted.push_back({part.id, hop, link.tag, key,
                                    static_cast<uint8_t>(std::min<uint16_t>(header.hops_left, kStreamHopsMax)),
                                    stream.pause_ms});
  return &stream.way;
}

bool Lane::retire_stream(NodePart& part) {
  auto oldest = part.streams.end();
  for (auto one = part.streams.begin(); one != part.streams.end(); ++one) {
    const Link* link = one->second->way.link;
    const bool idle = !link || (link->fd && link->out.empty() && now_ns_ - one->second->used_ns > kStreamIdleNs);
    if (idle && (oldest == part.streams.end() || one->second->used_ns < oldest->second->used_ns)) oldest = one;
  }
  if (oldest == part.streams.end()) {
    if (part.ending.empty()) return false;
    // Its peer does not read.
    part.stream_count.breaks++;
    close(*part.ending.front()->way.link);
    return true;
  }
  if (Link* link = oldest->second->way.link) close(*link);
  part.streams.erase(oldest);
  return true;
}

void Lane::end_stream(Link& link) {
  if (Stream* stream = std::exchange(link.stream, nullptr)) {
    stream->way.link = nullptr;
    // One that breaks at once is not opened again at once: its next hop may refuse it for long.
    const bool short_lived = stream->opened_ns == kNever || now_ns_ - stream->opened_ns < kStreamPauseMaxMs * 1'000'000;
    stream->pause_ms = !short_lived ? 0 : std::clamp(stream->pause_ms * 2, kStreamPauseMinMs, kStreamPauseMaxMs);
    if (stream->withdrawn) std::erase_if(link.part->ending, [&](const auto& one) { return one.get() == stream; });
  }
  if (std::exchange(link.incoming, false)) std::erase(link.part->incoming, &link);
}

void Lane::end_streams(NodePart& part) {
  for (const auto& [key, stream] : part.streams)
    if (stream->way.link) close(*stream->way.link);
  while (!part.ending.empty()) close(*part.ending.back()->way.link);
  while (!part.incoming.empty()) close(*part.incoming.back());
  for (const PassingStream& passing : part.passing) {
    cut(passing.in);
    cut(passing.out);
  }
}

void Lane::cut_streams(NodePart& part, uint32_t peer) {
  for (const auto& [key, stream] : part.streams) {
    Link* link = stream->next_hop == peer ? stream->way.link : nullptr;
    if (!link) continue;
    if (link->fd) part.stream_count.breaks++;
    close(*link);
  }
  for (size_t i = part.ending.size(); i-- > 0;) {
    if (part.ending[i]->next_hop != peer) continue;
    part.stream_count.breaks++;
    close(*part.ending[i]->way.link);
  }
  cut_passing(part, [&](const PassingStream& passing) { return passing.next_hop == peer; });
}

void Lane::count_break(Link& link, const char* reason) {
  // Whoever has opened one ends it in order, and never in the middle of a packet.
  const bool in_order = link.incoming && link.in.size == 0 && std::string_view(reason) == "closed";
  if (!in_order && link.fd) link.count->breaks++;
}

void Lane::withdraw_streams(NodePart& part) {
  for (auto next = part.streams.begin(); next != part.streams.end();) {
    const auto one = next++;
    const auto& [key, stream] = *one;
    if (stream->way.link && stream_hop(part, header_of(key)) != stream->next_hop)
      withdraw(part, std::move(part.streams.extract(one).mapped()));
  }
  // Shut, nothing more goes on; who relays them hears of it, and so does who has opened them.
  cut_passing(
      part, [&](const PassingStream& passing) { return stream_hop(part, header_of(passing.key)) != passing.next_hop; });
}

void Lane::withdraw(NodePart& part, std::unique_ptr<Stream> stream) {
  Link& link = *stream->way.link;
  link.out.withdraw([](const uint8_t*) { return true; }, link.count->sent);
  if (link.out.empty()) return close(link);
  memo_.part = nullptr;
  stream->withdrawn = true;
  part.ending.push_back(std::move(stream));
  wake_waiters(link);
}

void Lane::count_streams(const NodePart& part, Counts& counts) {
  const LinkCount& all = part.stream_count;
  if (part.max_peers.empty() && all.received_packets + all.sent.in_packets + all.breaks == 0) return;
  LinkCount& count = counts.streams[part.id];
  count = part.stream_count;
  for (const auto& [key, stream] : part.streams)
    if (stream->way.link) count.sent.held_packets += stream->way.link->out.packets();
  for (const auto& stream : part.ending) count.sent.held_packets += stream->way.link->out.packets();
  count.up = !part.streams.empty() || !part.incoming.empty();
}

Status Lane::carry_out(const SetMaxPeer& command, const Order&) {
  NodePart* part = part_of(command.node);
  if (!part) return Status::failed(ENOENT, "SetMaxPeer", node_name(command.node));
  if (part->processors > 1)
    return Status::failed(EOPNOTSUPP, "SetMaxPeer", node_name(command.node), "its flows spread over several lanes");
  if (command.max) part->max_peers.insert(command.peer);
  else part->max_peers.erase(command.peer);
  withdraw_streams(*part);
  return {};
}

Status Lane::carry_out(const StreamOpened& command, const Order&) {
  const auto index = static_cast<uint32_t>(command.tag);
  Link* link = index < links_.size() ? &links_[index] : nullptr;
  const bool waits = link && link->stream && link->tag == command.tag && !link->fd;
  // Withdrawn meanwhile, or its node is gone.
  if (!waits) {
    cut(command.fd);
    return {};
  }
  if (!command.fd || !watch(*link, command.fd->get())) {
    close(*link);
    return {};
  }
  link->fd = command.fd;
  link->blocked = false;
  link->stream->opened_ns = now_ns_;
  mark_dirty(*link);
  return {};
}

Status Lane::carry_out(const StreamCame& command, const Order&) {
  NodePart* part = part_of(command.node);
  StreamVerdict verdict{command.node, command.tag, StreamVerdict::Kind::refused, 0};
  const PacketHeader header = header_of(command.key);
  uint32_t hop = 0;
  if (part && part->processors == 1 && part->routes.resolve_one(header, hop) == Drop::none) {
    if (const uint32_t next = stream_hop(*part, header); next != 0) {
      if (command.hops_left > 0) {
        verdict.kind = StreamVerdict::Kind::relayed;
        verdict.next_hop = next;
        part->passing.push_back({command.key, next, command.tag, command.fd, nullptr});
      }
    } else if (part->incoming.size() < kStreamsInMax) {
      Link& link = take_link();
      link.part = part;
      link.peer = 0;
      link.tag = uint64_t{link.generation} << 32 | link.index;
      link.count = &part->stream_count;
      link.incoming = true;
      link.fd = command.fd;
      link.setting = {};
      part->incoming.push_back(&link);
      verdict.kind = StreamVerdict::Kind::kept;
      if (!watch(link, command.fd->get())) {
        close(link);
        verdict.kind = StreamVerdict::Kind::refused;
      }
    }
  }
  outbox_.streams.verdicts.push_back(verdict);
  return {};
}

Status Lane::carry_out(const StreamRelayed& command, const Order&) {
  NodePart* part = part_of(command.node);
  const auto is_it = [&](const PassingStream& passing) { return passing.tag == command.tag; };
  if (part && !command.out) {
    std::erase_if(part->passing, is_it);
    return {};
  }
  const auto found = part ? std::ranges::find_if(part->passing, is_it) : std::vector<PassingStream>::iterator();
  // Its route was withdrawn meanwhile.
  if (!part || found == part->passing.end()) cut(command.out);
  else found->out = command.out;
  return {};
}

}  // namespace nslab::engine::lanes
