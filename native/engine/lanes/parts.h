// What a lane holds: nodes, links, the ends of flows. Of one thread.
#pragma once

#include <array>
#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <vector>

#include "engine/lanes/command.h"
#include "engine/lanes/crossing.h"
#include "engine/lanes/datagrams.h"
#include "engine/lanes/flow.h"
#include "engine/lanes/out_queue.h"
#include "engine/lossless/receiver.h"
#include "engine/lossless/sender.h"
#include "engine/packets/app_flows.h"
#include "engine/packets/egress.h"
#include "engine/packets/offload.h"
#include "engine/packets/route_table.h"

namespace nslab::engine::lanes {

inline void count_drop(Account& account, Drop reason, uint64_t packets = 1) {
  account.dropped[static_cast<size_t>(reason)] += packets;
}

struct Link;
struct NodePart;
struct Stream;

enum class InputKind : uint8_t { link, source, tun, channel, transfer };

/** Where packets come from. In the ready list, or waiting for room somewhere, or for an event. */
struct Input {
  explicit Input(InputKind kind_of) : kind(kind_of) {}
  const InputKind kind;
  bool ready = false;
  /** In some list of those that wait. */
  bool waiting = false;
};

/** Bytes that came and are no whole frame yet, or whose packets have nowhere to go yet. */
struct Pieces {
  /** A share is held while there is a block. */
  Block* block = nullptr;
  uint32_t offset = 0;
  uint32_t size = 0;
  /** In place of the block, where that was needed elsewhere. */
  std::vector<uint8_t> stash;
};

struct Link : Input {
  Link() : Input(InputKind::link) {}
  uint32_t index = 0;
  uint32_t generation = 0;
  NodePart* part = nullptr;
  uint32_t peer = 0;
  uint64_t tag = 0;
  SharedFd fd;
  LinkSetting setting;
  uint64_t seed = 0;
  /** Where what is received is counted, and what is sent but for the shaper's part. */
  LinkCount* count = nullptr;
  std::shared_ptr<LinkOutside> outside;

  Pieces in;
  /** The kernel may have more. */
  bool readable = false;
  /** The peer says no more, or broke off: seen with the last byte. */
  bool hung_up = false;
  /** The first of `in` was captured already. */
  bool was_seen = false;

  /** Over UDP; else null. */
  std::unique_ptr<Datagrams> datagrams;
  OutQueue out;
  std::unique_ptr<Egress> egress;
  bool blocked = false;
  bool dirty = false;
  int64_t timer_ns = kNever;
  /** Those that wait for room in it. */
  std::vector<Input*> waiters;

  /** Of max mode, and of no peer: what leaves in a stream of its own, or what ends here. */
  Stream* stream = nullptr;
  bool incoming = false;
};

struct Source : Input {
  Source() : Input(InputKind::source) {}
  NodePart* part = nullptr;
  FlowSource flow;
  /** When it wants to be looked at; of several timers only the one that says this counts. */
  int64_t timer_ns = kNever;
};

/** One end of a lossless transfer: a sender or a receiver. */
struct Transfer : Input {
  Transfer() : Input(InputKind::transfer) {}
  NodePart* part = nullptr;
  uint32_t flow = 0;
  /** Of addresses in what it sends. */
  uint32_t base = 0;
  /** Of those that all receivers have together. */
  uint64_t bytes = 0;
  /** Of a receiver: that of the transfer whose place it took. */
  std::optional<uint32_t> start_before;
  std::unique_ptr<lossless::Sender> sender;
  std::unique_ptr<lossless::Receiver> receiver;
  int64_t timer_ns = kNever;
};

struct Tun : Input {
  Tun() : Input(InputKind::tun) {}
  NodePart* part = nullptr;
  SharedFd fd;
  uint32_t base = 0;
  uint32_t nodes_max = 0;
  /** Whether this lane reads it; all of the node's lanes write to it. */
  bool reads = false;
  bool readable = false;
  /** Before each packet stands a virtio_net_hdr. */
  bool offloads = false;
  /** Read, and with nowhere to go yet. */
  PacketRef pending;
  /** Read, and not all of the packets that it stands for are made yet. */
  PacketRef large;
  Segments segments;
  /** Of programs in the node, that this lane has read or written packets of. */
  AppFlows flows;
  /** What is to be written as one. */
  Joined joined;
  std::vector<PacketRef> parts;
};

/** The consumer's end of a channel. What comes from it never waits: it was let in where it came in. */
struct ChannelEnd : Input {
  ChannelEnd() : Input(InputKind::channel) {}
  Channel* channel = nullptr;
  uint32_t from = 0;
};

/** Where a node's packets can go: a link of this lane, or of another. */
struct Way {
  uint32_t peer = 0;
  Link* link = nullptr;
  std::shared_ptr<LinkOutside> outside;
};

/** A flow that leaves in a stream of its own. Its way has no link while there is none. */
struct Stream {
  uint32_t next_hop = 0;
  Way way;
  /** kNever until it is. */
  int64_t opened_ns = kNever;
  int64_t used_ns = 0;
  /** Before it is opened again. */
  uint32_t pause_ms = 0;
  /** Of NodePart::ending. */
  bool withdrawn = false;
};

/** One that others relay here. Kept so that it ends with its route. */
struct PassingStream {
  StreamKey key;
  uint32_t next_hop = 0;
  uint64_t tag = 0;
  SharedFd in;
  SharedFd out;
};

/** Who wants copies of packets. */
struct Watch {
  const NodePart* part = nullptr;
  /** 0: any. */
  uint32_t peer = 0;
  SharedFd fd;
  std::shared_ptr<std::atomic<int64_t>> left;
  std::vector<uint8_t> buffer;
};

/** A node, or a lane's part of one that spreads over several. */
struct NodePart {
  explicit NodePart(uint32_t node) : id(node), routes(node) {}
  const uint32_t id;
  uint32_t processors = 1;
  /** Counts changes of routes: the same in all its lanes after the same change. */
  uint32_t epoch = 0;
  RouteTable routes;
  /** Ascending by peer. */
  std::vector<Way> ways;
  Account account;
  uint64_t crossed_in = 0;
  uint64_t crossed_out = 0;
  std::map<uint32_t, LinkCount> counts;
  /** By peer, of links that are there or not. */
  std::map<uint32_t, SetLink> settings;
  /** By what frames have of the flow, where it is not 1. */
  std::map<uint32_t, uint32_t> weights;
  std::map<uint32_t, std::unique_ptr<Source>> sources;
  std::map<uint32_t, std::unique_ptr<FlowSink>> sinks;
  /** By flow; a node is the source or a receiver. */
  std::map<uint32_t, std::unique_ptr<Transfer>> transfers;
  /** Flows that were stopped last, as kStoppedMax. */
  std::deque<FlowStart> stopped;
  std::unique_ptr<Tun> tun;
  /** Next hops that packets go to in streams. */
  std::set<uint32_t> max_peers;
  std::map<StreamKey, std::unique_ptr<Stream>> streams;
  /** Withdrawn, each with the rest of the one packet that had begun to leave: it ends with that. Oldest first. */
  std::vector<std::unique_ptr<Stream>> ending;
  std::vector<Link*> incoming;
  std::vector<PassingStream> passing;
  LinkCount stream_count;
  bool watched = false;

  [[nodiscard]] Way* way_to(uint32_t peer) {
    for (Way& way : ways)
      if (way.peer == peer) return &way;
    return nullptr;
  }
};

}  // namespace nslab::engine::lanes
