// Frames, streams of them, IP packets, and memory: every fault of a header, streams in pieces of any size, and what
// built-in flows write. A part of packets_test.cc.

#include <algorithm>
#include <map>

#include "engine/handshake.h"
#include "engine/packets/drop.h"
#include "engine/packets/ip.h"
#include "engine/packets/spares.h"
#include "engine/packets/stream.h"
#include "test/packets_parts.h"

namespace nslab::test::frames {

using namespace engine;
using Bytes = std::vector<uint8_t>;

Bytes frame_of(uint16_t packet_bytes, uint8_t flags = 0, uint16_t tree = 0) {
  PacketHeader header;
  header.packet_bytes = packet_bytes;
  header.source = 3;
  header.destination = 4;
  header.flow = 77;
  header.flags = flags;
  header.tree = tree;
  Bytes bytes(kPacketHeaderBytes + packet_bytes, 0xab);
  encode_header(header, bytes.data());
  return bytes;
}

void test_faults() {
  struct Case {
    FrameFault fault;
    size_t at;
    std::vector<uint8_t> bytes;
  };
  const Case cases[] = {
      {FrameFault::magic, 0, {'X'}},
      {FrameFault::magic, 3, {'X'}},
      {FrameFault::version, 4, {2}},
      {FrameFault::version, 4, {0}},
      {FrameFault::kind, 5, {6}},
      {FrameFault::kind, 5, {1}},
      {FrameFault::length, 6, {0, 19}},
      {FrameFault::length, 6, {0, 0}},
      {FrameFault::flags, 20, {0x7f, 0xff}},
      {FrameFault::tree, 20, {0x80, 0, 0, 1}},
      {FrameFault::flags, 20, {0x40}},
      {FrameFault::tree, 22, {0, 1}},
      {FrameFault::node, 8, {0, 0, 0, 0}},
      {FrameFault::node, 12, {0, 0, 0, 0}},
  };
  for (const Case& one : cases) {
    Bytes bytes = frame_of(100);
    std::ranges::copy(one.bytes, bytes.begin() + static_cast<ptrdiff_t>(one.at));
    PacketHeader header;
    const FrameFault fault = decode_header(bytes.data(), header);
    StreamParser parser;
    StreamParser::Frame frame;
    parser.feed(bytes);
    const bool given = parser.next(frame);
    check(fault == one.fault && !given && parser.fault() == one.fault,
          std::string("a wrong ") + fault_name(one.fault) + " at " + std::to_string(one.at) + " is told");
    parser.feed(bytes);
    if (parser.next(frame)) check(false, "nothing comes after a fault");
  }
}

/** What a stream gives, as text, where its bytes come in pieces up to `piece_max`. */
std::string parsed(const Bytes& bytes, size_t piece_max, std::mt19937& random) {
  StreamParser parser;
  std::string text;
  for (size_t at = 0; at < bytes.size();) {
    const size_t count = std::min<size_t>(random() % piece_max + 1, bytes.size() - at);
    // A copy of its own: a byte too far is seen.
    const Bytes piece(bytes.begin() + static_cast<ptrdiff_t>(at), bytes.begin() + static_cast<ptrdiff_t>(at + count));
    at += count;
    parser.feed(piece);
    StreamParser::Frame frame;
    while (parser.next(frame)) {
      text += frame.found == Found::packet ? "packet " : "token ";
      text.append(frame.bytes.begin(), frame.bytes.end());
    }
    if (parser.fault() != FrameFault::none) return text + fault_name(parser.fault());
  }
  return text + std::to_string(parser.pending());
}

void test_streams(std::mt19937& random) {
  size_t differ = 0;
  std::map<std::string, int> ends;
  for (int round = 0; round < 150; round++) {
    Bytes bytes;
    for (uint32_t count = random() % 12 + 1; count > 0; count--) {
      Bytes frame;
      if (random() % 4 == 0) {
        Frame token;
        token.kind = FrameKind::token;
        token.sender = random();
        const FrameBytes encoded = encode(token);
        frame.assign(encoded.begin(), encoded.end());
      } else {
        frame = frame_of(static_cast<uint16_t>(20 + random() % (random() % 20 == 0 ? 65'516 : 1'500)));
      }
      bytes.insert(bytes.end(), frame.begin(), frame.end());
    }
    if (random() % 3 == 0) bytes[random() % bytes.size()] ^= static_cast<uint8_t>(1 + random() % 255);
    if (random() % 3 == 0) bytes.resize(random() % bytes.size() + 1);
    const std::string whole = parsed(bytes, bytes.size(), random);
    for (const size_t piece_max : {1UL, 7UL, 100UL, 70'000UL}) differ += parsed(bytes, piece_max, random) != whole;
    ends[whole.ends_with('0') ? "whole" : "cut or broken"]++;
  }
  check(differ == 0, "a stream gives the same frames in whatever pieces it comes");
  check(ends.size() == 2, "some were cut or broken, some whole");
}

Bytes udp_of(const UdpEnds& ends, size_t payload_bytes, std::mt19937& random) {
  Bytes packet(kUdpHeadersBytes + payload_bytes);
  for (uint8_t& byte : packet) byte = static_cast<uint8_t>(random());
  write_udp(packet.data(), payload_bytes, ends);
  return packet;
}

void repair_checksum(Bytes& packet) {
  packet[10] = packet[11] = 0;
  write_u16(&packet[10], checksum({packet.data(), size_t{packet[0] & 0x0fU} * 4}));
}

void test_ip4(std::mt19937& random) {
  const AddressRule rule;
  const UdpEnds ends{rule.base + 17, rule.base + 42, 4'000, 5'000};
  Bytes packet = udp_of(ends, 64, random);
  PacketHeader header;
  const IpFault fault = read_ip(packet, rule, header);
  check(fault == IpFault::none && header.source == 17 && header.destination == 42 && header.flags == 0 &&
            header.packet_bytes == packet.size(),
        "an IPv4 packet's header names its nodes");
  check(header.flow == 0x6eb2'120a, "its flow is the same everywhere: " + std::to_string(header.flow));
  const uint32_t flow = header.flow;
  Bytes other = udp_of({ends.source_address, ends.destination_address, 4'001, 5'000}, 64, random);
  check(read_ip(other, rule, header) == IpFault::none && header.flow != flow, "another port is another flow");
  Bytes padded = packet;
  padded.resize(padded.size() + 9);
  check(read_ip(padded, rule, header) == IpFault::none && header.packet_bytes == packet.size(), "padding is no part");

  std::vector<uint32_t> flows;
  for (const uint16_t fragment : {0x2000, 0x2007, 0x0010}) {
    Bytes part = packet;
    write_u16(&part[6], fragment);
    for (size_t i = 20; i < 24; i++) part[i] = static_cast<uint8_t>(random());
    repair_checksum(part);
    check(read_ip(part, rule, header) == IpFault::none, "a fragment is a packet");
    flows.push_back(header.flow);
  }
  check(flows[0] == flows[1] && flows[1] == flows[2], "all fragments are of one flow");

  const auto fault_with = [&](auto&& change) {
    Bytes changed = packet;
    change(changed);
    return read_ip(changed, rule, header);
  };
  check(fault_with([](Bytes& b) { b.clear(); }) == IpFault::header, "nothing is no packet");
  check(fault_with([](Bytes& b) { b[0] = 0x55; }) == IpFault::version, "version 5 is told");
  check(fault_with([](Bytes& b) { b[0] = 0x44; }) == IpFault::header, "a header of 16 bytes is told");
  check(fault_with([](Bytes& b) { b.resize(19); }) == IpFault::header, "19 bytes are told");
  check(fault_with([](Bytes& b) { b.pop_back(); }) == IpFault::length, "a cut packet is told");
  check(fault_with([](Bytes& b) { write_u16(&b[2], 19); }) == IpFault::length,
        "a packet shorter than its header is told");
  check(fault_with([](Bytes& b) { b[8]++; }) == IpFault::checksum, "a changed header is told");
  for (const auto& [source, destination, fault] : std::initializer_list<std::tuple<uint32_t, uint32_t, IpFault>>{
           {rule.base, rule.base + 1, IpFault::source},
           {0xc0a8'0001, rule.base + 1, IpFault::source},
           {rule.group_base + 1, rule.base + 1, IpFault::source},
           {rule.base + 1, rule.base, IpFault::destination},
           {rule.base + 1, 0xe000'0001, IpFault::destination}}) {
    const Bytes stray = udp_of({source, destination, 1, 2}, 8, random);
    check(read_ip(stray, rule, header) == fault, std::string("an address of nobody is told: ") + fault_name(fault));
  }
  const Bytes to_group = udp_of({rule.base + 9, rule.group_base + 300, 1, 2}, 8, random);
  check(read_ip(to_group, rule, header) == IpFault::none && header.flags == kFlagGroup && header.destination == 300,
        "a group's address is a group");
}

Bytes udp6_of(const AddressRule& rule, uint32_t source, uint32_t destination, const Bytes& extensions, uint8_t first) {
  Bytes packet(40 + extensions.size() + 16, 0);
  packet[0] = 0x60;
  write_u16(&packet[4], static_cast<uint16_t>(packet.size() - 40));
  packet[6] = first;
  std::ranges::copy(rule.base6, packet.begin() + 8);
  write_u32(&packet[20], source);
  std::ranges::copy(rule.base6, packet.begin() + 24);
  write_u32(&packet[36], destination);
  std::ranges::copy(extensions, packet.begin() + 40);
  write_u32(&packet[40 + extensions.size()], 0x1234'5678);
  return packet;
}

void test_ip6() {
  const AddressRule rule;
  PacketHeader header;
  const Bytes plain = udp6_of(rule, 17, 42, {}, 17);
  check(read_ip(plain, rule, header) == IpFault::none && header.source == 17 && header.destination == 42 &&
            header.packet_bytes == plain.size(),
        "an IPv6 packet's header names its nodes");
  const uint32_t flow = header.flow;
  const Bytes extended = udp6_of(rule, 17, 42, {60, 0, 0, 0, 0, 0, 0, 0, 17, 0, 0, 0, 0, 0, 0, 0}, 0);
  check(read_ip(extended, rule, header) == IpFault::none && header.flow == flow, "extension headers change no flow");
  const Bytes first = udp6_of(rule, 17, 42, {17, 0, 0, 1, 0, 0, 0, 9}, 44);
  Bytes second = udp6_of(rule, 17, 42, {17, 0, 1, 0, 0, 0, 0, 9}, 44);
  second[48] = 0xff;
  PacketHeader other;
  check(read_ip(first, rule, header) == IpFault::none && read_ip(second, rule, other) == IpFault::none &&
            header.flow == other.flow && header.flow != flow,
        "fragments are of one flow");
  Bytes cut = extended;
  cut[41] = 9;
  check(read_ip(cut, rule, header) == IpFault::header, "an extension header that is cut off is told");
  cut = plain;
  cut.pop_back();
  check(read_ip(cut, rule, header) == IpFault::length, "a cut packet is told");
  cut.resize(39);
  check(read_ip(cut, rule, header) == IpFault::header, "a cut header is told");
  Bytes huge(70'000, 0);
  std::ranges::copy(plain, huge.begin());
  write_u16(&huge[4], 65'535);
  check(read_ip(huge, rule, header) == IpFault::length, "a packet larger than a frame is told");
}

void test_udp(std::mt19937& random) {
  size_t missed = 0, wrong = 0;
  for (int round = 0; round < 2'000; round++) {
    const UdpEnds ends{static_cast<uint32_t>(random()), static_cast<uint32_t>(random()),
                       static_cast<uint16_t>(random()), static_cast<uint16_t>(random())};
    Bytes packet = udp_of(ends, random() % 200, random);
    UdpEnds read;
    std::span<const uint8_t> payload;
    wrong += !read_udp(packet, read, payload) || read.source_address != ends.source_address ||
             read.destination_port != ends.destination_port || payload.size() != packet.size() - kUdpHeadersBytes;
    packet[random() % packet.size()] ^= static_cast<uint8_t>(1U << random() % 8);
    missed += read_udp(packet, read, payload);
  }
  check(wrong == 0, "what write_udp writes, read_udp reads");
  check(missed == 0, "one bit turned anywhere is told");
  // Worked by hand: 0x4500 + 0x001e + 0x4000 + 0x4011 + 0x0a00 + 0x0001 + 0x0a00 + 0x0002 = 0xd932.
  Bytes known(30, 0);
  known[28] = 'h';
  known[29] = 'i';
  write_udp(known.data(), 2, {0x0a00'0001, 0x0a00'0002, 1, 2}, 0);
  check(read_u16(&known[10]) == static_cast<uint16_t>(~0xd932U), "the checksum of a known header");
}

void test_memory() {
  Pool pool(4096, 4);
  Spares spares({2, 1, 1});
  Block* block = pool.take();
  PacketRef small(block, 0, 100);
  check(pool.free_count() == 3, "a block is taken");
  PacketRef settled = spares.settle(std::move(small));
  check(settled.block()->pool != &pool && settled.size() == 100 && pool.free_count() == 4,
        "a small packet that waits gives its block back");
  PacketRef large(pool.take(), 0, 3'000);
  settled = spares.settle(std::move(large));
  check(settled.block()->pool == &pool, "one that fills its block stays");
  settled.reset();
  std::vector<PacketRef> waiting;
  for (int i = 0; i < 4; i++) waiting.push_back(spares.settle({pool.take(), 0, 100}));
  check(pool.free_count() == 4, "spares of all sizes are taken");
  waiting.push_back(spares.settle({pool.take(), 0, 100}));
  waiting.push_back(spares.settle({pool.take(), 0, 100}));
  check(waiting[4].block()->pool == &pool && waiting[5] && pool.free_count() == 2, "with none left it stays");
  const PacketRef none = spares.settle({pool.take(), 0, 100});
  check(!none && pool.free_count() == 2, "as long as more than a quarter of the blocks is free");
  waiting.clear();
  for (size_t i = 0; i < kDropReasons; i++)
    if (std::string(drop_name(static_cast<Drop>(i))) == "unknown") check(false, "every reason has a name");
  check(std::string(drop_name(static_cast<Drop>(kDropReasons))) == "unknown", "there are as many reasons as names");
}

void run_all(uint32_t seed) {
  std::mt19937 random(seed);
  test_faults();
  test_streams(random);
  test_ip4(random);
  test_ip6();
  test_udp(random);
  test_memory();
}

}  // namespace nslab::test::frames
