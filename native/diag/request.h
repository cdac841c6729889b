// What is asked of the kernel: the dump request, with the filter that the kernel itself applies.
#pragma once

#include <cstdint>
#include <vector>

#include "rtnl/wire.h"

namespace nslab::diag {

/** TCP_ESTABLISHED (1) to TCP_NEW_SYN_RECV (12), a bit each. Bit 13, bound and nothing else, has a table of its own. */
inline constexpr uint32_t kStatesAll = 0x1ffe;
/** The kernel checks the filter's jumps anew at each dump, in the square of their number. */
inline constexpr size_t kPortsMax = 64;

/** Sockets in one of the states, and with one of the ports at either end (none: any). */
struct Filter {
  uint32_t states = kStatesAll;
  std::vector<uint16_t> ports;
};

/** Whose sockets a dump lists. Of both at once it walks the kernel's one table of connections once. */
enum class Families : uint8_t { both, ipv4, ipv6 };

/** The bytes of a dump request; its sequence number is 0, see set_sequence. */
[[nodiscard]] std::vector<std::byte> dump_request(const Filter& filter, Families families);

/** Numbers a request. */
void set_sequence(std::vector<std::byte>& request, uint32_t sequence);

}  // namespace nslab::diag
