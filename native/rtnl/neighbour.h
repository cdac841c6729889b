// Permanent IPv4 neighbour entries: never asked for by ARP, and not counted against the table's limits.
#pragma once

#include <netinet/in.h>

#include "rtnl/batch.h"
#include "rtnl/link.h"

namespace nslab::rtnl {

/** Equivalent to: `ip neighbour replace ADDRESS lladdr MAC dev INDEX nud permanent` */
void set_neighbour(Batch& batch, int index, in_addr address, const Mac& mac);

}  // namespace nslab::rtnl
