// The source's end of a lossless transfer. It knows no clock, no socket and no thread: packets go where next() says,
// when the caller can send them; reports come in by take().
//
// It asks every receiver to begin (polls) and then sends block after block, a window ahead of the slowest receiver,
// over the trees by their weights. What a receiver reports missing goes again, over the trees in turn, and from then on
// to that receiver alone. It ends when every receiver has said what became of the whole, has left, or was not heard of
// for too long. Members that join a group later are none of its receivers.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <vector>

#include "engine/lossless/message.h"
#include "engine/lossless/parity.h"
#include "engine/lossless/transfer.h"

namespace nslab::engine::lossless {

class Sender {
 public:
  /** `library`: where there is parity. The cut is good. Allocates all that it needs. */
  Sender(uint32_t node, const TransferSetting& setting, const IsaL* library, uint32_t start, int64_t now_ns);

  /** What to send now; nothing: not before next_ns(). The same until made() is called, unless it has become needless.
   */
  [[nodiscard]] std::optional<Outgoing> next(int64_t now_ns);
  /** Writes it. */
  void write(std::span<uint8_t> message);
  /** It was sent, or is lost. */
  void made(int64_t now_ns);
  [[nodiscard]] int64_t next_ns() const { return next_ns_; }

  /** From a node; whole is a report of this flow. True where it is over with this. */
  bool take(uint32_t from, const Head& head, std::span<const uint8_t> report, int64_t now_ns);
  /** It sends no more: receivers that have not got all are told to be stopped. */
  void stop(int64_t now_ns);
  [[nodiscard]] bool finished() const { return stats_.finished; }
  [[nodiscard]] SenderStats stats() const;

 private:
  struct Slot {
    uint32_t block = 0;
    std::vector<uint8_t> bytes;
    std::vector<int64_t> last_ns;
    std::vector<uint8_t> attempts;
  };
  struct Peer {
    PeerStats stats;
    bool ready = false;
    uint32_t base = 0;
    int64_t heard_ns = 0;
    int64_t poll_ns = 0;
    int64_t gap_ns = kPollFirstNs;
    /** Since it was heard. */
    uint32_t polls = 0;
  };
  struct Repair {
    uint32_t block = 0;
    uint16_t index = 0;
    uint16_t attempt = 0;
    uint32_t to = 0;
  };
  struct Pending {
    Kind kind = Kind::symbol;
    bool is_repair = false;
    uint32_t block = 0;
    uint32_t index = 0;
    size_t peer = 0;
    Outgoing out;
  };

  [[nodiscard]] bool is_over(const Peer& peer) const { return peer.stats.outcome != Outcome::pending; }
  [[nodiscard]] Slot& slot_of(uint32_t block) { return slots_[block % setting_.cut.window_blocks]; }
  [[nodiscard]] bool all_sent() const { return block_ == setting_.cut.blocks(); }
  [[nodiscard]] bool plan_poll(int64_t now_ns);
  [[nodiscard]] bool plan_repair(int64_t now_ns);
  [[nodiscard]] bool plan_symbol(int64_t now_ns);
  void plan(const Pending& pending, uint32_t bytes);
  void load(uint32_t block);
  void end_block(int64_t now_ns);
  void ask(Peer& peer, const Entry& entry, int64_t now_ns);
  void advance(int64_t now_ns);
  [[nodiscard]] bool may_begin(int64_t now_ns);
  [[nodiscard]] std::optional<uint16_t> tree_at(uint32_t turn) const;
  [[nodiscard]] std::optional<uint16_t> next_tree();

  TransferSetting setting_;
  SenderStats stats_;
  Parity parity_, last_parity_;
  Sha256 sha_;
  std::vector<Peer> peers_;
  std::map<uint32_t, size_t> peer_of_;
  std::vector<int64_t> credits_;
  std::vector<Slot> slots_;
  std::vector<Repair> repairs_;
  size_t repair_front_ = 0, repairs_count_ = 0;
  const uint32_t start_;
  const int64_t began_ns_;
  bool begun_ = false;
  /** Every receiver has what is before; what is being sent. */
  uint32_t base_ = 0, block_ = 0, index_ = 0;
  int64_t polls_ns_ = 0;
  int64_t paced_ns_ = 0;
  int64_t next_ns_ = 0;
  std::optional<Pending> pending_;
};

}  // namespace nslab::engine::lossless
