// What nslab-connections is asked for, and how the work is divided. Pure.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/status.h"

namespace nslab::connections {

/** loopback: both ends in one namespace. pairs: client and server in two namespaces, joined by a veth pair. */
enum class Layout { kLoopback, kPairs };

struct Options {
  bool probe = false;
  uint64_t count = 0;
  uint32_t namespaces = 1;
  uint32_t workers = 1;
  Layout layout = Layout::kLoopback;
  /** Connections to one listening port at most: each needs an ephemeral port of its own. */
  uint32_t per_listener = 20'000;
  /** Of all workers together; 0: as fast as may be. */
  double rate_per_s = 0;
  /** Limit on open files that every process needs; a hard limit above it is used as it is. */
  uint64_t open_files = 0;
  /** What this process must end with; 0: its standard input alone says when. */
  int parent = 0;
};

/** Reads the words of the command line; EINVAL says which. */
Result<Options> parse_options(int count, char** words);

/** One worker's connections at one place: a namespace, or a pair of them. */
struct Share {
  uint32_t place = 0;
  uint32_t worker = 0;
  uint64_t count = 0;
  /** Ports that it listens on. */
  uint16_t first_port = 0;
  uint16_t ports = 0;
};

/** Namespaces, or pairs of them. */
[[nodiscard]] uint32_t places_of(const Options& options);

/** Every worker has a share and every place has one; EINVAL where a place would need more ports than there are. */
Result<std::vector<Share>> shares_of(const Options& options);

}  // namespace nslab::connections
