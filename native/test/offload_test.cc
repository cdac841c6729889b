// Offloads of TUN interfaces: packets that stand for several against what the kernel makes of them when it forwards
// them to an interface without offloads; packets joined and taken apart again; and what is refused.
// Usage: offload_test SEED [kernel]   with `kernel`: in a network namespace of its own, where TUN may be opened

#include <arpa/inet.h>
#include <fcntl.h>
#include <linux/if_tun.h>
#include <linux/ipv6.h>
#include <net/if.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/uio.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <random>
#include <vector>

#include "engine/packets/big_endian.h"
#include "engine/packets/ip.h"
#include "engine/packets/offload.h"
#include "test/check.h"

namespace {

using namespace nslab::engine;
using nslab::test::check;

using Bytes = std::vector<uint8_t>;
constexpr uint8_t kTcp = 6, kUdp = 17;

struct Large {
  const char* name;
  bool is_ip6;
  uint8_t protocol;
  uint16_t segment_bytes;
  uint32_t payload_bytes;
  /** Of TCP. */
  uint8_t flags;
  uint8_t option_bytes;
  bool ecn = false;
};

constexpr Large kLarge[] = {
    {"TCP over IPv4", false, kTcp, 1348, 40'000, 0x18, 12},
    {"TCP over IPv4, many times the segment", false, kTcp, 1000, 10'000, 0x10, 0},
    {"TCP over IPv4 that ends", false, kTcp, 500, 1201, 0x19, 12},
    {"TCP over IPv4 that tells of its window", false, kTcp, 700, 5000, 0x98, 40, true},
    {"TCP over IPv4 of one segment", false, kTcp, 1348, 1300, 0x18, 12},
    {"TCP over IPv4, as long as it may be", false, kTcp, 1360, 65'495, 0x10, 0},
    {"TCP over IPv6", true, kTcp, 1328, 30'000, 0x18, 12},
    {"UDP over IPv4", false, kUdp, 1200, 30'001, 0, 0},
    {"UDP over IPv6", true, kUdp, 1200, 12'000, 0, 0},
};

uint32_t word_sum(std::span<const uint8_t> bytes) { return static_cast<uint16_t>(~checksum(bytes)); }

uint32_t pseudo(const Bytes& packet, bool is_ip6, uint8_t protocol, size_t bytes) {
  const std::span<const uint8_t> addresses =
      is_ip6 ? std::span(packet).subspan(8, 32) : std::span(packet).subspan(12, 8);
  return word_sum(addresses) + protocol + static_cast<uint32_t>(bytes);
}

/** As the kernel hands it over: the checksum is begun. From 10.1.0.2 or fd01::2 to 10.2.0.2 or fd02::2. */
Bytes make(const Large& large, VnetHeader& vnet, std::mt19937& chance) {
  const size_t ip = large.is_ip6 ? 40 : 20;
  const size_t transport = large.protocol == kTcp ? 20u + large.option_bytes : 8u;
  Bytes packet(ip + transport + large.payload_bytes);
  for (uint8_t& byte : packet) byte = static_cast<uint8_t>(chance());
  if (large.is_ip6) {
    write_u32(&packet[0], 0x6000'0000);
    write_u16(&packet[4], static_cast<uint16_t>(packet.size() - ip));
    packet[6] = large.protocol;
    packet[7] = 64;
    (void)::inet_pton(AF_INET6, "fd01::2", &packet[8]);
    (void)::inet_pton(AF_INET6, "fd02::2", &packet[24]);
  } else {
    write_u16(&packet[0], 0x4500);
    write_u16(&packet[2], static_cast<uint16_t>(packet.size()));
    // Identifications that go over the top.
    write_u16(&packet[4], 0xfffd);
    write_u16(&packet[6], 0x4000);
    packet[8] = 64;
    packet[9] = large.protocol;
    write_u16(&packet[10], 0);
    (void)::inet_pton(AF_INET, "10.1.0.2", &packet[12]);
    (void)::inet_pton(AF_INET, "10.2.0.2", &packet[16]);
    write_u16(&packet[10], checksum({packet.data(), 20}));
  }
  uint8_t* at = &packet[ip];
  const bool is_tcp = large.protocol == kTcp;
  if (is_tcp) {
    // A sequence that goes over the top, too.
    write_u32(at + 4, 0xffff'ff00);
    at[12] = static_cast<uint8_t>(transport / 4 << 4);
    at[13] = large.flags;
    std::fill_n(at + 20, large.option_bytes, uint8_t{1});
  } else {
    write_u16(at + 4, static_cast<uint16_t>(packet.size() - ip));
  }
  uint32_t sum = pseudo(packet, large.is_ip6, large.protocol, packet.size() - ip);
  while (sum >> 16) sum = (sum & 0xffff) + (sum >> 16);
  write_u16(at + (is_tcp ? 16 : 6), static_cast<uint16_t>(sum));
  vnet.flags = kVnetNeedsChecksum;
  vnet.gso_type = !is_tcp ? kVnetGsoUdp : large.is_ip6 ? kVnetGsoTcp6 : kVnetGsoTcp4;
  if (large.ecn) vnet.gso_type |= kVnetGsoEcn;
  vnet.header_bytes = static_cast<uint16_t>(ip + transport);
  vnet.gso_bytes = large.segment_bytes;
  vnet.checksum_start = static_cast<uint16_t>(ip);
  vnet.checksum_offset = is_tcp ? 16 : 6;
  return packet;
}

std::vector<Bytes> taken_apart(const VnetHeader& vnet, const Bytes& packet) {
  Segments segments;
  std::vector<Bytes> all;
  if (segments.open(vnet, packet) != OffloadFault::none) return all;
  while (!segments.done()) {
    Bytes& one = all.emplace_back(segments.next_bytes());
    segments.write(one.data());
  }
  return all;
}

/** As a router hands it on. */
void take_hop(Bytes& packet) {
  if (packet[0] >> 4 == 6) {
    packet[7]--;
    return;
  }
  packet[8]--;
  write_u16(&packet[10], 0);
  write_u16(&packet[10], checksum({packet.data(), 20}));
}

int open_tun(const char* name, short flags, const char* address, const char* address6) {
  const int fd = ::open("/dev/net/tun", O_RDWR | O_NONBLOCK | O_CLOEXEC);
  ifreq request{};
  std::strncpy(request.ifr_name, name, IFNAMSIZ - 1);
  request.ifr_flags = static_cast<short>(IFF_TUN | IFF_NO_PI | flags);
  if (fd < 0 || ::ioctl(fd, TUNSETIFF, &request) != 0) return -1;
  const int ip = ::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0),
            ip6 = ::socket(AF_INET6, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  bool well = true;
  const auto set = [&](unsigned long what, const char* text) {
    sockaddr_in to{};
    to.sin_family = AF_INET;
    (void)::inet_pton(AF_INET, text, &to.sin_addr);
    std::memcpy(&request.ifr_addr, &to, sizeof to);
    well = well && ::ioctl(ip, what, &request) == 0;
  };
  set(SIOCSIFADDR, address);
  set(SIOCSIFNETMASK, "255.255.255.0");
  request.ifr_flags = IFF_UP | IFF_RUNNING;
  well = well && ::ioctl(ip, SIOCSIFFLAGS, &request) == 0;
  in6_ifreq own{};
  (void)::inet_pton(AF_INET6, address6, &own.ifr6_addr);
  own.ifr6_prefixlen = 64;
  own.ifr6_ifindex = static_cast<int>(::if_nametoindex(name));
  well = well && ::ioctl(ip6, SIOCSIFADDR, &own) == 0;
  ::close(ip);
  ::close(ip6);
  return well ? fd : -1;
}

/** What comes out, but for what the kernel says of itself. */
std::vector<Bytes> read_all(int fd, size_t count) {
  std::vector<Bytes> all;
  pollfd ready{fd, POLLIN, 0};
  while (all.size() < count && ::poll(&ready, 1, 5000) == 1) {
    Bytes packet(65'536);
    const ssize_t bytes = ::read(fd, packet.data(), packet.size());
    if (bytes <= 0) break;
    packet.resize(static_cast<size_t>(bytes));
    const bool is_ours =
        packet[0] >> 4 == 4 ? read_u32(&packet[16]) == 0x0a02'0002 : packet[39] == 2 && packet[6] != 58;
    if (is_ours) all.push_back(std::move(packet));
  }
  return all;
}

void test_kernel(std::mt19937& chance) {
  const int in = open_tun("in", IFF_VNET_HDR, "10.1.0.1", "fd01::1"), out = open_tun("out", 0, "10.2.0.1", "fd02::1");
  std::ofstream("/proc/sys/net/ipv4/ip_forward") << 1;
  std::ofstream("/proc/sys/net/ipv6/conf/all/forwarding") << 1;
  for (const Large& large : kLarge) {
    VnetHeader vnet;
    const Bytes packet = make(large, vnet, chance);
    std::vector<Bytes> ours = taken_apart(vnet, packet);
    for (Bytes& one : ours) take_hop(one);
    const iovec places[] = {{&vnet, sizeof vnet}, {const_cast<uint8_t*>(packet.data()), packet.size()}};
    const bool written = ::writev(in, places, 2) == static_cast<ssize_t>(sizeof vnet + packet.size());
    const std::vector<Bytes> kernels = read_all(out, ours.size());
    check(written && !ours.empty() && kernels == ours,
          std::string(large.name) + ": " + std::to_string(ours.size()) + " packets, as the kernel makes them");
  }
}

bool is_whole(const Bytes& packet) {
  const bool is_ip6 = packet[0] >> 4 == 6;
  const size_t ip = is_ip6 ? 40 : 20;
  const uint8_t protocol = packet[is_ip6 ? 6 : 9];
  const std::span<const uint8_t> rest = std::span(packet).subspan(ip);
  return (is_ip6 || checksum({packet.data(), 20}) == 0) &&
         checksum(rest, pseudo(packet, is_ip6, protocol, rest.size())) == 0;
}

void test_apart(std::mt19937& chance) {
  bool well = true;
  for (const Large& large : kLarge) {
    VnetHeader vnet;
    const Bytes packet = make(large, vnet, chance);
    const std::vector<Bytes> all = taken_apart(vnet, packet);
    const size_t head = vnet.header_bytes;
    Bytes payload;
    for (const Bytes& one : all) payload.insert(payload.end(), one.begin() + static_cast<ptrdiff_t>(head), one.end());
    well = well && std::ranges::all_of(all, is_whole) &&
           std::equal(payload.begin(), payload.end(), packet.begin() + static_cast<ptrdiff_t>(head), packet.end());
  }
  check(well, "every packet has its checksums, and together they have every byte");
  VnetHeader vnet;
  Bytes packet = make(kLarge[4], vnet, chance);
  vnet.gso_type = kVnetGsoNone;
  check(complete_checksum(vnet, packet) == OffloadFault::none && is_whole(packet),
        "a checksum that is left is filled in");
}

Bytes& cut(Bytes& packet, uint16_t bytes) {
  packet.resize(bytes);
  write_u16(&packet[2], bytes);
  return packet;
}

void test_refused(std::mt19937& chance) {
  struct Wrong {
    const char* name;
    OffloadFault fault;
    void (*spoil)(VnetHeader&, Bytes&);
  };
  const Wrong all[] = {
      {"a type that nobody asked for", OffloadFault::type, [](VnetHeader& v, Bytes&) { v.gso_type = 3; }},
      {"no type", OffloadFault::type, [](VnetHeader& v, Bytes&) { v.gso_type = kVnetGsoNone; }},
      {"segments without a byte", OffloadFault::size, [](VnetHeader& v, Bytes&) { v.gso_bytes = 0; }},
      {"the other version", OffloadFault::header, [](VnetHeader& v, Bytes&) { v.gso_type = kVnetGsoTcp6; }},
      {"the other protocol", OffloadFault::header, [](VnetHeader& v, Bytes&) { v.gso_type = kVnetGsoUdp; }},
      {"no version of IP", OffloadFault::header, [](VnetHeader&, Bytes& p) { p[0] = 0x55; }},
      {"an IP header too short", OffloadFault::header, [](VnetHeader&, Bytes& p) { p[0] = 0x44; }},
      {"a length beyond its end", OffloadFault::header, [](VnetHeader&, Bytes& p) { p.pop_back(); }},
      {"a fragment", OffloadFault::header, [](VnetHeader&, Bytes& p) { p[6] = 0x20; }},
      {"a TCP header too short", OffloadFault::header, [](VnetHeader&, Bytes& p) { p[32] = 0x40; }},
      {"a TCP header beyond its end", OffloadFault::header, [](VnetHeader&, Bytes& p) { cut(p, 60)[32] = 0xf0; }},
      {"nothing but headers", OffloadFault::size, [](VnetHeader&, Bytes& p) { (void)cut(p, 52); }},
      {"nothing", OffloadFault::header, [](VnetHeader&, Bytes& p) { p.clear(); }},
      {"a checksum elsewhere", OffloadFault::checksum, [](VnetHeader& v, Bytes&) { v.checksum_offset = 14; }},
      {"a checksum of another header", OffloadFault::checksum, [](VnetHeader& v, Bytes&) { v.checksum_start = 24; }},
  };
  for (const Wrong& wrong : all) {
    VnetHeader vnet;
    Bytes packet = make(kLarge[0], vnet, chance);
    wrong.spoil(vnet, packet);
    Segments segments;
    const OffloadFault fault = segments.open(vnet, packet);
    check(fault == wrong.fault && segments.done(),
          std::string("refused: ") + wrong.name + " (" + fault_name(fault) + ")");
  }
  VnetHeader vnet;
  Bytes packet = make(kLarge[4], vnet, chance);
  vnet.gso_type = kVnetGsoNone;
  for (const uint16_t start : {uint16_t{0}, uint16_t{65'000}, static_cast<uint16_t>(packet.size() - 17)}) {
    vnet.checksum_start = start;
    check(complete_checksum(vnet, packet) == OffloadFault::checksum,
          "refused: a checksum at " + std::to_string(start) + " of " + std::to_string(packet.size()));
  }
}

/** How often Joined lets go, and what it has made, taken apart again. */
struct Rejoined {
  std::vector<Bytes> packets;
  size_t writes = 0;
};
Rejoined rejoin(const std::vector<Bytes>& packets) {
  Rejoined made;
  Joined joined;
  Bytes payload;
  const auto let_go = [&] {
    if (joined.packets() == 0) return;
    made.writes++;
    VnetHeader vnet;
    Bytes whole(joined.header_bytes());
    joined.head(vnet, whole.data());
    whole.insert(whole.end(), payload.begin(), payload.end());
    if (vnet.gso_type == kVnetGsoNone) made.packets.push_back(whole);
    else
      for (Bytes& one : taken_apart(vnet, whole)) made.packets.push_back(std::move(one));
    payload.clear();
    joined.end();
  };
  for (const Bytes& packet : packets) {
    if (!joined.add(packet)) {
      let_go();
      if (!joined.begin(packet)) {
        made.writes++;
        made.packets.push_back(packet);
        continue;
      }
    }
    payload.insert(payload.end(), packet.begin() + joined.header_bytes(), packet.end());
    if (joined.closed()) let_go();
  }
  let_go();
  return made;
}

void test_joined(std::mt19937& chance) {
  VnetHeader vnet;
  const Bytes large = make(kLarge[0], vnet, chance);
  const std::vector<Bytes> packets = taken_apart(vnet, large);
  check(packets.size() == 30, "a train of 30 packets");
  const Rejoined whole = rejoin(packets);
  check(whole.writes == 1 && whole.packets == packets, "is written as one, and is the same taken apart");

  struct Change {
    const char* name;
    size_t writes;
    void (*spoil)(Bytes&);
    bool mends;
  };
  const Change all[] = {
      {"another port", 3, [](Bytes& p) { p[21]++; }, true},
      {"another acknowledgement", 3, [](Bytes& p) { p[31]++; }, true},
      {"another window", 3, [](Bytes& p) { p[34]++; }, true},
      {"another option", 3, [](Bytes& p) { p[40] = 0; }, true},
      {"another service", 3, [](Bytes& p) { p[1] = 4; }, true},
      {"another time to live", 3, [](Bytes& p) { p[8] = 9; }, true},
      {"another address", 3, [](Bytes& p) { p[15] = 7; }, true},
      {"bytes that don't follow", 3, [](Bytes& p) { p[25]++; }, true},
      {"the end", 3, [](Bytes& p) { p[33] |= 1; }, true},
      {"a push", 2, [](Bytes& p) { p[33] |= 8; }, true},
      {"a wrong byte", 3, [](Bytes& p) { p[100] ^= 4; }, false},
      {"a wrong checksum of IP", 3, [](Bytes& p) { p[11] ^= 4; }, false},
  };
  for (const Change& change : all) {
    std::vector<Bytes> changed = packets;
    Bytes& one = changed[10];
    change.spoil(one);
    if (change.mends) {
      write_u16(&one[10], 0);
      write_u16(&one[10], checksum({one.data(), 20}));
      write_u16(&one[36], 0);
      const std::span<const uint8_t> tcp = std::span(one).subspan(20);
      write_u16(&one[36], checksum(tcp, pseudo(one, false, kTcp, tcp.size())));
    }
    const Rejoined made = rejoin(changed);
    check(made.writes == change.writes && made.packets.size() == changed.size() && made.packets[10] == one,
          std::string("in its midst ") + change.name + ": " + std::to_string(made.writes) + " writes");
  }
  bool well = true;
  for (int round = 0; round < 200; round++) {
    std::vector<Bytes> came;
    for (int trains = 0; trains < 4; trains++) {
      Large any{"",
                false,
                kTcp,
                static_cast<uint16_t>(100 + chance() % 1400),
                1 + static_cast<uint32_t>(chance() % 20'000),
                0x10,
                static_cast<uint8_t>(chance() % 4 * 4)};
      if (chance() % 2) any.flags = 0x18;
      const Bytes packet = make(any, vnet, chance);
      for (Bytes& one : taken_apart(vnet, packet)) came.push_back(std::move(one));
    }
    if (round % 4 == 0) std::ranges::shuffle(came, chance);
    std::vector<Bytes> left = rejoin(came).packets;
    for (auto* list : {&came, &left})
      for (Bytes& one : *list) {
        write_u16(&one[4], 0);
        write_u16(&one[10], 0);
      }
    well = well && left == came;
  }
  check(well, "trains of any lengths, also shuffled, come out as they came in");
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 2) return 2;
  std::mt19937 chance(static_cast<uint32_t>(std::strtoul(argv[1], nullptr, 10)));
  if (argc > 2) {
    test_kernel(chance);
  } else {
    test_apart(chance);
    test_refused(chance);
    test_joined(chance);
  }
  return nslab::test::end_checks();
}
