// Frames out of the bytes of a link that is up: packets, and the tokens of src/protocol/link-handshake.ts between them.
// next_frame() is for who has the bytes in a block already; StreamParser for bytes that come in pieces of any size.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>

#include "engine/handshake.h"
#include "engine/packets/frame.h"

namespace nslab::engine {

inline constexpr size_t kStreamFrameMax = kPacketHeaderBytes + kPacketBytesMax;

enum class Found : uint8_t {
  packet,
  token,
  /** No whole frame yet. `size`: bytes that it takes at least, more than there are. */
  more,
  /** The stream ends here: nothing after a fault can be told apart. */
  fault,
};

struct NextFrame {
  Found found = Found::more;
  FrameFault fault = FrameFault::none;
  /** Of the frame, header and all. */
  size_t size = 0;
  /** Of a packet. */
  PacketHeader header;
};

/** What the bytes begin with. A wrong start is told before the header is whole. */
[[nodiscard]] NextFrame next_frame(std::span<const uint8_t> bytes);

/**
 * Takes bytes in pieces as they come, and gives each frame whole: from the piece itself, or, where it came in several,
 * from a buffer made at start. After a fault it gives nothing more.
 *
 *   parser.feed(piece);
 *   while (parser.next(frame)) …   // frame.bytes: until the next call
 *   if (parser.fault() != FrameFault::none) …
 */
class StreamParser {
 public:
  struct Frame {
    Found found = Found::more;
    PacketHeader header;
    std::span<const uint8_t> bytes;
  };

  StreamParser();
  /** Begins anew, as for another link. */
  void reset();
  /** The bytes must stay until next() has said false. */
  void feed(std::span<const uint8_t> piece);
  /** False where no frame is whole. */
  [[nodiscard]] bool next(Frame& frame);
  [[nodiscard]] FrameFault fault() const { return fault_; }
  /** Bytes of a frame that is not whole yet: a stream that ends with some was cut off. */
  [[nodiscard]] size_t pending() const { return kept_ + piece_.size(); }

 private:
  [[nodiscard]] bool next_of_piece(Frame& frame);
  void keep(size_t upto);

  std::unique_ptr<uint8_t[]> buffer_;
  size_t kept_ = 0;
  /** The frame in the buffer has been given: the buffer is empty again at the next call. */
  bool given_ = false;
  std::span<const uint8_t> piece_;
  FrameFault fault_ = FrameFault::none;
};

}  // namespace nslab::engine
