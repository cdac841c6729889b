// A lane: one epoll loop, of one thread at a time (turns.h), and what is its own. lane.cc turns, orders.cc carries out
// what is asked, read.cc and write.cc serve links, forward.cc says where packets go, ends.cc and tuns.cc make and
// take them, streams.cc has what leaves in max mode, datagrams.cc links over UDP.
#pragma once

#include <atomic>
#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <queue>
#include <unordered_map>
#include <vector>

#include "base/fd.h"
#include "base/status.h"
#include "base/thread.h"
#include "engine/lanes/hub.h"
#include "engine/lanes/parts.h"
#include "engine/packets/frame.h"

namespace nslab::engine::lanes {

/** What an epoll event is about: the wake, the timer, a TUN interface by node id, or a link by generation and slot. */
inline constexpr uint64_t kWakeTag = ~uint64_t{0};
inline constexpr uint64_t kTimerTag = kWakeTag - 1;
inline constexpr uint64_t kTunBit = uint64_t{1} << 63;
inline constexpr uint32_t kGenerationMask = 0x7fff'ffff;
/** In place of a link's slot: the timer of all links over UDP. */
inline constexpr uint32_t kTickSubject = ~uint32_t{0};

/** One frame within a block that somebody else holds while this is looked at. */
struct Slice {
  Block* block = nullptr;
  uint32_t offset = 0;
  uint32_t size = 0;
  [[nodiscard]] uint8_t* frame() const { return block->bytes() + offset; }
  [[nodiscard]] uint8_t* packet() const { return frame() + kPacketHeaderBytes; }
  [[nodiscard]] uint32_t packet_bytes() const { return size - static_cast<uint32_t>(kPacketHeaderBytes); }
};

/** CLOCK_MONOTONIC */
[[nodiscard]] int64_t monotonic_ns();

/** Writes the beginning of its file. */
[[nodiscard]] Status begin_capture(Capture& capture);

class Lane {
 public:
  Lane(uint32_t index, Hub& hub);
  ~Lane();
  Lane(const Lane&) = delete;
  Lane& operator=(const Lane&) = delete;

  Status open();
  Status start();
  // From any thread.
  void post(Order order);
  void wake();
  /** There is room again where this lane's inputs may wait for it. */
  void tell_room();
  void stop();
  void join() { thread_.join(); }
  [[nodiscard]] bool stopping() const { return stopping_.load(); }
  /** Time that was not spent waiting for events, ever; of a turn that takes long when it has ended. */
  [[nodiscard]] int64_t busy_ns() const { return busy_ns_.load(std::memory_order_relaxed); }
  [[nodiscard]] int epoll() const { return epoll_.get(); }
  // From one thread at a time (turns.h).
  /** One round: events, orders, what is ready, what leaves. */
  void turn(int wait_ms);
  /** How long it may wait for events now; -1: until there is one. */
  [[nodiscard]] int wait_ms() const;
  /** Once joined: drops what it holds. */
  void clear();
  [[nodiscard]] uint64_t blocks_missing() const;

 private:
  void add_busy(int64_t now_ns);
  void take_wake();
  void on_event(uint64_t tag, uint32_t what);
  void take_orders();
  void serve_ready();
  void serve_timers();
  void flush_dirty();
  void refill_channels();
  void set_timer();
  void tell();

  // orders.cc
  void carry_out(const Order& order);
  Status carry_out(const AddNode& command, const Order& order);
  Status carry_out(const RemoveNode& command, const Order& order);
  Status carry_out(const AddLink& command, const Order& order);
  Status carry_out(const RemoveLink& command, const Order& order);
  Status carry_out(const SetLink& command, const Order& order);
  Status carry_out(const SetDefault& command, const Order& order);
  Status carry_out(const SendFrame& command, const Order& order);
  Status carry_out(const ChangeRoutes& command, const Order& order);
  Status carry_out(const StartFlow& command, const Order& order);
  Status carry_out(const StartTransfer& command, const Order& order);
  Status carry_out(const OpenSink& command, const Order& order);
  Status carry_out(const StopFlow& command, const Order& order);
  Status carry_out(const StopSources& command, const Order& order);
  Status carry_out(const AttachTun& command, const Order& order);
  Status carry_out(const DetachTun& command, const Order& order);
  Status carry_out(const Capture& command, const Order& order);
  Status carry_out(const SetMaxPeer& command, const Order& order);
  Status carry_out(const StreamOpened& command, const Order& order);
  Status carry_out(const StreamCame& command, const Order& order);
  Status carry_out(const StreamRelayed& command, const Order& order);
  void count(Counts& counts, bool takes_app_flows);
  void withdraw_stale(NodePart& part);
  static void set_weight(NodePart& part, uint32_t hash, uint32_t weight);
  void remove(NodePart& part);
  [[nodiscard]] NodePart* part_of(uint32_t node);

  // read.cc
  void serve(Link& link);
  /** False: the link is gone. */
  bool take_pieces(Link& link);
  /** So many bytes behind what `current_` is filled with; false where no block is free. */
  [[nodiscard]] bool make_room(uint32_t bytes);
  void stash(Pieces& pieces);
  static void drop(Pieces& pieces);
  /** Nothing more may wait in blocks that are read into. */
  [[nodiscard]] bool is_scarce();
  /** Frees blocks of many from what waits long. */
  void relieve();
  /** The last resort: what waits in them is lost. */
  void shed();

  // datagrams.cc
  void begin_datagrams(Link& link, const DatagramLink& given);
  void read_datagrams(Link& link);
  /** Signs of life, tokens, and the end. */
  void take_words(Link& link, const udp::Receiver::Heard& heard);
  [[nodiscard]] OutQueue::Flushed flush_datagrams(Link& link);
  /** False where errno says that nobody is there any more. */
  bool say(Link& link, udp::Kind kind, uint64_t number = 0, const FrameBytes* frame = nullptr);
  void say_token(Link& link);
  /** False where too many wait. */
  [[nodiscard]] bool add_token(Link& link, const FrameBytes& frame);
  void tick_datagrams();

  // write.cc
  /** None where it waits for the socket, or a reason, which is counted. */
  void offer(Link& link, const Slice& slice, uint32_t flow, bool was_let_in = false);
  [[nodiscard]] bool has_room(Link& link);
  void flush(Link& link);
  /** From the shaper to the socket's queue. */
  bool take_some(Link& link);
  void mark_dirty(Link& link);
  void wake_waiters(Link& link);
  void lose(Link& link, const char* reason);
  /** Takes it out of everything. */
  void close(Link& link);
  [[nodiscard]] LinkSetting setting_of(const NodePart& part, uint32_t peer) const;
  void shape(Link& link, const LinkSetting& setting);

  // forward.cc
  /** False: `from` waits for room now, and the packet is still its own. */
  bool forward(NodePart& part, const Slice& slice, const PacketHeader& header, bool is_origin, Input& from);
  /** Told of, at a bounded rate; who counts it is the caller. */
  void note_miss(const NodePart& part, const PacketHeader& header);
  void cross(NodePart& part, uint32_t lane, Crossing&& crossing);
  [[nodiscard]] bool may_cross(uint32_t lane, Input& from);
  void serve(ChannelEnd& end);
  void take(ChannelEnd& end, Crossing& crossing);
  void wait_for(Link& link, Input& from);
  void make_ready(Input& input);
  void forget(Input& input);

  // ends.cc
  /** To whoever takes it, and counts it as gone out or dropped: at the latest when the turn ends. */
  void deliver(NodePart& part, const Slice& slice);
  static void count_delivered(NodePart& part, uint32_t packets, uint64_t bytes, Drop refused = Drop::none);
  /** Opens it with its first packet; null where it was stopped, or there are too many. */
  [[nodiscard]] FlowSink* sink_of(NodePart& part, const FlowMark& mark);
  void serve(Source& source);
  void start_timer(Source& source, int64_t at_ns);

  // tuns.cc
  void detach(NodePart& part);
  void serve(Tun& tun);
  enum class FromTun : uint8_t { nothing, packet, segments, fault };
  [[nodiscard]] static FromTun read(Tun& tun, uint8_t* packet, uint32_t& bytes);
  /** False: it is for no node and no group. */
  [[nodiscard]] static bool frame_packet(Tun& tun, uint8_t* frame, uint32_t bytes);
  /** By errno. */
  [[nodiscard]] static Drop write_refusal();
  /** With those before, where it follows them. */
  void join(Tun& tun, const Slice& slice);
  void write_joined(Tun& tun);
  /** Packets of one flow, of which `frame` has the first; errno says why they are not. */
  void count_written(Tun& tun, const uint8_t* frame, uint32_t frame_bytes, uint32_t packets, uint64_t bytes,
                     bool is_written);
  void take_app_flows(NodePart& part, Counts& counts) const;
  void write_all_joined();

  // transfers.cc
  /** The lane that has the end of the transfer that the packet is of; nothing where it is of none. */
  [[nodiscard]] std::optional<uint32_t> transfer_lane(const NodePart& part, const Slice& slice) const;
  /** The same of deliver(); nothing where the packet is of no transfer. */
  [[nodiscard]] std::optional<Drop> deliver_message(NodePart& part, const Slice& slice);
  /** Opens it with its first poll; null where there is no room for it, or this is over. */
  [[nodiscard]] Transfer* receiver_of(NodePart& part, uint32_t from, const lossless::Head& head,
                                      const lossless::Cut& cut);
  void serve(Transfer& transfer);
  [[nodiscard]] PacketHeader write_packet(const Transfer& transfer, const lossless::Outgoing& out, const Slice& slice);
  void end(Transfer& transfer);
  void stop_transfer(NodePart& part, uint32_t flow);

  // streams.cc
  [[nodiscard]] Link& take_link();
  /** Edge-triggered, in and out. */
  [[nodiscard]] bool watch(const Link& link, int fd);
  /** The next hop where it is one that packets go to in streams; else 0. */
  [[nodiscard]] uint32_t stream_hop(NodePart& part, const PacketHeader& header);
  /** Asks for one where there is none; null where there are too many. */
  [[nodiscard]] Way* stream_to(NodePart& part, const PacketHeader& header, uint32_t hop);
  bool retire_stream(NodePart& part);
  /** Its link is being closed. */
  void end_stream(Link& link);
  void end_streams(NodePart& part);
  /** The link to the neighbour has ended: what goes to it in streams has, too, be the kernel told of it or not. */
  void cut_streams(NodePart& part, uint32_t peer);
  /** A stream has ended by itself: was it by a fault, so that something may be lost? */
  static void count_break(Link& link, const char* reason);
  /** Those whose next hop is another now: in order, so a packet of which a part has left leaves whole. */
  void withdraw_streams(NodePart& part);
  void withdraw(NodePart& part, std::unique_ptr<Stream> stream);
  static void count_streams(const NodePart& part, Counts& counts);

  // capture.cc
  void capture(const Link& link, const Slice& slice);
  void write_captures();
  void stop_watching(NodePart& part, uint32_t peer);

  struct Timer {
    int64_t due_ns;
    bool is_link;
    /** Slot and generation of a link, or kTickSubject; node and flow of a source. */
    uint32_t subject;
    uint32_t number;
    [[nodiscard]] bool operator>(const Timer& other) const { return due_ns > other.due_ns; }
  };

  /** Where the last packet went: packets of a flow come in trains. */
  struct Memo {
    const NodePart* part = nullptr;
    std::array<uint8_t, 16> key{};
    std::vector<Way*> ways;
    bool local = false;
    Drop drop = Drop::none;
    uint32_t lost_ways = 0;
  };
  const Memo& resolve(NodePart& part, const uint8_t* frame, const PacketHeader& header);

  const uint32_t index_;
  Hub& hub_;
  Pool reads_;
  Parking parking_;
  Spares spares_;
  UniqueFd epoll_;
  UniqueFd wake_;
  UniqueFd timer_;
  Thread thread_;

  std::atomic<bool> awake_{false};
  std::atomic<bool> room_told_{false};
  std::atomic<bool> stopping_{false};
  std::mutex mutex_;
  std::vector<Order> orders_;

  std::atomic<int64_t> busy_ns_{0};
  int64_t busy_from_ns_ = 0;
  int64_t now_ns_ = 0;
  /** Packets without a route that nobody was told of, and when the next one is. */
  uint64_t misses_ = 0;
  int64_t miss_due_ns_ = 0;
  int64_t armed_ns_ = kNever;
  std::priority_queue<Timer, std::vector<Timer>, std::greater<>> timers_;
  std::unordered_map<uint32_t, std::unique_ptr<NodePart>> nodes_;
  std::deque<Link> links_;
  std::vector<uint32_t> free_links_;
  std::deque<ChannelEnd> ends_;
  std::deque<Input*> ready_;
  std::vector<Link*> dirty_;
  /** Those that may have something joined; more than once. */
  std::vector<Tun*> joining_;
  /** Those that wait for room in another lane or in its links. */
  std::vector<Input*> far_waiters_;
  /** Lanes that were given something in this turn. */
  uint64_t given_ = 0;
  Block* current_ = nullptr;
  uint32_t filled_ = 0;
  /** Which was in use when blocks were freed last: not again for each packet of it. */
  const Block* relieved_ = nullptr;
  const Link* taking_ = nullptr;
  bool starved_ = false;
  bool ticking_ = false;
  bool flushed_ = false;
  Memo memo_;
  LinkSetting default_setting_;
  std::vector<Watch> watches_;
  Outbox outbox_;
};

}  // namespace nslab::engine::lanes
