// Folders of named namespaces, watched by inotify: those that exist, and those that come to exist.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/fd.h"
#include "discover/known.h"
#include "discover/mounts.h"
#include "discover/proc.h"

namespace nslab::discover {

/**
 * What is mounted in a folder is in the list of mounts, so a folder itself is read for its links alone (`ln -s
 * /proc/PID/ns/net /run/netns/blue`). Its events tell that something is about to change there.
 */
class Directories final : public Folders {
 public:
  Directories(Known& known, std::vector<std::string> paths);

  [[nodiscard]] bool holds(std::string_view path) const override;

  /** For poll(2): readable when a folder has changed; -1: nothing can be watched. */
  [[nodiscard]] int fd() const { return inotify_.get(); }
  /** Takes the events. True where there was one. An overflow of the queue counts as a change of everything. */
  bool drain();
  /**
   * Looks at those that changed, those with links, whose targets change unseen, and those that can't be watched (a user
   * may have 128 instances of inotify by default, and others have them); `every`: at all.
   */
  void scan(bool every);

 private:
  struct Directory {
    std::string path;
    /** Without links; empty while there is none. */
    std::string real;
    /** Watches: of the folder, and of the nearest one above it that exists while it does not. */
    int watch = -1;
    int watch_above = -1;
    uint64_t device = 0;
    uint64_t inode = 0;
    Evidence evidence;
    bool changed = true;
    bool links = false;

    [[nodiscard]] bool is_watched() const { return watch >= 0 || watch_above >= 0; }
  };

  void watch(Directory& directory);
  void read(Directory& directory);

  Known& known_;
  std::vector<Directory> directories_;
  UniqueFd inotify_;
  Listing listing_;
  std::string name_;
};

}  // namespace nslab::discover
