// UDP sockets of nodes, opened inside their namespaces: one that listens, and one for each link end, connected.
#pragma once

#include <sys/socket.h>

#include <cstdint>
#include <optional>

#include "base/fd.h"
#include "base/status.h"
#include "netns/netns.h"
#include "netns/socket.h"

namespace nslab::engine::udp {

/** Bound, non-blocking, close-on-exec. Leaves the calling native thread in `where`. EADDRINUSE where it is taken. */
Result<UniqueFd> open_listener(const netns::Netns& where, const netns::Endpoint& at);

/**
 * A link's end, connected, with room for what comes while its lane is busy. `from`: the address to be bound to, at a
 * port that is free; none: as routes say.
 */
Result<UniqueFd> open_end(const netns::Netns& where, const std::optional<in_addr>& from, const netns::Endpoint& to);

/** Another port of the same peer, from now on. */
Status connect_end(int fd, const netns::Endpoint& to);

/** Bytes of a datagram behind the headers of IP and UDP that the way to the peer takes whole; 0 where nobody says. */
[[nodiscard]] uint32_t datagram_bytes(int fd);

/** Where datagrams come from. */
[[nodiscard]] netns::Endpoint endpoint_of(const sockaddr_in& name);
[[nodiscard]] sockaddr_in name_of(const netns::Endpoint& endpoint);
/** The socket's own; port 0 where it has none. */
[[nodiscard]] netns::Endpoint own_endpoint(int fd);

}  // namespace nslab::engine::udp
