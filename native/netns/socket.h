// TCP sockets opened inside a namespace. The descriptor is then good from anywhere in the process.
#pragma once

#include <netinet/in.h>

#include <cstdint>
#include <string>

#include "base/fd.h"
#include "base/status.h"
#include "netns/netns.h"

namespace nslab::netns {

/** An IPv4 endpoint. */
struct Endpoint {
  in_addr address{};
  uint16_t port = 0;

  /** EINVAL where `text` is not a dotted IPv4 address. */
  static Result<Endpoint> parse(const std::string& text, uint16_t port);
  /** "172.16.8.1:8080" */
  [[nodiscard]] std::string text() const;
};

/** A non-blocking, close-on-exec listener with SO_REUSEADDR. Leaves the calling native thread in `where`. */
Result<UniqueFd> open_tcp_listener(const Netns& where, const Endpoint& at, int backlog);

/**
 * Starts to connect, non-blocking, close-on-exec, TCP_NODELAY. Leaves the calling native thread in `where`.
 * Connected or refused when the descriptor polls writable: finish_connect tells which.
 */
Result<UniqueFd> start_tcp_connect(const Netns& where, const Endpoint& to);

/** The outcome of a started connect whose descriptor polled writable. */
Status finish_connect(int fd, const Endpoint& to);

/**
 * From now on the kernel ends the connection (ETIMEDOUT) when its peer has been silent for `silence_ms` (2,000 or
 * more), be it idle or with data in flight. An idle one is asked three times, a second apart, at the end of that time.
 * A connection without works, only slower to notice: failures are ignored.
 */
void end_when_silent(int fd, uint32_t silence_ms);

}  // namespace nslab::netns
