// Waiting for the kernel to have taken apart the namespaces dropped so far.
#pragma once

#include <cstdint>

#include "base/status.h"

namespace nslab::netns {

/**
 * Waits until the namespaces dropped before this call are taken apart. Returns the ns waited; ETIMEDOUT at the
 * deadline; ECANCELED when `stop_fd` becomes readable.
 *
 * The kernel queues dropped namespaces and takes them apart in passes, one pass at a time (cleanup_net). RTM_DELNSID of
 * a marker says that the pass with the marker has begun, and so that the passes before it have ended. A first marker
 * may share its pass with the namespaces asked about, so a second is dropped once the first was seen: its pass is a
 * later one. The error: a namespace that something still held at the call is not waited for, nor is memory that waits
 * for RCU.
 */
Result<int64_t> await_cleanup(int64_t deadline_ms, int stop_fd);

}  // namespace nslab::netns
