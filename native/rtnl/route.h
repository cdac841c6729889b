// IPv4 routes.
#pragma once

#include <netinet/in.h>

#include "rtnl/batch.h"

namespace nslab::rtnl {

/** Equivalent to: `ip route add default via GATEWAY dev INDEX proto static` */
void add_default_route(Batch& batch, int index, in_addr gateway);

/** The addresses of a prefix. */
struct Network {
  in_addr address{};
  uint8_t prefix_length = 0;
};

/**
 * Equivalent to: `ip route replace NETWORK via GATEWAY proto static`, and without a gateway (0.0.0.0) `ip route replace
 * NETWORK dev lo proto static scope link`: what goes there is lost, and nobody is told.
 */
void set_route(Batch& batch, const Network& to, in_addr gateway);

/** Equivalent to: `ip route add NETWORK dev INDEX proto static scope link` */
void add_link_route(Batch& batch, const Network& to, int index);

/** Equivalent to: `ip route delete …` as set_route has it; ESRCH where there is none. */
void delete_route(Batch& batch, const Network& to, in_addr gateway);

}  // namespace nslab::rtnl
