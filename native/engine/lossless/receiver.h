// A receiver's end of a lossless transfer: as free of clock, socket and thread as the source's (sender.h). It keeps a
// window of blocks, makes each whole from what has come of it, and hashes them in order; the payload itself is not
// kept.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "engine/lossless/message.h"
#include "engine/lossless/parity.h"
#include "engine/lossless/transfer.h"

namespace nslab::engine::lossless {

class Receiver {
 public:
  /** As a poll says. `library`: where there is parity. */
  Receiver(uint32_t node, uint32_t source, const Head& head, const Cut& cut, const IsaL* library, int64_t now_ns);
  /** What its blocks in flight take, at most. */
  [[nodiscard]] static uint64_t bytes_of(const Cut& cut);

  /** False where it can be none of this transfer. */
  [[nodiscard]] bool take_symbol(const Head& head, std::span<const uint8_t> message, int64_t now_ns);
  /** True where it is over with this. */
  bool take_poll(const Head& head, const Poll& poll, int64_t now_ns);
  /** It is no member any more. */
  void leave(int64_t now_ns);
  /** It asks for nothing more, and says nothing unless it is asked. */
  void stop();

  [[nodiscard]] std::optional<Outgoing> next(int64_t now_ns);
  void write(std::span<uint8_t> message);
  void made(int64_t now_ns);
  [[nodiscard]] int64_t next_ns() const { return next_ns_; }

  [[nodiscard]] const ReceiverStats& stats() const { return stats_; }
  [[nodiscard]] uint32_t start() const { return start_; }
  [[nodiscard]] uint32_t source() const { return stats_.source; }
  [[nodiscard]] uint32_t group() const { return cut_.group; }
  [[nodiscard]] bool is_over() const { return stats_.outcome != Outcome::pending; }

 private:
  struct Slot {
    uint32_t have = 0;
    bool whole = false;
    std::array<bool, kSymbolsMax> has{};
    std::vector<uint8_t> bytes;
    int64_t last_ns = 0;
    int64_t asked_ns = 0;
    int64_t gap_ns = 0;
  };

  [[nodiscard]] Slot& slot_of(uint32_t block) { return slots_[block % cut_.window_blocks]; }
  void know(uint32_t blocks, int64_t now_ns);
  void complete(uint32_t block, int64_t now_ns);
  void clear(Slot& slot, int64_t now_ns);
  [[nodiscard]] int64_t first_gap() const;
  [[nodiscard]] int64_t due_ns(Slot& slot) const;

  const Cut cut_;
  const uint32_t blocks_;
  const uint32_t start_;
  ReceiverStats stats_;
  Parity parity_, last_parity_;
  Sha256 sha_;
  std::vector<Slot> slots_;
  /** Whole up to here; something was sent of blocks below this. */
  uint32_t base_ = 0, known_ = 0;
  /** All of blocks below this was sent. */
  uint32_t sent_ = 0;
  uint32_t told_base_ = 0;
  /** When a report is due whatever is missing; kNeverNs: when something is. */
  int64_t report_ns_ = 0;
  int64_t heard_ns_ = 0;
  /** Of a poll: all that is missing is told, due or not. */
  bool tells_all_ = true;
  /** From asking to the answer. */
  int64_t round_ns_ = 0;
  int64_t next_ns_ = 0;
  /** Blocks that the next report names. */
  std::array<uint32_t, kEntriesMax> asks_{};
  uint32_t asks_count_ = 0;
  bool planned_ = false;
};

}  // namespace nslab::engine::lossless
