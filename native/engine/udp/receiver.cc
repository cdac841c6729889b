#include "engine/udp/receiver.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include "engine/packets/big_endian.h"
#include "engine/packets/stream.h"

namespace nslab::engine::udp {
namespace {

/** No frame and no datagram begins with it. */
constexpr uint32_t kGapMagic = 0x4e53'4c00;

/** Packets that the bytes are, whole; 0 where they are anything else. */
uint64_t packets_in(std::span<const uint8_t> bytes) {
  uint64_t count = 0;
  for (; !bytes.empty(); count++) {
    const NextFrame next = next_frame(bytes);
    if (next.found != Found::packet) return 0;
    bytes = bytes.subspan(next.size);
  }
  return count;
}

}  // namespace

uint32_t gap_bytes(std::span<const uint8_t> bytes) {
  return bytes.size() >= 8 && read_u32(bytes.data()) == kGapMagic ? read_u32(bytes.data() + 4) : 0;
}

Window::Answer Window::take(uint64_t number) {
  const auto word = [&](uint64_t of) -> uint64_t& { return seen_[of % kSize / 64]; };
  const auto bit = [](uint64_t of) { return uint64_t{1} << of % 64; };
  if (number >= next_) {
    const uint64_t ahead = number - next_;
    if (ahead >= kSize) seen_.fill(0);
    else
      for (uint64_t missing = next_; missing != number; missing++) word(missing) &= ~bit(missing);
    word(number) |= bit(number);
    next_ = number + 1;
    return Answer::fresh;
  }
  if (next_ - number > kSize) return Answer::too_late;
  if (word(number) & bit(number)) return Answer::duplicate;
  word(number) |= bit(number);
  return Answer::late;
}

void Receiver::mark(uint32_t from, uint32_t to) {
  write_u32(memory_ + from, kGapMagic);
  write_u32(memory_ + from + 4, to - from);
}

void Receiver::begin(uint8_t* memory) {
  memory_ = memory;
  heard_ = {};
  open_at_ = 0;
  open_size_ = static_cast<uint32_t>(carried_.size());
}

/** What there is of a frame will not become whole. `at`: where what follows begins. */
void Receiver::abandon(uint32_t at) {
  if (!std::exchange(open_, false)) return;
  mark(open_at_, at);
}

void Receiver::account(uint64_t announced, uint64_t received) {
  announced_ = std::max(announced_, announced);
  received_ += received;
  counts_.lost_packets = announced_ > received_ ? announced_ - received_ : 0;
}

void Receiver::settle(uint32_t at, uint32_t size) {
  Header header;
  const std::span<const uint8_t> bytes{memory_ + at, size};
  if (!decode(bytes, header) || header.key != key_) {
    counts_.ignored_datagrams++;
    // What lies behind an unfinished frame becomes part of its gap.
    if (!open_) mark(at, at + size);
    return;
  }
  // Those of the handshake are said again now and then: nothing is wrong with them, and they are no sign of life.
  if (header.kind > Kind::reject) heard_.any = true;
  bool is_gap = true;
  switch (header.kind) {
    case Kind::data:
      is_gap = take_data(header, at, size);
      break;
    case Kind::alive:
    case Kind::close:
      account(header.packets, 0);
      heard_.closed |= header.kind == Kind::close;
      break;
    case Kind::token:
      take_token(header, memory_ + at + kHeaderBytes);
      break;
    case Kind::token_heard:
      heard_.answered = std::max(heard_.answered, header.number);
      break;
    default:
      break;
  }
  if (is_gap && !open_) mark(at, at + size);
}

bool Receiver::take_number(const Header& header) {
  const uint64_t before = window_.next();
  switch (window_.take(header.number)) {
    case Window::Answer::fresh:
      counts_.lost_datagrams += header.number - before;
      return true;
    case Window::Answer::late:
      counts_.lost_datagrams--;
      counts_.reordered_datagrams++;
      return true;
    case Window::Answer::duplicate:
      counts_.duplicate_datagrams++;
      return false;
    case Window::Answer::too_late:
      counts_.ignored_datagrams++;
      return false;
  }
  return false;
}

/** True where all of the datagram is a gap. */
bool Receiver::take_data(const Header& header, uint32_t at, uint32_t size) {
  const uint32_t from = at + static_cast<uint32_t>(kHeaderBytes), to = at + size;
  const uint64_t whole = header.parts == 0 ? packets_in({memory_ + from, to - from}) : 0;
  // Looked at before its number counts: one that is damaged is as lost as one that never came.
  if ((header.parts == 0 && whole == 0) || whole > header.packets) {
    counts_.ignored_datagrams++;
    return true;
  }
  if (!take_number(header)) return true;
  account(header.packets, whole);
  if (header.parts == 0) {
    abandon(at);
    mark(at, from);
    return false;
  }
  const bool goes_on = open_ && header.number == next_number_ && header.part == next_part_ && header.parts == parts_ &&
                       open_size_ + (to - from) <= kStreamFrameMax;
  if (!goes_on) {
    abandon(at);
    if (header.part != 0) return true;
    mark(at, from);
    open_ = true;
    open_at_ = from;
    open_size_ = 0;
    parts_ = header.parts;
    next_part_ = 0;
  }
  std::memmove(memory_ + open_at_ + open_size_, memory_ + from, to - from);
  open_size_ += to - from;
  next_number_ = header.number + 1;
  next_part_++;
  if (next_part_ < parts_) return false;
  open_ = false;
  const NextFrame frame = next_frame({memory_ + open_at_, open_size_});
  if (frame.found != Found::packet || frame.size != open_size_) {
    counts_.ignored_datagrams++;
    mark(open_at_, to);
    return false;
  }
  account(0, 1);
  mark(open_at_ + open_size_, to);
  return false;
}

void Receiver::take_token(const Header& header, const uint8_t* frame) {
  account(header.packets, 0);
  // One at a time is under way: another number is of one that was heard, or of nobody's.
  if (header.number > tokens_ + 1) return;
  heard_.to_answer.push_back(header.number);
  if (header.number != tokens_ + 1) return;
  tokens_++;
  std::copy_n(frame, kFrameBytes, heard_.tokens.emplace_back().begin());
}

Receiver::Heard Receiver::end(uint32_t size) {
  carried_.clear();
  if (open_) {
    const uint8_t* from = memory_ + open_at_;
    carried_.assign(from, from + open_size_);
    if (size > 0) mark(open_at_, size);
  }
  memory_ = nullptr;
  return std::exchange(heard_, {});
}

}  // namespace nslab::engine::udp
