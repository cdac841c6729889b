// Frames into datagrams, and datagrams into messages for one system call: as many whole frames a datagram as fit, a
// frame that fits into none in parts of its own, and datagrams of one size in one message that the kernel cuts
// (UDP_SEGMENT).
#pragma once

#include <sys/socket.h>
#include <sys/uio.h>

#include <array>
#include <cstddef>
#include <cstdint>

#include "engine/udp/datagram.h"

namespace nslab::engine::udp {

/** A datagram of no less is made: 255 parts hold the largest frame. */
inline constexpr uint32_t kDatagramBytesMin = 548;

/** What the sending end of a link knows. */
struct Sender {
  /** The peer's. */
  uint64_t key = 0;
  /** Header and all. */
  uint32_t datagram_bytes = kDatagramBytesMin;
  /** The kernel cuts messages. */
  bool cuts = true;
  /** Of the next datagram with data. */
  uint64_t number = 0;
  /** Packets that left so far. */
  uint64_t packets = 0;
};

class Batch {
 public:
  static constexpr size_t kDatagramsMax = 160;
  static constexpr size_t kSlicesMax = 512;
  /** Each datagram alone: the largest frame has to leave in one batch, or never would. */
  static constexpr size_t kMessagesMax = kDatagramsMax;
  /** UDP_MAX_SEGMENTS of kernels before 6.2. */
  static constexpr size_t kCutsMax = 64;

  explicit Batch(const Sender& sender) : sender_(sender) {}

  /** False where it is full: the frame is of the next batch. */
  [[nodiscard]] bool add(const uint8_t* frame, uint32_t size);
  /** Numbers the datagrams. After it nothing is added. */
  void finish();

  [[nodiscard]] mmsghdr* messages() { return messages_.data(); }
  [[nodiscard]] size_t messages_count() const { return messages_count_; }

  /** What has left with the first `messages`. */
  struct Left {
    uint64_t datagrams = 0;
    /** Whole, with headers: those whose last part has left. */
    uint64_t frame_bytes = 0;
    uint64_t packets = 0;
  };
  [[nodiscard]] Left left(size_t messages) const;
  [[nodiscard]] bool is_cut(size_t message) const { return ends_[message] - begin_of(message) > 1; }

 private:
  struct Datagram {
    uint32_t first_slice;
    uint32_t slices;
    /** Header and all. */
    uint32_t size;
    uint32_t frame_bytes;
    uint32_t packets;
    uint8_t part;
    uint8_t parts;
  };
  struct alignas(cmsghdr) Control {
    std::array<uint8_t, CMSG_SPACE(sizeof(uint16_t))> bytes;
  };

  Datagram& open();
  void slice(Datagram& datagram, const uint8_t* from, uint32_t size);
  [[nodiscard]] bool add_parts(const uint8_t* frame, uint32_t size, uint32_t room);
  void group();
  [[nodiscard]] size_t begin_of(size_t message) const { return message == 0 ? 0 : ends_[message - 1]; }

  const Sender& sender_;
  size_t datagrams_count_ = 0;
  size_t slices_count_ = 0;
  size_t messages_count_ = 0;
  // What is not counted above is not read: none of it is set before.
  std::array<Datagram, kDatagramsMax> datagrams_;
  std::array<std::array<uint8_t, kHeaderBytes>, kDatagramsMax> headers_;
  std::array<iovec, kSlicesMax> slices_;
  std::array<mmsghdr, kMessagesMax> messages_;
  std::array<Control, kMessagesMax> controls_;
  /** Datagrams up to the end of each message. */
  std::array<size_t, kMessagesMax> ends_;
};

}  // namespace nslab::engine::udp
