// Ids that one namespace gives to others: through them their end can be observed (RTM_DELNSID).
#pragma once

#include <cstdint>
#include <optional>

#include "rtnl/batch.h"

namespace nslab::rtnl {

/** Gives the namespace behind `fd` an id in the socket's namespace. Equivalent to: `ip netns set NAME ID` */
void set_netns_id(Batch& batch, int fd, int32_t id);

/** Asks for all ids of the socket's namespace; for Socket::dump. Equivalent to: `ip netns list-id` */
void list_netns_ids(Batch& batch);

/** Asks whose the id is; ENOENT where it is nobody's, or of a namespace that nothing holds any more. */
void ask_netns_id(Batch& batch, int32_t id);

/** The id that an RTM_NEWNSID tells of; nothing for other messages. */
[[nodiscard]] std::optional<int32_t> read_netns_id(const Message& message);

/** The id an RTM_DELNSID takes away; nothing for other messages. */
[[nodiscard]] std::optional<int32_t> read_removed_netns_id(const Message& message);

}  // namespace nslab::rtnl
