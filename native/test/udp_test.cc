// Datagrams of links over UDP without sockets: what a sender makes of frames, through a wire that loses, repeats and
// reorders, to what a receiver makes of it. Prints TAP. Usage: udp_test SEED (test/native/udp.test.ts)

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <random>
#include <set>
#include <vector>

#include "engine/packets/big_endian.h"
#include "engine/packets/stream.h"
#include "engine/udp/batch.h"
#include "engine/udp/cookie.h"
#include "engine/udp/receiver.h"
#include "test/check.h"

using namespace nslab;
using namespace nslab::engine;
using namespace nslab::engine::udp;
using namespace nslab::test;

namespace {

using Bytes = std::vector<uint8_t>;
constexpr uint64_t kKey = 0x0123'4567'89ab'cdef;

std::mt19937 chance;
bool once_in(uint32_t times) { return chance() % times == 0; }

/** Its flow is its name. */
Bytes frame(uint32_t name, uint16_t packet_bytes) {
  Bytes bytes(kPacketHeaderBytes + packet_bytes);
  PacketHeader header;
  header.packet_bytes = packet_bytes;
  header.source = 1;
  header.destination = 2;
  header.flow = name;
  encode_header(header, bytes.data());
  for (size_t i = kPacketHeaderBytes; i < bytes.size(); i++) bytes[i] = static_cast<uint8_t>(name + i);
  return bytes;
}

/** Datagrams of a message, as the kernel cuts them. */
void cut(const mmsghdr& message, std::vector<Bytes>& wire) {
  Bytes all;
  for (size_t i = 0; i < message.msg_hdr.msg_iovlen; i++) {
    const iovec& slice = message.msg_hdr.msg_iov[i];
    const auto* from = static_cast<const uint8_t*>(slice.iov_base);
    all.insert(all.end(), from, from + slice.iov_len);
  }
  uint16_t size = 0;
  if (message.msg_hdr.msg_controllen > 0) std::memcpy(&size, CMSG_DATA(CMSG_FIRSTHDR(&message.msg_hdr)), sizeof size);
  const size_t step = size > 0 ? size : all.size();
  for (size_t at = 0; at < all.size(); at += step)
    wire.emplace_back(all.begin() + static_cast<ptrdiff_t>(at),
                      all.begin() + static_cast<ptrdiff_t>(std::min(at + step, all.size())));
}

/** Sends all; false where a rule of messages was broken. */
bool send(Sender& sender, const std::vector<Bytes>& frames, std::vector<Bytes>& wire) {
  bool well = true;
  for (size_t at = 0; at < frames.size();) {
    auto batch = std::make_unique<Batch>(sender);
    size_t added = at;
    while (added < frames.size() && batch->add(frames[added].data(), static_cast<uint32_t>(frames[added].size())))
      added++;
    batch->finish();
    // As when a socket takes not all of them.
    const size_t messages = once_in(4) ? 1 + chance() % batch->messages_count() : batch->messages_count();
    for (size_t i = 0; i < messages; i++) cut(batch->messages()[i], wire);
    const Batch::Left left = batch->left(messages);
    uint64_t bytes = 0, whole = 0;
    for (; bytes < left.frame_bytes; whole++) bytes += frames[at + whole].size();
    well = well && bytes == left.frame_bytes && whole == left.packets;
    at += whole;
    sender.number += left.datagrams;
    sender.packets += left.packets;
  }
  for (const Bytes& datagram : wire)
    well = well && datagram.size() <= std::max(sender.datagram_bytes, kDatagramBytesMin);
  return well;
}

struct Arrived {
  std::vector<Bytes> frames;
  std::vector<FrameBytes> tokens;
  bool well = true;
  bool closed = false;
};

/** Reads datagrams as a lane does: some at a time, one behind the other, what is carried in front. */
void receive(Receiver& receiver, const std::vector<Bytes>& wire, Arrived& arrived) {
  for (size_t at = 0; at < wire.size();) {
    const size_t until = std::min(wire.size(), at + 1 + chance() % 20);
    Bytes memory(receiver.carried().begin(), receiver.carried().end());
    std::vector<std::pair<size_t, size_t>> places;
    for (; at < until; at++) {
      if (wire[at].size() < kHeaderBytes) {
        receiver.ignore();
        continue;
      }
      places.emplace_back(memory.size(), wire[at].size());
      memory.insert(memory.end(), wire[at].begin(), wire[at].end());
    }
    receiver.begin(memory.data());
    for (const auto& [from, size] : places) receiver.settle(static_cast<uint32_t>(from), static_cast<uint32_t>(size));
    const Receiver::Heard heard = receiver.end(static_cast<uint32_t>(memory.size()));
    arrived.closed |= heard.closed;
    arrived.tokens.insert(arrived.tokens.end(), heard.tokens.begin(), heard.tokens.end());
    // Frames and gaps and nothing else, to the last byte.
    std::span<const uint8_t> rest(memory);
    while (!rest.empty() && arrived.well) {
      if (const uint32_t gap = gap_bytes(rest); gap > 0) {
        arrived.well = gap <= rest.size();
        if (arrived.well) rest = rest.subspan(gap);
        continue;
      }
      const NextFrame next = next_frame(rest);
      arrived.well = next.found == Found::packet;
      if (!arrived.well) break;
      arrived.frames.emplace_back(rest.begin(), rest.begin() + static_cast<ptrdiff_t>(next.size));
      rest = rest.subspan(next.size);
    }
  }
}

Bytes word(Kind kind, const Sender& sender, uint64_t number) {
  Bytes bytes(kHeaderBytes);
  encode({kind, 0, 0, kKey, number, sender.packets}, bytes.data());
  if (kind == Kind::token) bytes.resize(kHandshakeBytes, static_cast<uint8_t>(number));
  return bytes;
}

uint32_t name_of(const Bytes& frame) { return read_u32(frame.data() + 16); }

void test_whole_wire() {
  bool well = true, same = true;
  for (const uint32_t datagram : {548u, 1472u, 8972u, 65'507u}) {
    Sender sender{kKey, datagram, once_in(2), 0, 0};
    std::vector<Bytes> frames, wire;
    for (uint32_t i = 0; i < 300; i++) frames.push_back(frame(i, static_cast<uint16_t>(20 + chance() % 3000)));
    for (const uint16_t bytes : {20, 1416, 1417, 40'000, 65'535, 65'535, 20})
      frames.push_back(frame(static_cast<uint32_t>(frames.size()), bytes));
    well = send(sender, frames, wire) && well;
    Receiver receiver(kKey);
    Arrived arrived;
    receive(receiver, wire, arrived);
    // A frame whose parts were begun again comes once all the same.
    same = same && arrived.well && arrived.frames == frames && receiver.counts().lost_packets == 0;
  }
  check(well, "messages: every frame leaves once, whole, in datagrams that the way takes");
  check(same, "a wire that keeps everything: the same frames, in order, of any size");
}

/** One long walk: whatever the wire does, what came and what is lost are all that was sent. */
void test_bad_wire(uint32_t packet_max, const char* what) {
  bool well = true, exact = true, once = true, kept = true;
  for (int round = 0; round < 60; round++) {
    Sender sender{kKey, 1472, once_in(2), 0, 0};
    Receiver receiver(kKey);
    Arrived arrived;
    std::vector<Bytes> frames;
    std::set<uint32_t> due;
    for (int burst = 0; burst < 5; burst++) {
      std::vector<Bytes> more, wire, bad;
      for (uint32_t i = 0; i < 40; i++)
        more.push_back(
            frame(static_cast<uint32_t>(frames.size()) + i, static_cast<uint16_t>(20 + chance() % packet_max)));
      well = send(sender, more, wire) && well;
      frames.insert(frames.end(), more.begin(), more.end());
      for (Bytes& datagram : wire) {
        Header header;
        well = decode(datagram, header) && well;
        if (once_in(8)) continue;
        if (header.parts == 0)
          for (std::span<const uint8_t> rest(datagram.begin() + kHeaderBytes, datagram.end()); !rest.empty();) {
            due.insert(read_u32(rest.data() + 16));
            rest = rest.subspan(next_frame(rest).size);
          }
        if (once_in(10)) bad.push_back(datagram);
        if (once_in(10)) bad.push_back(word(Kind::alive, {}, 0));
        if (once_in(10)) {
          Bytes other = datagram;
          other[chance() % 16] ^= static_cast<uint8_t>(1 + chance() % 255);
          // Parts and their number are no secret that a byte could miss: the key and the magic are.
          if (std::memcmp(other.data() + 5, datagram.data() + 5, 3) == 0) bad.push_back(other);
        }
        if (once_in(20)) bad.emplace_back(chance() % 40, uint8_t{0x4e});
        bad.push_back(std::move(datagram));
        if (bad.size() > 1 && once_in(12)) std::swap(bad[bad.size() - 1], bad[bad.size() - 2]);
      }
      receive(receiver, bad, arrived);
    }
    receive(receiver, {word(once_in(2) ? Kind::alive : Kind::close, sender, sender.number)}, arrived);
    well = well && arrived.well;
    exact = exact && arrived.frames.size() + receiver.counts().lost_packets == frames.size();
    std::set<uint32_t> came;
    for (const Bytes& one : arrived.frames) {
      once = once && came.insert(name_of(one)).second && frames[name_of(one)] == one;
      due.erase(name_of(one));
    }
    kept = kept && due.empty();
  }
  check(well, std::string(what) + ": frames and gaps, to the last byte");
  check(once, std::string(what) + ": a frame comes as it was sent, and once");
  check(kept, std::string(what) + ": none is missing whose datagram came");
  check(exact, std::string(what) + ": what came and what is lost are all that was sent");
}

void test_window() {
  Window window;
  bool well = window.take(0) == Window::Answer::fresh && window.take(0) == Window::Answer::duplicate;
  well = well && window.take(5) == Window::Answer::fresh && window.take(3) == Window::Answer::late;
  well = well && window.take(3) == Window::Answer::duplicate && window.take(5 + 1023) == Window::Answer::fresh;
  well = well && window.take(4) == Window::Answer::too_late && window.take(5) == Window::Answer::duplicate;
  well = well && window.take(6) == Window::Answer::late && window.take(1'000'000) == Window::Answer::fresh;
  check(well && window.take(1'000'000 - 1023) == Window::Answer::late, "numbers: once each, 1,024 of them remembered");
  // Against the slow and obvious: a set.
  Window walked;
  std::set<uint64_t> seen;
  uint64_t next = 0;
  bool same = true;
  for (int i = 0; i < 100'000; i++) {
    const uint64_t number =
        once_in(500) ? next + chance() % 3000 : next + 8 - std::min<uint64_t>(next, chance() % 1500);
    const bool known = seen.contains(number);
    const Window::Answer answer = walked.take(number);
    const auto due = number >= next                  ? Window::Answer::fresh
                     : next - number > Window::kSize ? Window::Answer::too_late
                     : known                         ? Window::Answer::duplicate
                                                     : Window::Answer::late;
    same = same && answer == due;
    if (due != Window::Answer::too_late) seen.insert(number);
    next = std::max(next, number + 1);
  }
  check(same, "numbers: as a set of them would say");
}

void test_counts() {
  Sender sender{kKey, 548, true, 0, 0};
  std::vector<Bytes> wire;
  std::vector<Bytes> frames;
  for (uint32_t i = 0; i < 10; i++) frames.push_back(frame(i, 400));
  (void)send(sender, frames, wire);
  Receiver receiver(kKey);
  Arrived arrived;
  receive(receiver, {wire[0], wire[3], wire[3]}, arrived);
  const ReceiverCounts& counts = receiver.counts();
  check(counts.lost_packets == 2 && counts.lost_datagrams == 2 && counts.duplicate_datagrams == 1,
        "two that did not come, one that came twice");
  receive(receiver, {wire[2]}, arrived);
  check(counts.lost_packets == 1 && counts.lost_datagrams == 1 && counts.reordered_datagrams == 1,
        "one that came late is lost no more");
  receive(receiver, {word(Kind::alive, sender, sender.number)}, arrived);
  check(counts.lost_packets == 7, "the last are missed by what a sign of life says");
  Bytes damaged = wire[5];
  damaged[kHeaderBytes] ^= 1;
  Bytes foreign = wire[5];
  foreign[8] ^= 1;
  Bytes shorter(wire[5].begin(), wire[5].end() - 1), longer = wire[5];
  longer.push_back(0);
  receive(receiver, {damaged, foreign, shorter, longer, Bytes(10), word(Kind::alive, sender, 0), wire[5]}, arrived);
  check(counts.ignored_datagrams == 5 && counts.lost_packets == 6 && arrived.frames.size() == 4 && arrived.well,
        "what is damaged, of another key, cut off or too long does nothing, and the datagram itself still counts");
  receive(receiver,
          {word(Kind::token, sender, 1), word(Kind::token, sender, 1), word(Kind::token, sender, 3),
           word(Kind::token, sender, 2)},
          arrived);
  check(arrived.tokens.size() == 2, "tokens: in order, each once");
  check(!arrived.closed, "and it is not over");
  receive(receiver, {word(Kind::close, sender, sender.number)}, arrived);
  check(arrived.closed, "until the peer says so");
}

void test_layout() {
  HandshakeDatagram bytes =
      encode_handshake({Kind::ready, 0, 0, 1, 2, 3}, {FrameKind::ready, Reason::none, {}, 4, 5, 6});
  Header header;
  Frame frame;
  const auto said = [&] { return decode_handshake(bytes, header, frame); };
  check(said() == Reason::none && header.kind == Kind::ready && header.key == 1 && header.number == 2 &&
            header.packets == 3 && frame.sender == 4 && frame.intended == 5 && frame.incarnation == 6,
        "a datagram of the handshake comes as it was sent");
  bytes[4]++;
  check(said() == Reason::wrong_version, "another version is told");
  bytes[4]--;
  bytes[5] = static_cast<uint8_t>(Kind::hello);
  check(said() == Reason::malformed, "a hello with a ready in it is none");
  bytes[5] = static_cast<uint8_t>(Kind::token);
  check(said() == Reason::malformed, "nor is a token one of the handshake");
  check(decode_handshake(std::span(bytes).first(71), header, frame) == Reason::truncated,
        "one that is cut off is told");
}

void test_cookies() {
  // The vector of the paper's appendix has bytes 00 to 0e; its first eight with the length's word are another: this one
  // is of the reference implementation, for the message of the bytes 00 to 07.
  check(siphash({0x0706050403020100, 0x0f0e0d0c0b0a0908}, std::array<uint64_t, 1>{0x0706050403020100}) ==
            0x93f5f5799a932462,
        "SipHash: the reference's vector of eight bytes");
  const Cookies cookies({1, 2});
  const Cookies::Of of{*netns::Endpoint::parse("10.0.0.1", 7), 1, 2, 3};
  const uint64_t cookie = cookies.make(of, 12'000'000'000);
  check(cookies.holds(cookie, of, 14'000'000'000) && cookies.holds(cookie, of, 19'000'000'000), "a cookie holds");
  check(!cookies.holds(cookie, of, 20'000'000'000), "but not for long");
  Cookies::Of other = of;
  other.from.port++;
  Cookies::Of third = of;
  third.key++;
  check(!cookies.holds(cookie, other, 12'000'000'000) && !cookies.holds(cookie, third, 12'000'000'000) &&
            !Cookies({1, 3}).holds(cookie, of, 12'000'000'000),
        "nor from elsewhere, for another dial, or of another listener");
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 2) return 2;
  chance.seed(static_cast<uint32_t>(std::strtoul(argv[1], nullptr, 10)));
  test_layout();
  test_cookies();
  test_window();
  test_counts();
  test_whole_wire();
  test_bad_wire(1400, "a bad wire");
  test_bad_wire(9000, "a bad wire, frames in parts");
  return end_checks();
}
