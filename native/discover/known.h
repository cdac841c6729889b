// The namespaces that are known, and by what: each place looked at shows some, and one that no place shows is gone.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "netns/netns.h"

namespace nslab::discover {

/** What was looked at when a namespace was found. */
enum class FoundBy : uint8_t { self, directory, mount, process, thread, descriptor, socket };

struct Found {
  std::shared_ptr<const netns::Netns> netns;
  /** A path of it, or empty. */
  std::string name;
  FoundBy by = FoundBy::self;
};

/**
 * One namespace. Its descriptor is held for as long as it is known: the kernel gives its inode number to no other one
 * meanwhile, so the number in a link of /proc is as good as the cookie.
 */
struct Entry {
  std::shared_ptr<const netns::Netns> netns;
  /** Places that show it. */
  uint32_t shown = 0;
  /** The look at one place that it was last added to. */
  uint64_t look = 0;
  bool candidate = false;
};

/** What one place showed when it was looked at last, each namespace once. Given back by Known::forget(). */
using Evidence = std::vector<Entry*>;

/** Why a namespace that a link names is not to be had. */
enum class Opened : uint8_t { found, vanished, other, refused };

/** Of one thread. */
class Known {
 public:
  /** Identity of the thread's own namespace; found by `self` and never gone. */
  Status start();

  /** Begins to look at a place: add() what it shows, then commit(). */
  void look();
  void add(Entry& entry);
  /** How many were added in this look, and back to so many. */
  [[nodiscard]] size_t added() const { return seen_.size(); }
  void truncate(size_t count) { seen_.resize(count); }
  void commit(Evidence& evidence);
  /** The look was cut short: what the place showed before still counts. */
  void commit_partial(Evidence& evidence);
  /** The place is no more. */
  void forget(Evidence& evidence);

  /** Null where it isn't known. */
  [[nodiscard]] Entry* by_inode(uint64_t inode) const;
  [[nodiscard]] Entry* by_cookie(uint64_t cookie) const;

  /**
   * Adds the namespace `inode` to this look. One that is not known yet is opened at `path` under `dir_fd`, and its
   * identity is learned inside: if it is another one than the link said, that one is added. `other`: what is there now
   * is no network namespace, or not this one.
   */
  Opened show(uint64_t inode, int dir_fd, const char* path, FoundBy by, std::string_view name);
  /** The same for a descriptor of the namespace, which is taken over. */
  Opened show(UniqueFd fd, FoundBy by, std::string_view name);
  /** Counts a namespace that was seen and can't be had: the number of its inode, or of its socket's. */
  void refuse(uint64_t inode, int error);

  /** Namespaces that nothing shows any more, to be looked for once again before sweep(). */
  [[nodiscard]] bool has_candidates();
  /** Forgets those that still nothing shows. */
  void sweep();
  /** Those refused are asked for again. */
  void forget_refused() { refused_.clear(); }

  [[nodiscard]] size_t refused() const { return refused_.size(); }
  /** Why the first of them was; 0: none was. */
  [[nodiscard]] int refusal() const { return refused_.empty() ? 0 : refused_.begin()->second; }
  [[nodiscard]] size_t size() const { return by_inode_.size(); }
  /** Device of the kernel's namespace files (nsfs). */
  [[nodiscard]] uint64_t device() const { return own().identity().device; }
  /** The thread's own. */
  [[nodiscard]] const netns::Netns& own() const { return *own_; }

  /** Since they were last taken; the reader takes them. */
  std::vector<Found> found;
  std::vector<netns::Identity> gone;

 private:
  Entry& insert(netns::Netns netns, FoundBy by, std::string_view name);

  std::unordered_map<uint64_t, std::unique_ptr<Entry>> by_inode_;
  std::unordered_map<uint64_t, Entry*> by_cookie_;
  std::map<uint64_t, int> refused_;
  std::vector<Entry*> candidates_;
  Evidence seen_;
  uint64_t look_ = 0;
  std::shared_ptr<const netns::Netns> own_;
};

}  // namespace nslab::discover
