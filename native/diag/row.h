// One socket as JavaScript gets it: a record of fixed size in a buffer. This is the one place of the layout;
// src/protocol/socket-row.ts reads it, and test/native/diag.test.ts holds the two together. In the order of bytes of
// the machine, which is little-endian on every machine that nslab is built for.
#pragma once

#include <linux/tcp.h>

#include <cstddef>
#include <cstdint>

namespace nslab::diag {

/** Bits of Row::has: what the kernel told of the socket. It tells less of TIME_WAIT and of requests. */
inline constexpr uint8_t kHasInfo = 1;
inline constexpr uint8_t kHasMemory = 2;
inline constexpr uint8_t kHasCongestion = 4;
inline constexpr uint8_t kHasCgroup = 8;

/** As much of tcp_info as Linux 6.2 has: later kernels only append, earlier ones leave zeros at the end. */
inline constexpr size_t kInfoSize = 232;
/** SK_MEMINFO_RMEM_ALLOC to SK_MEMINFO_DROPS. */
inline constexpr size_t kMemoryCount = 9;

struct Row {
  /** The kernel's cookie of the socket. */
  uint64_t cookie;
  uint64_t cgroup_id;
  /** CLOCK_MONOTONIC when the kernel's answer was received, ns. */
  int64_t seen_ns;
  /** As given to Poller::poll. */
  uint32_t poll;
  uint32_t slot;
  /** In network order; of IPv4 the first four bytes. */
  uint8_t source[16];
  uint8_t destination[16];
  uint16_t source_port;
  uint16_t destination_port;
  /** 4 or 6. */
  uint8_t family;
  /** TCP_ESTABLISHED (1) to TCP_NEW_SYN_RECV (12). */
  uint8_t state;
  uint8_t has;
  /** 0: none, 1: retransmission, 2: keep-alive or other, 3: TIME_WAIT, 4: zero window probe. */
  uint8_t timer;
  uint32_t inode;
  uint32_t uid;
  /** Bytes; of a listener connections that wait, and their most. */
  uint32_t receive_queue;
  uint32_t send_queue;
  /** Index of the interface that it is bound to; 0: none. */
  uint32_t interface_index;
  /** Until the timer ends, ms. */
  uint32_t expires_ms;
  uint8_t retransmits;
  uint8_t shutdown;
  /** Bytes of tcp_info that the kernel gave, which may be more than `info` holds. */
  uint16_t info_size;
  /** Name of the congestion control, closed by a zero where there is room. */
  char congestion[16];
  uint32_t memory[kMemoryCount];
  /** struct tcp_info. */
  uint8_t info[kInfoSize];
};

static_assert(sizeof(Row) == 384 && offsetof(Row, source) == 32 && offsetof(Row, source_port) == 64);
static_assert(offsetof(Row, inode) == 72 && offsetof(Row, congestion) == 100 && offsetof(Row, memory) == 116);
static_assert(offsetof(Row, info) == 152);

}  // namespace nslab::diag
