// Watching folders.
#include "discover/directories.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <memory>

#include "base/sys.h"

namespace nslab::discover {
namespace {

constexpr uint32_t kInside =
    IN_CREATE | IN_DELETE | IN_MOVED_FROM | IN_MOVED_TO | IN_DELETE_SELF | IN_MOVE_SELF | IN_ONLYDIR;

std::string real_path(const std::string& path) {
  const std::unique_ptr<char, decltype(&::free)> real(::realpath(path.c_str(), nullptr), &::free);
  return real ? std::string(real.get()) : std::string();
}

std::string parent_of(const std::string& path) {
  const size_t slash = path.rfind('/');
  return slash == 0 || slash == std::string::npos ? "/" : path.substr(0, slash);
}

}  // namespace

Directories::Directories(Known& known, std::vector<std::string> paths)
    : known_(known), inotify_(sys::call([] { return ::inotify_init1(IN_CLOEXEC | IN_NONBLOCK); })) {
  for (std::string& path : paths) directories_.emplace_back().path = std::move(path);
}

bool Directories::holds(std::string_view path) const {
  const size_t slash = path.rfind('/');
  if (slash == std::string_view::npos) return false;
  return std::ranges::any_of(directories_, [&](const Directory& directory) {
    return !directory.real.empty() && directory.real == path.substr(0, slash);
  });
}

bool Directories::drain() {
  alignas(inotify_event) std::array<char, 1 << 14> events;
  bool any = false;
  while (sys::call([&] { return ::read(inotify_.get(), events.data(), events.size()); }) > 0) any = true;
  // Which of them, is not worth telling apart: to look at one that has not changed costs a listing.
  if (any)
    for (Directory& directory : directories_) directory.changed = true;
  return any;
}

void Directories::watch(Directory& directory) {
  struct stat info {};
  directory.real = real_path(directory.path);
  const bool there = !directory.real.empty() && ::stat(directory.real.c_str(), &info) == 0 && S_ISDIR(info.st_mode);
  if (there && directory.watch >= 0 && directory.device == info.st_dev && directory.inode == info.st_ino) return;
  // Another folder is there now (one was mounted over it, say), or none. Watches are shared by path: a folder may be
  // above two of ours, so it keeps its watch.
  if (directory.watch >= 0) (void)::inotify_rm_watch(inotify_.get(), directory.watch);
  directory.watch = -1;
  if (there) {
    directory.watch = ::inotify_add_watch(inotify_.get(), directory.real.c_str(), kInside | IN_MASK_ADD);
    directory.device = info.st_dev;
    directory.inode = info.st_ino;
    return;
  }
  directory.real.clear();
  for (std::string above = parent_of(directory.path);; above = parent_of(above)) {
    directory.watch_above = ::inotify_add_watch(inotify_.get(), above.c_str(), kInside | IN_MASK_ADD);
    if (directory.watch_above >= 0 || above == "/") return;
  }
}

void Directories::scan(bool every) {
  for (Directory& directory : directories_)
    if (every || directory.changed || directory.links || !directory.is_watched()) read(directory);
}

void Directories::read(Directory& directory) {
  directory.changed = false;
  directory.links = false;
  watch(directory);
  known_.look();
  const UniqueFd dir = directory.real.empty() ? UniqueFd() : open_at(AT_FDCWD, directory.real.c_str(), O_RDONLY);
  const int refused = dir ? 0 : errno;
  if (dir)
    listing_.over(dir.get(), [&](const char* name, uint8_t type) {
      if (type != DT_LNK && type != DT_UNKNOWN) return true;
      directory.links = true;
      struct stat info {};
      if (::fstatat(dir.get(), name, &info, 0) != 0 || info.st_dev != known_.device()) return true;
      name_ = directory.real + "/" + name;
      known_.show(info.st_ino, dir.get(), name, FoundBy::directory, name_);
      return true;
    });
  if (directory.real.empty() || !is_shortage(refused)) return known_.commit(directory.evidence);
  known_.commit_partial(directory.evidence);
  directory.changed = true;
}

}  // namespace nslab::discover
