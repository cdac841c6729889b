// Ids that one namespace gives to others: through them their end can be observed (RTM_DELNSID).
#pragma once

#include <cstdint>
#include <optional>

#include "base/status.h"
#include "rtnl/batch.h"
#include "rtnl/socket.h"

namespace nslab::rtnl {

/** Gives the namespace behind `fd` an id in the socket's namespace. Equivalent to: `ip netns set NAME ID` */
void set_netns_id(Batch& batch, int fd, int32_t id);

/**
 * Whether the id is that of a namespace that something holds still. A listing of all ids would not tell: Linux 6.18
 * lists those that fit one datagram, leaves out the others, and does not say so; where it lists all, it counts
 * positions and passes over some while others are taken back.
 */
Result<bool> has_netns_id(Socket& socket, int32_t id);

/** The id an RTM_DELNSID takes away; nothing for other messages. */
[[nodiscard]] std::optional<int32_t> read_removed_netns_id(const Message& message);

}  // namespace nslab::rtnl
