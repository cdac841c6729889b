// What links over UDP say: one layout of 32 bytes in front of every datagram, and what follows it. Documented once,
// here. A link's socket is connected, and a datagram that doesn't name the key which its receiver has drawn for this
// link is nobody's.
//
// Numbers in network byte order:
//
//    0  4  magic "NSLU"             8  8  key of the receiver; 0 in a hello and a ready, whose receiver has drawn none
//    4  1  version (1)             16  8  number, by kind
//    5  1  kind                    24  8  packets, by kind
//    6  1  part, 7  1  parts: of a frame that needs several datagrams; 0 and 0: whole frames
//
// Data: `number` counts the link's datagrams with data from 0. `packets`: how many packets the sender has begun to send
// on this link so far, those in this datagram included. Behind it whole frames of packets.h; or, with parts, one part
// of one frame: parts of a frame follow each other without any other data between. Alive: `number` is the next that
// data will have, `packets` as above: what is lost at the end is known by it. Close: the same, and nothing follows.
// Token: `number` counts tokens from 1, `packets` as above, and the token's frame of 40 bytes follows; it is said again
// until the token_heard of the same number comes.
//
// The handshake proves the same as that of TCP (src/protocol/link-handshake.ts), with the same frames behind the
// header:
//
//    dialler                                listener
//    hello (number: its own key)    ─────▶  checks it; keeps nothing
//    checks it         ◀───── challenge (key of the dialler, packets: cookie) with a hello
//    ready (number: key, packets: cookie) ▶ checks it again, opens a socket of the link's own
//    connects to it       ◀───── go (key of the dialler, number: key of the link's listener end, packets: port)
//
// A cookie is made of address, port, both ids, the dialler's key and the time, with a secret: who can't read what is
// sent to that address has none, and one is good for 10 s at most, once. The dialler says hello or ready again until it
// is answered. The listener's end sends nothing to a dialler that it hasn't heard on the link's own socket. A reject
// (key of the dialler) with the reason answers a hello or ready that isn't taken.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

#include "engine/handshake.h"

namespace nslab::engine::udp {

inline constexpr size_t kHeaderBytes = 32;
inline constexpr size_t kHandshakeBytes = kHeaderBytes + kFrameBytes;
inline constexpr uint8_t kVersion = 1;
/** What one system call may send or bring as one message, of several datagrams (UDP_SEGMENT) or of one. */
inline constexpr uint32_t kMessageBytes = 32 * 1024;
/** Least bytes of a part that is not the last. */
inline constexpr uint32_t kPartBytesMin = 256;

enum class Kind : uint8_t {
  hello = 1,
  challenge,
  ready,
  go,
  reject,
  data,
  alive,
  close,
  token,
  token_heard,
};
inline constexpr uint8_t kKindMax = 10;

struct Header {
  Kind kind = Kind::hello;
  uint8_t part = 0;
  uint8_t parts = 0;
  uint64_t key = 0;
  uint64_t number = 0;
  uint64_t packets = 0;
};

void encode(const Header& header, uint8_t* out);
/** False: `bytes` are no datagram of this version, or of a size that its kind can't have. */
[[nodiscard]] bool decode(std::span<const uint8_t> bytes, Header& header);

using HandshakeDatagram = std::array<uint8_t, kHandshakeBytes>;
[[nodiscard]] HandshakeDatagram encode_handshake(const Header& header, const Frame& frame);
/** Of a datagram of the handshake's kinds and size: none, malformed or wrong_version; and whether the frame fits. */
[[nodiscard]] Reason decode_handshake(std::span<const uint8_t> bytes, Header& header, Frame& frame);

}  // namespace nslab::engine::udp
