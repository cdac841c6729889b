// IPv4 addresses of links.
#pragma once

#include <netinet/in.h>

#include "rtnl/batch.h"

namespace nslab::rtnl {

/** Equivalent to: `ip address add ADDRESS/PREFIX brd + dev INDEX` */
void add_address(Batch& batch, int index, in_addr address, uint8_t prefix_length);

}  // namespace nslab::rtnl
