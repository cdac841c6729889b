// What the packet engine is asked, and what it tells.
#pragma once

#include <atomic>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <variant>
#include <vector>

#include "base/fd.h"
#include "base/status.h"
#include "engine/handshake.h"
#include "engine/lanes/flow_stats.h"
#include "engine/lanes/stream_commands.h"
#include "engine/lossless/transfer.h"
#include "engine/packets/app_flows.h"
#include "engine/packets/drop.h"
#include "engine/packets/egress.h"
#include "engine/packets/route_table.h"

namespace nslab::engine::lanes {

/** `processors`: over how many lanes its flows and links spread; 0: as the options say. One: nothing crosses threads.
 */
struct AddNode {
  uint32_t node = 0;
  uint32_t processors = 0;
};
struct RemoveNode {
  uint32_t node = 0;
};
/** Of a link over UDP (engine/udp/datagram.h): what its ends have drawn, and told each other. */
struct DatagramLink {
  uint64_t own_key = 0;
  uint64_t peer_key = 0;
  /** Of the peer, after which the link is lost. */
  uint32_t silence_ms = 0;
  /** This end has dialled: it says something first. */
  bool dialled = false;
};
/**
 * The descriptor, connected, is read and written from now on. `tag` comes back in events. `early`: bytes that were read
 * from it already. Without a setting: as SetLink said before, else SetDefault.
 */
struct AddLink {
  uint32_t node = 0;
  uint32_t peer = 0;
  SharedFd fd;
  std::optional<LinkSetting> setting;
  uint64_t seed = 0;
  uint64_t tag = 0;
  std::vector<uint8_t> early{};
  /** The descriptor is a UDP socket, connected. */
  std::optional<DatagramLink> datagrams{};
};
/** What waits is dropped (ended). The socket itself is its owner's to close. `tag` 0: whichever it is. */
struct RemoveLink {
  uint32_t node = 0;
  uint32_t peer = 0;
  uint64_t tag = 0;
};
/** Of a link that is there, or comes; until its node is removed. `seed`: of chance, in place of that in AddLink. */
struct SetLink {
  uint32_t node = 0;
  uint32_t peer = 0;
  LinkSetting setting;
  std::optional<uint64_t> seed{};
};
/** Of all links that SetLink said nothing of. */
struct SetDefault {
  LinkSetting setting;
};
/** Sends a frame of the handshake's kind (a token) between packets. Unsent where there is no such link. */
struct SendFrame {
  uint32_t node = 0;
  uint32_t peer = 0;
  FrameBytes frame{};
};

/** Changes of a node's routes: answered when no packet can take a hop of before any more. */
struct Install {
  uint32_t source = 0;
  uint32_t destination = 0;
  std::vector<Route> routes;
};
struct InstallTrees {
  uint32_t source = 0;
  uint32_t group = 0;
  std::vector<Tree> trees;
};
struct Derive {
  DerivedRoutes routes;
};
struct SetMember {
  uint32_t group = 0;
  bool member = false;
};
/** ENOENT where there is no such route. */
struct Pin {
  uint32_t source = 0;
  uint32_t destination = 0;
  uint32_t flow = 0;
  uint32_t route = 0;
};
/** A flow made here goes over one link, whatever routes say; `next_hop` 0: by routes again. */
struct SendOver {
  uint32_t flow = 0;
  uint32_t next_hop = 0;
};
using RouteChange = std::variant<Install, InstallTrees, Derive, SetMember, Pin, SendOver>;
struct ChangeRoutes {
  uint32_t node = 0;
  std::vector<RouteChange> changes;
};

/** Packets of the flow `flow`, made at `node`; EEXIST where it has one of that number. */
struct StartFlow {
  uint32_t node = 0;
  FlowSetting setting;
};
/**
 * A payload to a node or to the members of a group, each of which opens its end when it hears of it. `base`: of
 * addresses, in host order. EEXIST where the node has a flow of that number that is not over; ENOENT, saying what to
 * do, where there is to be parity and no ISA-L.
 */
struct StartTransfer {
  uint32_t node = 0;
  lossless::TransferSetting setting;
  uint32_t base = 0;
};
/** Counts what arrives of the flow at `node`: before its first packet, which would open a sink by itself. */
struct OpenSink {
  uint32_t node = 0;
  uint32_t flow = 0;
};
/** Ends a flow's source or sink, or both, at `node`. What still comes of it is nobody's. */
struct StopFlow {
  uint32_t node = 0;
  uint32_t flow = 0;
};
/** No source makes another packet, but for those that say so. */
struct StopSources {};

/**
 * The node's TUN interface (IFF_TUN, IFF_NO_PI, non-blocking; with `offloads` IFF_VNET_HDR). Its addresses are `base` +
 * node id, in host order.
 */
struct AttachTun {
  uint32_t node = 0;
  SharedFd fd;
  uint32_t base = 0;
  uint32_t nodes_max = 0;
  bool offloads = false;
};
/** The lanes let go of the descriptor. ENOENT where there is none. */
struct DetachTun {
  uint32_t node = 0;
};

/**
 * Packets of links of `node` (`peer` 0: of all), both directions, as pcap (LINKTYPE_RAW); no fd: no more. A descriptor
 * that takes no more at once ends it: lanes don't wait.
 */
struct Capture {
  uint32_t node = 0;
  uint32_t peer = 0;
  SharedFd fd;
  uint64_t bytes_max = 0;
  /** Of them, what is left to all lanes; made when it is posted. */
  std::shared_ptr<std::atomic<int64_t>> left{};
};

/** Accounts of everything. */
struct Count {
  /** And what flows of programs have done since they were asked for last. */
  bool takes_app_flows = false;
};

using Command = std::variant<AddNode, RemoveNode, AddLink, RemoveLink, SetLink, SetDefault, SendFrame, ChangeRoutes,
                             StartFlow, OpenSink, StopFlow, StopSources, AttachTun, DetachTun, Capture, Count,
                             StartTransfer, SetMaxPeer, StreamOpened, StreamCame, StreamRelayed>;

struct LinkCount {
  bool up = false;
  /**
   * How often it has ended: what was under way then is lost, and counted by nobody. Of streams: how many have ended
   * otherwise than in order, at the node or on the way through it.
   */
  uint64_t breaks = 0;
  /** From the peer: what was handed on to the node. */
  uint64_t received_packets = 0;
  uint64_t received_bytes = 0;
  /** To the peer. */
  Account sent;
  /**
   * From the peer, over UDP: packets that it has sent and that have not come, and datagrams that did not come, came
   * twice, after a later one, or were none of this link.
   */
  uint64_t lost_packets = 0;
  uint64_t lost_datagrams = 0;
  uint64_t duplicate_datagrams = 0;
  uint64_t reordered_datagrams = 0;
  uint64_t ignored_datagrams = 0;
};

/** What is new of a flow of programs (AppFlows::Taken). */
struct AppFlowNews {
  uint32_t node = 0;
  AppFlows::Taken taken;
};

struct Counts {
  std::map<std::pair<uint32_t, uint32_t>, LinkCount> links;
  std::map<uint32_t, Account> nodes;
  /**
   * Of nodes with max mode, all their streams together: those that leave, and what ended there. Relays look at no
   * packet: what passes is counted by none.
   */
  std::map<uint32_t, LinkCount> streams;
  /** Ascending by node and flow. */
  std::vector<SourceStats> sources;
  std::vector<SinkStats> sinks;
  std::vector<lossless::SenderStats> senders;
  std::vector<lossless::ReceiverStats> receivers;
  /** Where they were asked for. In no order. */
  std::vector<AppFlowNews> app_flows;
  /** By node, ever; those that have some. */
  std::map<uint32_t, AppFlows::Excess> app_excess;
  uint64_t blocks = 0;
  uint64_t blocks_free = 0;
};

/** The link ended by itself: closed, an errno's name, or protocol_error. Static. */
struct LinkLost {
  uint32_t node = 0;
  uint32_t peer = 0;
  uint64_t tag = 0;
  const char* reason = "";
};
struct FrameArrived {
  uint32_t node = 0;
  uint32_t peer = 0;
  uint64_t tag = 0;
  FrameBytes frame{};
};
struct FrameUnsent {
  uint32_t node = 0;
  uint32_t peer = 0;
  FrameBytes frame{};
  /** There is such a link, and too much waits for it. */
  bool is_full = false;
};
/** A source has sent all; or a sink has heard so. */
struct FlowFinished {
  uint32_t node = 0;
  uint32_t flow = 0;
  bool is_source = false;
};

/** A packet that nobody has a route for. A lane tells of one a second, with how many there were since it did. */
struct RouteMissed {
  uint32_t node = 0;
  uint32_t source = 0;
  /** A node, or a group. */
  uint32_t destination = 0;
  bool is_group = false;
  uint64_t packets = 0;
};

struct Reply {
  uint64_t id = 0;
  Status status;
  /** Of Count; null otherwise. */
  std::unique_ptr<Counts> counts;
};

/** What whoever made the links has to know: the end of one, and frames that are no packets. */
struct LinkNews {
  std::vector<LinkLost> lost;
  std::vector<FrameArrived> frames;
  std::vector<FrameUnsent> unsent;

  [[nodiscard]] bool empty() const { return lost.empty() && frames.empty() && unsent.empty(); }
};

/** Everything since the last collection; of one lane in order of happening. */
struct Outbox {
  LinkNews links;
  StreamNews streams;
  std::vector<FlowFinished> finished;
  std::vector<RouteMissed> missed;
  std::vector<Reply> replies;
};

}  // namespace nslab::engine::lanes
