// IPv4 routes.
#pragma once

#include <netinet/in.h>

#include "rtnl/batch.h"

namespace nslab::rtnl {

/** Equivalent to: `ip route add default via GATEWAY dev INDEX proto static` */
void add_default_route(Batch& batch, int index, in_addr gateway);

}  // namespace nslab::rtnl
