// Reading lists of mounts.
#include "discover/mounts.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>

#include "base/sys.h"

namespace nslab::discover {
namespace {

/** The next field of a line of mountinfo, which is taken off. */
std::string_view next_field(std::string_view& line) {
  const size_t end = std::min(line.find(' '), line.size());
  const std::string_view field = line.substr(0, end);
  line.remove_prefix(std::min(end + 1, line.size()));
  return field;
}

/** A path as mountinfo writes it: blanks and the like as \040. */
void unescape(std::string_view escaped, std::string& path) {
  path.clear();
  for (size_t i = 0; i < escaped.size(); ++i) {
    if (escaped[i] != '\\' || i + 3 >= escaped.size()) {
      path.push_back(escaped[i]);
      continue;
    }
    path.push_back(static_cast<char>((escaped[i + 1] - '0') * 64 + (escaped[i + 2] - '0') * 8 + escaped[i + 3] - '0'));
    i += 3;
  }
}

}  // namespace

void Mounts::use(uint64_t inode, pid_t pid) {
  Source& source = sources_[inode];
  source.used = round_;
  source.own = source.own || pid == ::getpid();
  if (source.file) {
    // Any process there will do to reach its files; this one lives.
    if (!source.own) source.pid = pid;
    return;
  }
  Path path;
  source.pid = pid;
  source.file = open_at(proc_fd_, path.add(pid).add("/mountinfo").get(), O_RDONLY);
}

void Mounts::drop_unused() {
  for (auto at = sources_.begin(); at != sources_.end();) {
    if (at->second.used == round_ && at->second.file) {
      ++at;
      continue;
    }
    known_.forget(at->second.evidence);
    at = sources_.erase(at);
  }
  ++round_;
}

void Mounts::add_polled(std::vector<pollfd>& polled) const {
  for (const auto& [inode, source] : sources_)
    if (source.file && !source.changed) polled.push_back({source.file.get(), POLLPRI, 0});
}

bool Mounts::note(const std::vector<pollfd>& polled) {
  bool noted = false;
  for (const pollfd& one : polled) {
    // POLLERR comes with POLLPRI for a change, see mounts_poll() of the kernel.
    if ((one.revents & (POLLPRI | POLLERR)) == 0) continue;
    for (auto& [inode, source] : sources_) {
      if (source.file.get() != one.fd) continue;
      source.changed = true;
      noted = true;
    }
  }
  return noted;
}

void Mounts::scan(bool every) {
  polled_.clear();
  add_polled(polled_);
  if (!polled_.empty() && sys::call([&] { return ::poll(polled_.data(), polled_.size(), 0); }) > 0) note(polled_);
  for (auto& [inode, source] : sources_)
    if (every || source.changed) read(source);
}

void Mounts::read(Source& source) {
  if (!source.file || ::lseek(source.file.get(), 0, SEEK_SET) != 0) return;
  source.changed = false;
  source.hidden = 0;
  known_.look();
  size_t size = 0;
  ssize_t got = 0;
  do {
    if (text_.size() < size + (1 << 16)) text_.resize(size + (1 << 17));
    got = sys::call([&] { return ::read(source.file.get(), text_.data() + size, text_.size() - size); });
    if (got > 0) size += static_cast<size_t>(got);
  } while (got > 0);
  for (std::string_view rest(text_.data(), size); !rest.empty();) {
    const size_t end = std::min(rest.find('\n'), rest.size());
    read_line(source, rest.substr(0, end));
    rest.remove_prefix(std::min(end + 1, rest.size()));
  }
  if (got == 0) return known_.commit(source.evidence);
  known_.commit_partial(source.evidence);
  source.changed = true;
}

void Mounts::read_line(Source& source, std::string_view line) {
  // 36 25 0:4 net:[4026532177] /run/netns/blue rw shared:1 - nsfs nsfs rw
  for (int skipped = 0; skipped < 3; ++skipped) next_field(line);
  const uint64_t inode = bracketed(next_field(line), "net:[");
  if (inode == 0) return;
  if (Entry* entry = known_.by_inode(inode); entry != nullptr) return known_.add(*entry);
  unescape(next_field(line), name_);
  path_ = std::to_string(source.pid) + "/root" + name_;
  const bool named = source.own && folders_.holds(name_);
  switch (known_.show(inode, proc_fd_, path_.c_str(), named ? FoundBy::directory : FoundBy::mount, name_)) {
    case Opened::vanished:
      // The mount, or the process by which it is reached: another one will do in the next tick.
      source.changed = true;
      break;
    case Opened::other:
      ++source.hidden;
      break;
    default:
      break;
  }
}

size_t Mounts::hidden() const {
  size_t count = 0;
  for (const auto& [inode, source] : sources_) count += source.hidden;
  return count;
}

}  // namespace nslab::discover
