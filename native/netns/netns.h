// Network namespaces held by descriptors, and threads that go into them and are certain to come back.
// Only threads made by native code may switch: never call these from a Node.js thread (see Netns::create).
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <utility>

#include "base/fd.h"
#include "base/status.h"
#include "netns/switch_log.h"

namespace nslab::netns {

/** Identity of a namespace. The cookie (SO_NETNS_COOKIE, Linux 5.14) is never reused; compare for equality only. */
struct Identity {
  uint64_t cookie = 0;
  uint64_t device = 0;
  uint64_t inode = 0;
  /** Creation time of the nsfs inode: tells namespaces apart that had the same inode number, where there is no cookie.
   */
  int64_t created_ns = 0;

  [[nodiscard]] bool operator==(const Identity& other) const {
    if (cookie != 0 && other.cookie != 0) return cookie == other.cookie;
    return device == other.device && inode == other.inode && created_ns == other.created_ns;
  }
};

/** One network namespace: one descriptor (close-on-exec) that keeps it alive, one identity, one owner. */
class Netns {
 public:
  Netns(Netns&&) noexcept = default;
  Netns& operator=(Netns&&) noexcept = default;

  /** Makes a namespace (loopback down). The calling native thread is back where it was. Equivalent to: `unshare --net`
   */
  static Result<Netns> create();
  /** The calling thread's namespace, wherever it is now. */
  static Result<Netns> current();
  /** Takes over `fd`, if it succeeds. EINVAL where it is not a network namespace. Visits it once to learn its cookie.
   */
  static Result<Netns> adopt(int fd);
  /**
   * unshare() without coming back: the thread's place is the new namespace until it enters another. For builders.
   * `netlink` becomes a NETLINK_ROUTE socket made inside.
   */
  static Result<Netns> create_and_stay(UniqueFd& netlink);

  [[nodiscard]] int fd() const { return fd_.get(); }
  [[nodiscard]] const Identity& identity() const { return identity_; }
  /** Gives up ownership: the descriptor is the caller's. */
  [[nodiscard]] UniqueFd release() && { return std::move(fd_); }

 private:
  Netns(UniqueFd fd, Identity identity) : fd_(std::move(fd)), identity_(identity) {}

  UniqueFd fd_;
  Identity identity_;
};

/**
 * One switch into the namespace behind `fd` (borrowed), for `make` to open a socket there, and back. Says which
 * namespace it is by asking that socket. EINVAL where `fd` is not a network namespace; EPERM: setns() needs
 * CAP_SYS_ADMIN.
 */
Result<Identity> open_inside(int fd, UniqueFd& socket, const std::function<Result<UniqueFd>()>& make);

/**
 * Moves the calling native thread into `target`. Skips the switch where the thread is there already.
 * The thread stays there until it enters another namespace or calls come_back().
 */
Status enter(const Netns& target);

/**
 * Takes the calling thread back to its base: the namespace it was in at its first switch (/proc/thread-self/ns/net).
 * Ends the process where that fails: a thread in a wrong namespace must not go on.
 */
void come_back();

/** A stretch of work in other namespaces: at its end the thread is back in its base. Enter as often as needed within.
 */
class [[nodiscard]] Visit {
 public:
  Visit() = default;
  ~Visit() { come_back(); }
  Visit(const Visit&) = delete;
  Visit& operator=(const Visit&) = delete;
};

}  // namespace nslab::netns
