// The namespaces that connections stand in.
#pragma once

#include <netinet/in.h>

#include <vector>

#include "connections/options.h"
#include "netns/netns.h"

namespace nslab::connections {

/** Ports below are listened on, those from kFirstEphemeralPort on are the clients'. */
inline constexpr uint16_t kFirstListenPort = 1024;
inline constexpr uint16_t kFirstEphemeralPort = 3072;
inline constexpr uint32_t kListenPorts = kFirstEphemeralPort - kFirstListenPort;

/** Where connections are opened from, and where to. The same namespace twice over loopback. */
struct Place {
  size_t client = 0;
  size_t server = 0;
  in_addr address{};
};

struct Ground {
  std::vector<netns::Netns> namespaces;
  std::vector<Place> places;
};

/**
 * Makes the namespaces of `options`, sized for their connections: ephemeral ports, accept queue, TIME_WAIT. The calling
 * thread is back in its own afterwards.
 */
Result<Ground> make_ground(const Options& options);

}  // namespace nslab::connections
