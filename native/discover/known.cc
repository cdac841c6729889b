// Counting evidence, and opening what is new.
#include "discover/known.h"

#include <fcntl.h>
#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <utility>

#include "base/descriptors.h"
#include "base/sys.h"
#include "discover/proc.h"

namespace nslab::discover {
namespace {

/** Errors that say "not to be had", whoever asks how often; all others say that the thing has changed or is gone. */
bool is_refusal(int error) { return error == EACCES || error == EPERM || is_shortage(error); }

}  // namespace

Status Known::start() {
  auto own = netns::Netns::current();
  if (!own) return own.take_status();
  Entry& entry = insert(std::move(*own), FoundBy::self, {});
  // Shown for ever, by this thread.
  entry.shown = 1;
  own_ = entry.netns;
  return {};
}

void Known::look() {
  ++look_;
  seen_.clear();
}

void Known::add(Entry& entry) {
  if (std::exchange(entry.look, look_) != look_) seen_.push_back(&entry);
}

void Known::commit(Evidence& evidence) {
  for (Entry* entry : seen_) ++entry->shown;
  forget(evidence);
  evidence.swap(seen_);
}

void Known::commit_partial(Evidence& evidence) {
  for (Entry* entry : evidence) add(*entry);
  commit(evidence);
}

void Known::forget(Evidence& evidence) {
  for (Entry* entry : evidence)
    if (--entry->shown == 0 && !std::exchange(entry->candidate, true)) candidates_.push_back(entry);
  evidence.clear();
}

Entry* Known::by_inode(uint64_t inode) const {
  const auto known = by_inode_.find(inode);
  return known == by_inode_.end() ? nullptr : known->second.get();
}

Entry* Known::by_cookie(uint64_t cookie) const {
  const auto known = by_cookie_.find(cookie);
  return known == by_cookie_.end() ? nullptr : known->second;
}

Entry& Known::insert(netns::Netns netns, FoundBy by, std::string_view name) {
  const netns::Identity identity = netns.identity();
  auto& entry = by_inode_[identity.inode];
  if (entry) return *entry;
  entry = std::make_unique<Entry>();
  entry->netns = std::make_shared<const netns::Netns>(std::move(netns));
  if (identity.cookie != 0) by_cookie_[identity.cookie] = entry.get();
  // Until a look that shows it is committed, nothing does.
  entry->candidate = true;
  candidates_.push_back(entry.get());
  found.push_back({entry->netns, std::string(name), by});
  return *entry;
}

Opened Known::show(uint64_t inode, int dir_fd, const char* path, FoundBy by, std::string_view name) {
  if (Entry* entry = by_inode(inode); entry != nullptr) {
    add(*entry);
    return Opened::found;
  }
  if (refused_.contains(inode)) return Opened::refused;
  // O_PATH first: what is there now may be a FIFO or a device, which opening would wake.
  const UniqueFd there = open_at(dir_fd, path, O_PATH);
  struct stat info {};
  if (!there || sys::call([&] { return ::fstat(there.get(), &info); }) != 0) {
    if (!is_refusal(errno)) return Opened::vanished;
    refuse(inode, errno);
    return Opened::refused;
  }
  if (info.st_dev != device()) return Opened::other;
  Path again;
  UniqueFd fd = open_at(AT_FDCWD, again.set("/proc/thread-self/fd/").add(there.get()).get(), O_RDONLY);
  if (!fd) {
    if (!is_refusal(errno)) return Opened::vanished;
    refuse(inode, errno);
    return Opened::refused;
  }
  const Opened opened = show(std::move(fd), by, name);
  return opened == Opened::found && info.st_ino != inode ? Opened::other : opened;
}

Opened Known::show(UniqueFd fd, FoundBy by, std::string_view name) {
  struct stat info {};
  if (sys::call([&] { return ::fstat(fd.get(), &info); }) != 0) return Opened::vanished;
  Entry* entry = by_inode(info.st_ino);
  if (entry == nullptr) {
    auto netns = netns::Netns::adopt(fd.get());
    if (!netns) {
      const int error = netns.error().number;
      if (error == EINVAL) return Opened::other;
      refuse(info.st_ino, error);
      return Opened::refused;
    }
    (void)fd.release();
    // Whoever looks into it needs a descriptor, too; and none of those for looking around are spent on keeping.
    if (size() >= descriptors::pairs_max() || descriptors::is_of_reserve(netns->fd())) {
      refuse(info.st_ino, EMFILE);
      return Opened::refused;
    }
    entry = &insert(std::move(*netns), by, name);
  }
  add(*entry);
  return Opened::found;
}

void Known::refuse(uint64_t inode, int error) { refused_.emplace(inode, error); }

bool Known::has_candidates() {
  std::erase_if(candidates_, [](Entry* entry) {
    if (entry->shown > 0) entry->candidate = false;
    return entry->shown > 0;
  });
  return !candidates_.empty();
}

void Known::sweep() {
  if (!has_candidates()) return;
  for (Entry* entry : std::exchange(candidates_, {})) {
    const netns::Identity identity = entry->netns->identity();
    gone.push_back(identity);
    by_cookie_.erase(identity.cookie);
    by_inode_.erase(identity.inode);
  }
}

}  // namespace nslab::discover
