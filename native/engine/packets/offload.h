// What a TUN interface with offloads hands over and takes: packets without a checksum, and segments of a flow as one
// packet larger than the interface's own, each behind a virtio_net_hdr (virtio 1.2, 5.1.6.2). On the overlay there are
// only packets as a wire would have them. Trusts no length.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

namespace nslab::engine {

/** In this machine's byte order, as TUN has it without TUNSETVNETLE and TUNSETVNETBE. */
struct VnetHeader {
  uint8_t flags = 0;
  uint8_t gso_type = 0;
  uint16_t header_bytes = 0;
  uint16_t gso_bytes = 0;
  uint16_t checksum_start = 0;
  uint16_t checksum_offset = 0;
};
static_assert(sizeof(VnetHeader) == 10, "as the kernel has it");

inline constexpr uint8_t kVnetNeedsChecksum = 1;
inline constexpr uint8_t kVnetGsoNone = 0;
inline constexpr uint8_t kVnetGsoTcp4 = 1;
inline constexpr uint8_t kVnetGsoTcp6 = 4;
inline constexpr uint8_t kVnetGsoUdp = 5;
/** Beside a type of TCP: the first segment may tell that the window was reduced (CWR). */
inline constexpr uint8_t kVnetGsoEcn = 0x80;

enum class OffloadFault : uint8_t {
  none,
  /** Of segmentation, one that was not asked for. */
  type,
  /** IP or transport header: cut off, of another protocol, of a fragment, or with another length than there is. */
  header,
  /** Segments without a byte. */
  size,
  /** Its place is not within the packet, or not where the protocol has it. */
  checksum,
};

/** "type", …: as in tests. */
[[nodiscard]] const char* fault_name(OffloadFault fault);

/** Fills in the checksum of a packet that is one, where it is missing. */
[[nodiscard]] OffloadFault complete_checksum(const VnetHeader& vnet, std::span<uint8_t> packet);

/**
 * Packets of one that stands for several: TCP over IPv4 and IPv6, UDP. Identifications rise by one, FIN and PSH are the
 * last one's and CWR the first one's, as the kernel does it (tcp_gso_segment, inet_gso_segment, udp_gso_segment).
 */
class Segments {
 public:
  /** `packet` stays where it is until done(). Nothing is to be had where the answer is a fault. */
  [[nodiscard]] OffloadFault open(const VnetHeader& vnet, std::span<const uint8_t> packet);
  [[nodiscard]] bool done() const { return at_ >= payload_bytes_; }
  [[nodiscard]] uint32_t next_bytes() const;
  /** Writes next_bytes() bytes. */
  void write(uint8_t* out);

 private:
  const uint8_t* packet_ = nullptr;
  uint32_t ip_bytes_ = 0;
  /** Of IP and transport. */
  uint32_t header_bytes_ = 0;
  uint32_t payload_bytes_ = 0;
  uint32_t segment_bytes_ = 0;
  uint32_t at_ = 0;
  bool is_ip6_ = false;
  bool is_tcp_ = false;
};

/**
 * TCP segments over IPv4 that follow each other, as one. A packet is taken only where nothing is lost by it: same
 * conversation, acknowledgement, options and service, the next bytes of the stream, and checksums that are right. The
 * headers of the whole, with a checksum that is left to the kernel, are written by head().
 */
class Joined {
 public:
  /** Of the headers, options included. */
  static constexpr size_t kHeadMax = 20 + 60;

  /** Whether it is begun with. */
  [[nodiscard]] bool begin(std::span<const uint8_t> packet);
  /** Whether it is added to what was begun. */
  [[nodiscard]] bool add(std::span<const uint8_t> packet);
  void end() { packets_ = 0; }
  [[nodiscard]] uint32_t packets() const { return packets_; }
  /** Of a packet that was taken, where its payload begins: the same in all of them. */
  [[nodiscard]] uint32_t header_bytes() const { return header_bytes_; }
  /** No further one fits. */
  [[nodiscard]] bool closed() const { return closed_; }
  /** Writes header_bytes() bytes. */
  void head(VnetHeader& vnet, uint8_t* out) const;

 private:
  std::array<uint8_t, kHeadMax> head_{};
  uint32_t header_bytes_ = 0;
  uint32_t segment_bytes_ = 0;
  uint32_t payload_bytes_ = 0;
  uint32_t packets_ = 0;
  bool closed_ = false;
};

}  // namespace nslab::engine
