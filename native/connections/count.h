// How many TCP sockets a namespace has, by the kernel's own word: not by what whoever opened them believes.
#pragma once

#include <cstdint>
#include <string>

#include "base/status.h"

namespace nslab::connections {

/** Sockets, so two for a connection that stays within the namespaces counted. */
struct SocketCounts {
  /** By inet_diag, which lists every socket. */
  uint64_t established = 0;
  uint64_t time_wait = 0;
  /** By the namespace's own counters: CurrEstab of /proc/net/snmp, tw of /proc/net/sockstat. */
  uint64_t established_by_counter = 0;
  uint64_t time_wait_by_counter = 0;
  /** TIME_WAIT entries that the limit on them kept from being made (TcpExt TCPTimeWaitOverflow). */
  uint64_t time_wait_overflow = 0;

  SocketCounts& operator+=(const SocketCounts& other);
};

/** Counts those of the calling thread's namespace, IPv4. `where` names it in errors. */
Result<SocketCounts> count_sockets(const std::string& where);

}  // namespace nslab::connections
