// What holds one namespace, beside the sockets inside.
#pragma once

#include <memory>
#include <string>

#include "base/fd.h"
#include "base/status.h"
#include "churn/child.h"
#include "churn/operation.h"
#include "churn/parked.h"
#include "netns/netns.h"

namespace nslab::churn {

/** Where things are. */
struct Places {
  /** Of named namespaces, and of mounted ones; both exist. */
  std::string directory;
  std::string mounted_directory;
  /** nslab-hold */
  std::string hold_program;
};

/**
 * named, mounted: a bind mount, and no descriptor. process: a child that has nothing else. thread: a thread of this
 * process, or of a child whose leading thread has ended. descriptor: this process' descriptor; it is itself elsewhere.
 * socket: one UDP socket without an address, so that the kind needs no TCP socket: no /proc entry, mount or descriptor
 * of the namespace.
 */
class Holder {
 public:
  /** Takes hold of the calling thread's namespace, which is `netns`. What was taken before a failure is let go of. */
  static Result<Holder> take(const Operation& make, const Places& places, netns::Netns netns);

  Holder() = default;
  Holder(Holder&& other) noexcept = default;
  Holder& operator=(Holder&& other) noexcept = default;
  /** let_go(), whose errors nobody hears. */
  ~Holder() { (void)let_go(); }

  /** Lets go of all. What the kernel refuses is told, and the rest still done. */
  Status let_go();
  /** The same for a name, while the calling thread is inside; it is back when this returns. */
  Status let_go_from_inside();

 private:
  Status take_name(const std::string& path);

  struct Path {
    std::string text;
    Path() = default;
    Path(Path&& other) noexcept : text(std::exchange(other.text, {})) {}
    Path& operator=(Path&& other) noexcept {
      text = std::exchange(other.text, {});
      return *this;
    }
  };
  /** Of the bind mount. */
  Path path_;
  UniqueFd descriptor_;
  Child child_;
  std::unique_ptr<Parked> thread_;
};

}  // namespace nslab::churn
