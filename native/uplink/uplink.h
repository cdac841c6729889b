// How a fabric root reaches other hosts, and the bridge that joins the roots of one machine. Call from native threads.
#pragma once

#include <netinet/in.h>

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "base/status.h"
#include "netns/netns.h"
#include "rtnl/link.h"
#include "rtnl/route.h"

namespace nslab::uplink {

struct Route {
  rtnl::Network to;
  /** 0.0.0.0: nowhere. */
  in_addr via{};
};

struct Spec {
  /** Name in the root. */
  std::string name;
  rtnl::Mac mac{};
  in_addr address{};
  uint8_t prefix_length = 0;
  uint32_t mtu = 0;
  std::vector<Route> routes;
  /** A link of the calling thread's base namespace to move; empty: a veth pair. */
  std::string moved;
  /** Of a veth pair: where its other end goes, as a port of which bridge, called what. */
  std::shared_ptr<const netns::Netns> segment;
  std::string bridge;
  std::string port;
};

/**
 * Makes or moves the interface, gives it its address and routes, switches forwarding on, and waits for its carrier.
 * Undoes everything but forwarding before it returns a failure.
 */
Status add(const netns::Netns& root, const Spec& spec);

/** Takes an interface out that add() made or moved there; passes over one that is not there. */
Status remove(const netns::Netns& root, const std::string& name);

/** Adds routes, or moves those to the same network. */
Status add_routes(const netns::Netns& root, const std::vector<Route>& routes);

/** Takes routes out; passes over those that are not there. */
Status remove_routes(const netns::Netns& root, const std::vector<Route>& routes);

/** A bridge without an address, up. */
Status add_bridge(const netns::Netns& segment, const std::string& name, uint32_t mtu);

/** Lets a port carry frames, or drop them in both directions. */
Status set_bridge_port(const netns::Netns& segment, const std::string& port, bool carries);

}  // namespace nslab::uplink
