// Passes over processes.
#include "discover/processes.h"

#include <fcntl.h>
#include <linux/sockios.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <string>

#include "base/sys.h"

#ifndef SO_NETNS_COOKIE
#define SO_NETNS_COOKIE 71
#endif
#ifndef SIOCGSKNS
#define SIOCGSKNS 0x894C
#endif

namespace nslab::discover {
namespace {

/** A process that takes longer is large: it is looked into whenever it has rested, at most a third of the time. */
constexpr int64_t kLargeNs = 4'000'000;
constexpr int64_t kLargeRests = 2;
/** The descriptors of a large process are listed anew so often; in between, they are asked for by their numbers … */
constexpr unsigned kListAgain = 8;
/** … up to this many free ones beyond the last: the kernel gives the lowest free number. */
constexpr size_t kBeyond = 64;

bool is_denied(int error) { return error == EACCES || error == EPERM; }

}  // namespace

bool Processes::Process::is_large() const { return cost_ns > kLargeNs; }

void Processes::scan(bool every) {
  if (every) sockets_.begin_round();
  ++pass_;
  if (!list(every, true) || stop_) return;
  drop_ended();
  if (every) sockets_.sweep();
}

void Processes::scan_small() { list(false, false); }

void Processes::scan_rested() {
  const int64_t now = now_ns();
  for (const pid_t pid : resting_) {
    if (stop_) return;
    const auto found = processes_.find(pid);
    if (found == processes_.end() || !found->second.is_large() || found->second.rest_until_ns > now) continue;
    Process& process = found->second;
    const int64_t cpu_ns = cpu_time_ns(pid);
    if (cpu_ns >= 0 && cpu_ns == process.cpu_ns) {
      // Idle: it is asked again with all others, or when it would have rested from a look at it.
      process.rest_until_ns = now + kLargeRests * process.cost_ns;
      continue;
    }
    process.cpu_ns = cpu_ns;
    inspect(pid, process, false);
  }
}

std::optional<int64_t> Processes::rested_at_ns() const {
  std::optional<int64_t> at;
  for (const pid_t pid : resting_) {
    const auto found = processes_.find(pid);
    if (found == processes_.end() || !found->second.is_large()) continue;
    at = std::min(at.value_or(found->second.rest_until_ns), found->second.rest_until_ns);
  }
  return at;
}

bool Processes::list(bool every, bool large) {
  large_.clear();
  resting_.clear();
  if (::lseek(proc_fd_, 0, SEEK_SET) != 0) return false;
  const int64_t now = now_ns();
  const bool whole = pids_.over(proc_fd_, [&](const char* name, uint8_t) {
    const auto pid = static_cast<pid_t>(decimal(name));
    // What this process holds, it holds as an observer.
    if (pid <= 0 || pid == ::getpid()) return !stop_;
    // Before the look: what runs during it is looked at again.
    const int64_t cpu_ns = cpu_time_ns(pid);
    Process& process = processes_[pid];
    process.pass = pass_;
    if (every || cpu_ns < 0 || cpu_ns != process.cpu_ns) {
      if (!process.is_large()) {
        process.cpu_ns = cpu_ns;
        inspect(pid, process, every);
      } else if (large && (every || process.rest_until_ns <= now)) {
        process.cpu_ns = cpu_ns;
        large_.push_back({pid, &process});
      } else if (large) {
        inspect_resting(pid, process);
      }
    }
    if (process.is_large()) resting_.push_back(pid);
    for (const uint64_t mount : process.mounts) mounts_.use(mount, pid);
    return !stop_;
  });
  // Last, between two looks at everything else: see Scanner::tick().
  for (const auto& [pid, process] : large_)
    if (!stop_) inspect(pid, *process, every);
  return whole;
}

void Processes::drop_ended() {
  for (auto at = processes_.begin(); at != processes_.end();) {
    if (at->second.pass == pass_) {
      ++at;
      continue;
    }
    known_.forget(at->second.evidence);
    at = processes_.erase(at);
  }
}

void Processes::inspect(pid_t pid, Process& process, bool every) {
  const int64_t started = thread_cpu_ns();
  process.looked_ns = now_ns();
  ++work_.processes;
  Path path;
  const UniqueFd dir = open_at(proc_fd_, path.add(pid).get(), O_PATH | O_DIRECTORY);
  process.unreadable = !dir && is_denied(errno);
  process.unresolved = 0;
  known_.look();
  if (dir ? inspect_inside(dir.get(), pid, process, every) : !is_shortage(errno)) {
    known_.commit(process.evidence);
  } else {
    known_.commit_partial(process.evidence);
    // Once again in the next pass.
    process.cpu_ns = -1;
  }
  // CPU time: on a busy machine, waiting for a core is no cost.
  process.cost_ns = thread_cpu_ns() - started;
  process.rest_until_ns = now_ns() + kLargeRests * process.cost_ns;
}

void Processes::inspect_resting(pid_t pid, Process& process) {
  Path path;
  const UniqueFd dir = open_at(proc_fd_, path.add(pid).get(), O_PATH | O_DIRECTORY);
  if (!dir) return;
  known_.look();
  (void)inspect_threads(dir.get(), pid, process, false);
  known_.commit_partial(process.evidence);
}

bool Processes::inspect_inside(int dir_fd, pid_t pid, Process& process, bool every) {
  if (!inspect_threads(dir_fd, pid, process, every)) return false;
  return process.unreadable || inspect_descriptors(dir_fd, pid, process, every);
}

bool Processes::inspect_threads(int dir_fd, pid_t pid, Process& process, bool every) {
  const UniqueFd tasks = open_at(dir_fd, "task", O_RDONLY | O_DIRECTORY);
  if (!tasks) {
    process.unreadable = is_denied(errno);
    return !is_shortage(errno);
  }
  // Threads may be in mount namespaces of their own: rare, so one is asked, and all where there is a reason.
  bool every_mount = every || process.mounts.size() != 1;
  bool asks_mount = true;
  if (every_mount) process.mounts.clear();
  of_leader_ = 0;
  threads_.over(tasks.get(), [&](const char* name, uint8_t) {
    ++work_.threads;
    Path path;
    path.set(name).add("/ns/net");
    const std::string_view text = link_.read(tasks.get(), path.get());
    if (text.empty()) {
      // A leader that has ended while others live has no namespaces; for a thread that ends just now it's the same.
      process.unreadable = is_denied(errno);
      return !process.unreadable;
    }
    const bool leads = decimal(name) == pid;
    if (leads || !process.observer)
      known_.show(bracketed(text, "net:["), tasks.get(), path.get(), leads ? FoundBy::process : FoundBy::thread, {});
    if (leads) of_leader_ = known_.added();
    if (!asks_mount) return !stop_;
    const uint64_t mount = bracketed(link_.read(tasks.get(), path.set(name).add("/ns/mnt").get()), "mnt:[");
    if (mount != 0 && std::ranges::find(process.mounts, mount) == process.mounts.end()) {
      if (!every_mount) process.mounts.clear();
      every_mount = true;
      process.mounts.push_back(mount);
    }
    asks_mount = every_mount;
    return !stop_;
  });
  return true;
}

bool Processes::inspect_descriptors(int dir_fd, pid_t pid, Process& process, bool every) {
  const UniqueFd fds = open_at(dir_fd, "fd", O_RDONLY | O_DIRECTORY);
  if (!fds) {
    process.unreadable = is_denied(errno);
    return !is_shortage(errno);
  }
  unknown_netns_.clear();
  unknown_sockets_.clear();
  process.observer = false;
  const bool large = process.is_large() && !every;
  if (!large || ++process.repeats % kListAgain == 0 || !repeat_descriptors(fds.get(), pid, process))
    list_descriptors(fds.get(), process);
  if (process.observer) {
    // Its other threads enter namespaces to look at them.
    known_.truncate(of_leader_);
    return true;
  }
  for (const auto& [descriptor, inode] : unknown_netns_)
    known_.show(inode, fds.get(), Path().add(descriptor).get(), FoundBy::descriptor, {});
  if (!unknown_sockets_.empty()) resolve_sockets(pid, process);
  return true;
}

void Processes::list_descriptors(int fds, Process& process) {
  process.slots.clear();
  unknown_netns_.clear();
  unknown_sockets_.clear();
  descriptors_.over(fds, [&](const char* name, uint8_t) {
    const std::string_view text = link_.read(fds, name);
    const auto descriptor = static_cast<size_t>(decimal(name));
    if (process.slots.size() <= descriptor) process.slots.resize(descriptor + 1, Slot::none);
    process.slots[descriptor] = note_descriptor(descriptor, text, process);
    return !stop_ && !process.observer;
  });
}

bool Processes::repeat_descriptors(int fds, pid_t pid, Process& process) {
  const UniqueFd process_fd(static_cast<int>(sys::call([&] { return ::syscall(SYS_pidfd_open, pid, 0); })));
  if (!process_fd) return false;
  const size_t listed = process.slots.size();
  Path path;
  for (size_t descriptor = 0, missed = 0; missed < kBeyond && !stop_ && !process.observer; ++descriptor) {
    const bool beyond = descriptor >= listed;
    if (!beyond && process.slots[descriptor] == Slot::socket) {
      ++work_.descriptors;
      const UniqueFd file = duplicate(process_fd.get(), descriptor);
      if (!file && errno != EBADF) return false;
      if (!file) process.slots[descriptor] = Slot::none;
      if (!file || show_socket(file.get(), process)) continue;
    }
    path.set({});
    const std::string_view text = link_.read(fds, path.add(static_cast<int64_t>(descriptor)).get());
    missed = beyond && text.empty() ? missed + 1 : 0;
    if (beyond) process.slots.push_back(Slot::none);
    process.slots[descriptor] = note_descriptor(descriptor, text, process);
  }
  return true;
}

Processes::Slot Processes::note_descriptor(size_t descriptor, std::string_view text, Process& process) {
  static const std::string mark = std::string("/memfd:") + kObserverMark;
  if (text.empty()) return Slot::none;
  ++work_.descriptors;
  const auto number = static_cast<int64_t>(descriptor);
  if (const uint64_t inode = bracketed(text, "socket:["); inode != 0) {
    const uint64_t cookie = sockets_.find(inode);
    if (Entry* entry = cookie == 0 ? nullptr : known_.by_cookie(cookie); entry != nullptr) known_.add(*entry);
    else unknown_sockets_.push_back({number, inode});
    return Slot::socket;
  }
  if (const uint64_t inode = bracketed(text, "net:["); inode != 0) {
    if (Entry* entry = known_.by_inode(inode); entry != nullptr) known_.add(*entry);
    else unknown_netns_.push_back({number, inode});
  } else if (text.starts_with(mark)) {
    process.observer = true;
  }
  return Slot::other;
}

UniqueFd Processes::duplicate(int process_fd, size_t descriptor) {
  return UniqueFd(static_cast<int>(sys::call([&] { return ::syscall(SYS_pidfd_getfd, process_fd, descriptor, 0); })));
}

uint64_t Processes::show_socket(int fd, Process& process) {
  uint64_t cookie = 0;
  socklen_t size = sizeof cookie;
  if (::getsockopt(fd, SOL_SOCKET, SO_NETNS_COOKIE, &cookie, &size) != 0) {
    // Before Linux 5.14. Else it is no socket: another file has the number by now.
    if (errno == ENOPROTOOPT) ++process.unresolved;
    return 0;
  }
  if (Entry* entry = known_.by_cookie(cookie); entry != nullptr) {
    known_.add(*entry);
    return cookie;
  }
  UniqueFd netns(sys::call([&] { return ::ioctl(fd, SIOCGSKNS); }));
  if (!netns || known_.show(std::move(netns), FoundBy::socket, {}) != Opened::found) ++process.unresolved;
  return cookie;
}

void Processes::resolve_sockets(pid_t pid, Process& process) {
  const UniqueFd process_fd(static_cast<int>(sys::call([&] { return ::syscall(SYS_pidfd_open, pid, 0); })));
  if (!process_fd) {
    if (errno != ESRCH) process.unresolved = unknown_sockets_.size();
    return;
  }
  for (const auto& [descriptor, inode] : unknown_sockets_) {
    if (stop_) return;
    const UniqueFd socket = duplicate(process_fd.get(), static_cast<size_t>(descriptor));
    if (!socket) {
      // Closed meanwhile (EBADF), or its process has ended.
      if (errno != EBADF && errno != ESRCH) ++process.unresolved;
      continue;
    }
    ++work_.sockets;
    // Another socket may have the number by now; the next pass sees that, since the process ran.
    const uint64_t cookie = show_socket(socket.get(), process);
    struct stat info {};
    if (cookie != 0 && ::fstat(socket.get(), &info) == 0 && info.st_ino == inode) sockets_.insert(inode, cookie);
  }
}

size_t Processes::unreadable() const {
  return static_cast<size_t>(
      std::ranges::count_if(processes_, [](const auto& item) { return item.second.unreadable; }));
}

Processes::Large Processes::large() const {
  Large large;
  for (const auto& [pid, process] : processes_) {
    if (!process.is_large() || process.observer) continue;
    ++large.count;
    large.apart_ns = std::max(large.apart_ns, process.rest_until_ns - process.looked_ns);
  }
  return large;
}

size_t Processes::observers() const {
  return static_cast<size_t>(std::ranges::count_if(processes_, [](const auto& item) { return item.second.observer; }));
}

size_t Processes::unresolved_sockets() const {
  size_t count = 0;
  for (const auto& [pid, process] : processes_) count += process.unresolved;
  return count;
}

}  // namespace nslab::discover
