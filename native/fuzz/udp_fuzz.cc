// libFuzzer target: datagrams of a link, of sizes that the input itself chooses, and half of them with the right
// header. Whatever comes, what is left of it is frames and gaps to the last byte, and nothing is read or written
// elsewhere.

#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <memory>

#include "engine/packets/big_endian.h"
#include "engine/packets/stream.h"
#include "engine/udp/receiver.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace nslab::engine;
  constexpr uint64_t kKey = 7;
  udp::Receiver receiver(kKey);
  while (size > 3) {
    // Read at once: so many datagrams, behind what is carried.
    const size_t carried = receiver.carried().size();
    const size_t datagrams = 1 + data[0] % 4;
    const size_t taken = std::min(size - 1, datagrams * 256);
    // Of its own, so that a byte too far is seen.
    const std::unique_ptr<uint8_t[]> memory(new uint8_t[carried + taken]);
    std::ranges::copy(receiver.carried(), memory.get());
    std::copy_n(data + 1, taken, memory.get() + carried);
    data += 1 + taken;
    size -= 1 + taken;
    receiver.begin(memory.get());
    size_t at = carried;
    const size_t end = carried + taken;
    for (; end - at >= udp::kHeaderBytes;) {
      uint8_t* datagram = memory.get() + at;
      const size_t wanted = udp::kHeaderBytes + datagram[0];
      const size_t bytes = std::min(wanted, end - at);
      // What chance alone would hardly find.
      if ((datagram[1] & 1) != 0) {
        udp::Header header{
            static_cast<udp::Kind>(1 + datagram[2] % udp::kKindMax), 0, 0, kKey, datagram[3], datagram[7]};
        if (header.kind == udp::Kind::data && (datagram[1] & 2) != 0) {
          header.part = datagram[4] % 3;
          header.parts = 3;
        }
        udp::encode(header, datagram);
      }
      receiver.settle(static_cast<uint32_t>(at), static_cast<uint32_t>(bytes));
      at += bytes;
    }
    (void)receiver.end(static_cast<uint32_t>(at));
    std::span<const uint8_t> rest(memory.get(), at);
    while (!rest.empty()) {
      if (const uint32_t gap = udp::gap_bytes(rest); gap > 0) {
        if (gap > rest.size()) std::abort();
        rest = rest.subspan(gap);
        continue;
      }
      const NextFrame next = next_frame(rest);
      if (next.found != Found::packet) std::abort();
      rest = rest.subspan(next.size);
    }
  }
  udp::Header header;
  Frame frame;
  const std::span<const uint8_t> left(data, size);
  if (udp::decode_handshake(left, header, frame) == Reason::none && left.size() != udp::kHandshakeBytes) std::abort();
  return 0;
}
