// What the tests of the socket poller share: messages as the kernel writes them.
#pragma once

#include <arpa/inet.h>
#include <linux/inet_diag.h>
#include <linux/sock_diag.h>
#include <linux/tcp.h>
#include <sys/socket.h>

#include <cstdint>
#include <cstdio>

#include "rtnl/wire.h"
#include "test/check.h"

namespace nslab::test {

/** Adds a socket as the kernel tells of it. */
inline void put_socket(rtnl::Writer& writer, uint32_t sequence, uint64_t cookie, uint16_t flags = 0) {
  const size_t message = writer.begin_message(SOCK_DIAG_BY_FAMILY, NLM_F_MULTI | flags, sequence);
  inet_diag_msg body{};
  body.idiag_family = AF_INET6;
  body.idiag_state = 1;
  body.idiag_timer = 2;
  body.idiag_retrans = 3;
  body.id.idiag_sport = htons(4001);
  body.id.idiag_dport = htons(4002);
  for (uint32_t i = 0; i < 16; ++i) {
    reinterpret_cast<uint8_t*>(body.id.idiag_src)[i] = static_cast<uint8_t>(i + 1);
    reinterpret_cast<uint8_t*>(body.id.idiag_dst)[i] = static_cast<uint8_t>(i + 101);
  }
  body.id.idiag_if = 7;
  body.id.idiag_cookie[0] = static_cast<uint32_t>(cookie);
  body.id.idiag_cookie[1] = static_cast<uint32_t>(cookie >> 32);
  body.idiag_expires = 8;
  body.idiag_rqueue = 9;
  body.idiag_wqueue = 10;
  body.idiag_uid = 11;
  body.idiag_inode = 12;
  writer.put_struct(body);
  writer.put<uint8_t>(INET_DIAG_SHUTDOWN, 1);
  uint32_t memory[9];
  for (uint32_t i = 0; i < 9; ++i) memory[i] = 1000 + i;
  writer.put_bytes(INET_DIAG_SKMEMINFO, memory, sizeof memory);
  // Longer than what a row holds of it.
  tcp_info info[2] = {};
  info->tcpi_rtt = 20;
  info->tcpi_rttvar = 21;
  info->tcpi_snd_cwnd = 22;
  info->tcpi_total_retrans = 23;
  info->tcpi_bytes_received = 24;
  info->tcpi_bytes_sent = (uint64_t{1} << 40) + 25;
  writer.put_bytes(INET_DIAG_INFO, info, sizeof info);
  writer.put_string(INET_DIAG_CONG, "cubic");
  writer.put<uint64_t>(INET_DIAG_CGROUP_ID, 0xdeadbeef12345678);
  writer.end_message(message);
}

inline void put_done(rtnl::Writer& writer, uint32_t sequence, int32_t error = 0, uint16_t flags = 0) {
  const size_t message = writer.begin_message(NLMSG_DONE, NLM_F_MULTI | flags, sequence);
  writer.put_struct(error);
  writer.end_message(message);
}

inline void put_error(rtnl::Writer& writer, uint32_t sequence, int error) {
  const size_t message = writer.begin_message(NLMSG_ERROR, 0, sequence);
  nlmsgerr body{};
  body.error = -error;
  writer.put_struct(body);
  writer.end_message(message);
}

}  // namespace nslab::test
