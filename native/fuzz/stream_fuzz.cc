// libFuzzer target: bytes of a link, in pieces that the input itself chooses. The parser gives what next_frame() gives
// of the same bytes in one, every packet that it lets pass can be encoded again to the same bytes, and nothing is read
// or written elsewhere.

#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <vector>

#include "engine/packets/stream.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace nslab::engine;
  if (size < 2) return 0;
  const size_t piece_max = size_t{data[0]} + 1;
  std::span<const uint8_t> rest{data + 1, size - 1};
  size_t at = 0;
  // Made once: its buffer takes longer to make than an input to read.
  static StreamParser parser;
  parser.reset();
  StreamParser::Frame frame;
  while (at < size - 1) {
    const size_t count = std::min(piece_max, size - 1 - at);
    // Of its own, so that a byte too far is seen.
    const std::vector<uint8_t> piece(data + 1 + at, data + 1 + at + count);
    at += count;
    parser.feed(piece);
    while (parser.next(frame)) {
      const NextFrame next = next_frame(rest);
      if (next.found != frame.found || next.size != frame.bytes.size()) std::abort();
      if (std::memcmp(rest.data(), frame.bytes.data(), next.size) != 0) std::abort();
      if (next.found == Found::packet) {
        uint8_t again[kPacketHeaderBytes];
        encode_header(frame.header, again);
        if (std::memcmp(again, rest.data(), sizeof again) != 0) std::abort();
      }
      rest = rest.subspan(next.size);
    }
    if (parser.fault() != FrameFault::none) {
      const NextFrame next = next_frame(rest);
      if (next.found != Found::fault || next.fault != parser.fault()) std::abort();
      return 0;
    }
  }
  if (parser.pending() != rest.size() || (!rest.empty() && next_frame(rest).found != Found::more)) std::abort();
  return 0;
}
