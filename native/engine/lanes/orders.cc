// What a lane is asked, between two turns: nothing else changes nodes, links and routes.
#include <sys/epoll.h>

#include <algorithm>
#include <string>
#include <type_traits>
#include <utility>

#include "base/sys.h"
#include "engine/lanes/lane.h"
#include "engine/lanes/limits.h"

namespace nslab::engine::lanes {
namespace {

std::string place(uint32_t node) { return "node " + std::to_string(node); }
std::string place(uint32_t node, uint32_t peer) { return "link " + std::to_string(node) + "-" + std::to_string(peer); }

/** False: no such route. */
bool change(RouteTable& routes, const RouteChange& wanted) {
  return std::visit(
      [&](const auto& body) {
        using Body = std::decay_t<decltype(body)>;
        if constexpr (std::is_same_v<Body, Install>) {
          routes.install(body.source, body.destination, body.routes);
        } else if constexpr (std::is_same_v<Body, InstallTrees>) {
          routes.install_trees(body.source, body.group, body.trees);
        } else if constexpr (std::is_same_v<Body, Derive>) {
          routes.derive(body.routes);
        } else if constexpr (std::is_same_v<Body, SetMember>) {
          routes.set_member(body.group, body.member);
        } else if constexpr (std::is_same_v<Body, SendOver>) {
          routes.send_over(body.flow, body.next_hop);
        } else {
          return routes.pin(body.source, body.destination, body.flow, body.route);
        }
        return true;
      },
      wanted);
}

}  // namespace

NodePart* Lane::part_of(uint32_t node) {
  const auto found = nodes_.find(node);
  return found == nodes_.end() ? nullptr : found->second.get();
}

void Lane::carry_out(const Order& order) {
  if (std::holds_alternative<Count>(*order.command)) {
    Counts counts;
    count(counts, std::get<Count>(*order.command).takes_app_flows);
    return hub_.answer(order.pending, {}, &counts);
  }
  Status status = std::visit(
      [&](const auto& body) -> Status {
        if constexpr (std::is_same_v<std::decay_t<decltype(body)>, Count>) return {};
        else return carry_out(body, order);
      },
      *order.command);
  hub_.answer(order.pending, std::move(status));
}

Status Lane::carry_out(const AddNode& command, const Order&) {
  if (part_of(command.node)) return Status::failed(EEXIST, "AddNode", place(command.node));
  auto part = std::make_unique<NodePart>(command.node);
  part->processors = hub_.processors_of(command);
  nodes_.emplace(command.node, std::move(part));
  return {};
}

Status Lane::carry_out(const RemoveNode& command, const Order&) {
  NodePart* part = part_of(command.node);
  if (!part) return Status::failed(ENOENT, "RemoveNode", place(command.node));
  remove(*part);
  return {};
}

void Lane::remove(NodePart& part) {
  while (true) {
    const auto own = std::ranges::find_if(part.ways, [](const Way& way) { return way.link != nullptr; });
    if (own == part.ways.end()) break;
    close(*own->link);
  }
  end_streams(part);
  detach(part);
  for (const auto& [flow, source] : part.sources) forget(*source);
  for (const auto& [flow, transfer] : part.transfers) end(*transfer);
  hub_.sinks.fetch_sub(static_cast<uint32_t>(part.sinks.size()));
  if (part.watched) stop_watching(part, 0);
  nodes_.erase(part.id);
}

Status Lane::carry_out(const AddLink& command, const Order& order) {
  NodePart* part = part_of(command.node);
  if (!part) return Status::failed(ENOENT, "AddLink", place(command.node, command.peer));
  // A new one takes the place of the old.
  if (Way* old = part->way_to(command.peer)) {
    if (old->link) close(*old->link);
    else part->ways.erase(part->ways.begin() + (old - part->ways.data()));
  }
  Way way{command.peer, nullptr, order.outside};
  if (hub_.lane_of(command.node, part->processors, command.peer) == index_) {
    Link& link = take_link();
    if (!watch(link, command.fd->get())) {
      free_links_.push_back(link.index);
      return Status::from_errno("epoll_ctl", place(command.node, command.peer));
    }
    link.part = part;
    link.peer = command.peer;
    link.tag = command.tag;
    link.fd = command.fd;
    const auto set = part->settings.find(command.peer);
    link.seed = set != part->settings.end() ? set->second.seed.value_or(command.seed) : command.seed;
    link.count = &part->counts[command.peer];
    link.count->up = true;
    link.outside = order.outside;
    // As if it had been read here, and had nowhere to go yet.
    link.in.stash = command.early;
    link.in.size = static_cast<uint32_t>(command.early.size());
    if (link.in.size > 0) make_ready(link);
    if (command.datagrams) begin_datagrams(link, *command.datagrams);
    shape(link, command.setting ? *command.setting : setting_of(*part, command.peer));
    way.link = &link;
  }
  const auto after = std::ranges::find_if(part->ways, [&](const Way& other) { return other.peer > command.peer; });
  part->ways.insert(after, std::move(way));
  return {};
}

Status Lane::carry_out(const RemoveLink& command, const Order&) {
  NodePart* part = part_of(command.node);
  Way* way = part ? part->way_to(command.peer) : nullptr;
  const uint64_t tag = !way ? 0 : way->link ? way->link->tag : way->outside->tag;
  if (!way || (command.tag != 0 && command.tag != tag)) return {};
  if (way->link) close(*way->link);
  else part->ways.erase(part->ways.begin() + (way - part->ways.data()));
  return {};
}

Status Lane::carry_out(const SetLink& command, const Order&) {
  NodePart* part = part_of(command.node);
  if (!part) return Status::failed(ENOENT, "SetLink", place(command.node, command.peer));
  part->settings.insert_or_assign(command.peer, command);
  const Way* way = part->way_to(command.peer);
  if (!way || !way->link) return {};
  if (command.seed) way->link->seed = *command.seed;
  shape(*way->link, command.setting);
  if (command.seed && way->link->egress) way->link->egress->set_seed(*command.seed);
  return {};
}

Status Lane::carry_out(const SetDefault& command, const Order&) {
  default_setting_ = command.setting;
  for (Link& link : links_) {
    const bool is_stream = link.stream || link.incoming;
    if (link.part && !is_stream && !link.part->settings.contains(link.peer)) shape(link, default_setting_);
  }
  return {};
}

LinkSetting Lane::setting_of(const NodePart& part, uint32_t peer) const {
  const auto set = part.settings.find(peer);
  return set == part.settings.end() ? default_setting_ : set->second.setting;
}

Status Lane::carry_out(const SendFrame& command, const Order&) {
  NodePart* part = part_of(command.node);
  Way* way = part ? part->way_to(command.peer) : nullptr;
  if (way && way->link && way->link->datagrams) {
    if (add_token(*way->link, command.frame)) return {};
    outbox_.links.unsent.push_back({command.node, command.peer, command.frame, true});
    return Status::failed(ENOBUFS, "SendFrame", place(command.node, command.peer));
  }
  const bool held_back = way && way->link && way->link->out.runs() >= kControlRunsMax;
  Block* block = way && way->link && !held_back ? spares_.take(kFrameBytes) : nullptr;
  if (!block) {
    outbox_.links.unsent.push_back({command.node, command.peer, command.frame, way && way->link});
    return Status::failed(way && way->link ? ENOBUFS : ENOTCONN, "SendFrame", place(command.node, command.peer));
  }
  std::ranges::copy(command.frame, block->bytes());
  way->link->out.append_control(block, 0, kFrameBytes);
  PacketRef(block, 0, 0).reset();
  mark_dirty(*way->link);
  return {};
}

Status Lane::carry_out(const ChangeRoutes& command, const Order&) {
  NodePart* part = part_of(command.node);
  if (!part) return Status::failed(ENOENT, "ChangeRoutes", place(command.node));
  bool all = true;
  for (const RouteChange& wanted : command.changes) all = change(part->routes, wanted) && all;
  part->epoch++;
  withdraw_stale(*part);
  withdraw_streams(*part);
  return all ? Status() : Status::failed(ENOENT, "Pin", place(command.node), "there is no such route");
}

void Lane::withdraw_stale(NodePart& part) {
  for (const Way& way : part.ways) {
    if (!way.link) continue;
    const auto is_stale = [&](const uint8_t* frame) {
      PacketHeader header;
      (void)decode_header(frame, header);
      Hops hops;
      return part.routes.resolve(header, hops) != Drop::none ||
             std::ranges::find(hops.next, way.peer) == hops.next.end();
    };
    if (way.link->egress) {
      way.link->egress->withdraw(is_stale);
      // What has had its tokens and its delay waits for the socket alone: it is looked at there.
      while (take_some(*way.link)) continue;
    }
    if (!way.link->out.empty()) way.link->out.withdraw(is_stale, way.link->count->sent);
    mark_dirty(*way.link);
  }
}

Status Lane::carry_out(const StartFlow& command, const Order&) {
  const std::string where = place(command.node);
  const FlowSetting& flow = command.setting;
  NodePart* part = part_of(command.node);
  if (!part) return Status::failed(ENOENT, "StartFlow", where);
  const bool good = flow.flow <= kFlowMax && flow.destination > 0 && flow.packet_bytes >= kFlowPacketMin &&
                    flow.packet_bytes <= kPacketBytesMax && (!flow.is_group || flow.destination <= kGroupMax);
  if (!good) return Status::failed(EINVAL, "StartFlow", where, "no such flow, destination or size of packets");
  const uint32_t hash = flow_hash(flow.flow);
  const bool is_home = hub_.lane_of(part->id, part->processors, hash) == index_;
  const auto found = part->sources.find(flow.flow);
  if (found != part->sources.end() && !found->second->flow.closed()) return Status::failed(EEXIST, "StartFlow", where);
  // Its links may be of any of the node's lanes.
  set_weight(*part, hash, flow.weight);
  if (!is_home) return {};
  if (found != part->sources.end()) forget(*found->second);
  auto& source = part->sources[flow.flow];
  source = std::make_unique<Source>();
  source->part = part;
  source->flow.open(command.node, flow, now_ns_);
  make_ready(*source);
  return {};
}

Status Lane::carry_out(const OpenSink& command, const Order&) {
  NodePart* part = part_of(command.node);
  if (!part) return Status::failed(ENOENT, "OpenSink", place(command.node));
  auto& sink = part->sinks[command.flow];
  if (sink) return Status::failed(EEXIST, "OpenSink", place(command.node));
  sink = std::make_unique<FlowSink>(command.node, command.flow);
  hub_.sinks.fetch_add(1);
  return {};
}

Status Lane::carry_out(const StopFlow& command, const Order&) {
  NodePart* part = part_of(command.node);
  if (!part) return Status::failed(ENOENT, "StopFlow", place(command.node));
  const auto source = part->sources.find(command.flow);
  if (source != part->sources.end()) {
    forget(*source->second);
    part->sources.erase(source);
  }
  stop_transfer(*part, command.flow);
  set_weight(*part, flow_hash(command.flow), 1);
  const auto sink = part->sinks.find(command.flow);
  if (sink == part->sinks.end()) return {};
  if (const auto start = sink->second->start()) part->stopped.push_back({command.flow, *start});
  if (part->stopped.size() > kStoppedMax) part->stopped.pop_front();
  part->sinks.erase(sink);
  hub_.sinks.fetch_sub(1);
  return {};
}

Status Lane::carry_out(const StopSources&, const Order&) {
  for (const auto& [id, part] : nodes_) {
    for (const auto& [flow, transfer] : part->transfers) {
      if (transfer->receiver) transfer->receiver->stop();
      if (!transfer->sender || transfer->sender->finished()) continue;
      transfer->sender->stop(now_ns_);
      outbox_.finished.push_back({id, flow, true});
    }
    for (const auto& [flow, source] : part->sources) {
      if (source->flow.stats().finished) continue;
      source->flow.end();
      // One that waits for room says it when there is some.
      if (!source->waiting) make_ready(*source);
    }
  }
  return {};
}

void Lane::set_weight(NodePart& part, uint32_t hash, uint32_t weight) {
  if (weight <= 1 && part.weights.erase(hash) == 0) return;
  if (weight > 1) part.weights[hash] = weight;
  for (const Way& way : part.ways)
    if (way.link && way.link->egress) way.link->egress->set_weight(hash, weight);
}

void Lane::count(Counts& counts, bool takes_app_flows) {
  for (const auto& [id, part] : nodes_) {
    Account& account = counts.nodes[id];
    account = part->account;
    // What is on its way between lanes; summed over them.
    account.held_packets = part->crossed_out - part->crossed_in;
    for (const auto& [peer, count] : part->counts) counts.links[{id, peer}] = count;
    for (const Way& way : part->ways) {
      if (!way.link) continue;
      Account& sent = counts.links[{id, way.peer}].sent;
      sent.held_packets = way.link->out.packets();
      if (!way.link->egress) continue;
      const Account& shaper = way.link->egress->account();
      sent.in_packets += shaper.in_packets;
      sent.in_bytes += shaper.in_bytes;
      sent.made_packets += shaper.made_packets;
      sent.held_packets += shaper.held_packets;
      for (size_t i = 0; i < kDropReasons; i++) sent.dropped[i] += shaper.dropped[i];
    }
    count_streams(*part, counts);
    if (takes_app_flows) take_app_flows(*part, counts);
    for (const auto& [flow, source] : part->sources) counts.sources.push_back(source->flow.stats());
    for (const auto& [flow, sink] : part->sinks) counts.sinks.push_back(sink->stats());
    for (const auto& [flow, transfer] : part->transfers) {
      if (transfer->sender) counts.senders.push_back(transfer->sender->stats());
      else counts.receivers.push_back(transfer->receiver->stats());
    }
  }
  counts.blocks = reads_.count() + parking_.pool.count();
  counts.blocks_free = reads_.free_count() + parking_.pool.free_count();
}

}  // namespace nslab::engine::lanes
