// The receiving end of a link over UDP: which datagrams count, and what of the sender's packets is missing. Pure: bytes
// and numbers in, the same bytes settled and numbers out.
//
// Datagrams lie one behind the other in memory, as they were read. settle() turns each in place into frames and gaps:
// what is no frame (headers, duplicates, strangers' bytes) is marked as a gap, and the parts of a frame are moved
// together. So a packet is not copied, unless it came in parts.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "engine/udp/datagram.h"

namespace nslab::engine::udp {

/** A gap's size, where `bytes` begin with one; else 0. */
[[nodiscard]] uint32_t gap_bytes(std::span<const uint8_t> bytes);

/** Numbers of datagrams that came, the last 1,024 of them exactly. */
class Window {
 public:
  enum class Answer : uint8_t {
    fresh,
    /** The first of its number, after a later one. */
    late,
    duplicate,
    /** Behind the window: nobody knows. */
    too_late,
  };
  static constexpr uint64_t kSize = 1024;

  [[nodiscard]] Answer take(uint64_t number);
  /** One more than the highest that came. */
  [[nodiscard]] uint64_t next() const { return next_; }

 private:
  uint64_t next_ = 0;
  std::array<uint64_t, kSize / 64> seen_{};
};

struct ReceiverCounts {
  /** Packets that the sender says to have sent, and that have not come: late ones may still come. */
  uint64_t lost_packets = 0;
  uint64_t lost_datagrams = 0;
  uint64_t duplicate_datagrams = 0;
  uint64_t reordered_datagrams = 0;
  /** Malformed, of another key, or behind the window. */
  uint64_t ignored_datagrams = 0;
};

class Receiver {
 public:
  explicit Receiver(uint64_t key) : key_(key) {}

  /** What was heard between begin() and end(). */
  struct Heard {
    /** Anything of the peer. */
    bool any = false;
    bool closed = false;
    /** Tokens in their order, each once. */
    std::vector<FrameBytes> tokens;
    /** Numbers of tokens that are to be answered, and the highest that the peer has answered. */
    std::vector<uint64_t> to_answer;
    uint64_t answered = 0;
  };

  /** Of the unfinished frame: bytes that have to lie at the beginning of the memory given to begin(). */
  [[nodiscard]] std::span<const uint8_t> carried() const { return carried_; }
  void begin(uint8_t* memory);
  /** The datagram of `size` bytes, kHeaderBytes or more, at `at` of the memory, behind what came before. */
  void settle(uint32_t at, uint32_t size);
  /** `size`: bytes of the memory, all of which are frames and gaps afterwards. */
  [[nodiscard]] Heard end(uint32_t size);
  /** A datagram too short to be one. */
  void ignore() { counts_.ignored_datagrams++; }

  [[nodiscard]] const ReceiverCounts& counts() const { return counts_; }

 private:
  void mark(uint32_t from, uint32_t to);
  void abandon(uint32_t at);
  bool take_data(const Header& header, uint32_t at, uint32_t size);
  [[nodiscard]] bool take_number(const Header& header);
  void take_token(const Header& header, const uint8_t* frame);
  void account(uint64_t announced, uint64_t received);

  const uint64_t key_;
  Window window_;
  ReceiverCounts counts_;
  uint64_t announced_ = 0;
  uint64_t received_ = 0;
  uint64_t tokens_ = 0;

  // A frame in parts: the number and the part that have to come next, and what there is of it.
  bool open_ = false;
  uint64_t next_number_ = 0;
  uint8_t next_part_ = 0;
  uint8_t parts_ = 0;
  uint32_t open_at_ = 0;
  uint32_t open_size_ = 0;
  std::vector<uint8_t> carried_;

  uint8_t* memory_ = nullptr;
  Heard heard_;
};

}  // namespace nslab::engine::udp
