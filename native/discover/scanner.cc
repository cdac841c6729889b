// Ticks.
#include "discover/scanner.h"

#include <fcntl.h>
#include <linux/capability.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <utility>

#include "base/sys.h"
#include "discover/listns.h"

namespace nslab::discover {
namespace {

/** Number of the first PID namespace's inode, PROC_PID_INIT_INO of the kernel. */
constexpr uint64_t kFirstPidNamespace = 0xEFFFFFFC;

bool may_trace() {
  __user_cap_header_struct header{_LINUX_CAPABILITY_VERSION_3, 0};
  __user_cap_data_struct data[_LINUX_CAPABILITY_U32S_3] = {};
  if (::syscall(SYS_capget, &header, data) != 0) return false;
  return (data[0].effective & (1U << CAP_SYS_PTRACE)) != 0;
}

/** Whether /proc was mounted with hidepid, by its options in the list of mounts. */
bool proc_hides(int proc_fd) {
  const UniqueFd file = open_at(proc_fd, "self/mountinfo", O_RDONLY);
  std::string text;
  std::array<char, 4096> part;
  for (ssize_t got = 0; (got = sys::call([&] { return ::read(file.get(), part.data(), part.size()); })) > 0;)
    text.append(part.data(), static_cast<size_t>(got));
  // The last one covers those before.
  const size_t at = text.rfind(" /proc ");
  if (at == std::string::npos) return false;
  const std::string_view line = std::string_view(text).substr(at, text.find('\n', at) - at);
  return line.find("hidepid=") != std::string_view::npos && line.find("hidepid=off") == std::string_view::npos;
}

bool kernel_has_getfd() { return ::syscall(SYS_pidfd_getfd, -1, 0, 0) != 0 && errno != ENOSYS; }

}  // namespace

Scanner::Scanner(std::vector<std::string> directories, const std::atomic<bool>& stop)
    : stop_(stop),
      proc_(open_at(AT_FDCWD, "/proc", O_RDONLY | O_DIRECTORY)),
      directories_(known_, std::move(directories)),
      mounts_(known_, directories_, proc_.get()),
      processes_(known_, mounts_, proc_.get(), stop) {}

Status Scanner::start() {
  if (!proc_) return Status::failed(ENOENT, "open /proc", "process");
  LinkText text;
  const std::string_view self = text.read(proc_.get(), "self");
  if (self != std::to_string(::getpid()))
    return Status::failed(EXDEV, "readlink /proc/self", "process",
                          "/proc is of another PID namespace than this process");
  mark_ = UniqueFd(static_cast<int>(sys::call([] { return ::memfd_create(kObserverMark, MFD_CLOEXEC); })));
  if (!mark_) return Status::from_errno("memfd_create", "process");
  return known_.start();
}

void Scanner::use_own_mounts() {
  LinkText text;
  if (const uint64_t inode = bracketed(text.read(proc_.get(), "thread-self/ns/mnt"), "mnt:["); inode != 0)
    mounts_.use(inode, ::getpid());
}

void Scanner::tick(bool every) {
  if (every) known_.forget_refused();
  // In this order, a namespace that passes from one holder to another in the meantime is seen with one of them: mounts,
  // small processes, large ones, mounts, small processes. Only what passes among large ones can slip through; the next
  // tick finds it again.
  use_own_mounts();
  directories_.scan(every);
  mounts_.scan(every);
  processes_.scan(every);
  if (stop_) return;
  mounts_.drop_unused();
  mounts_.scan(false);
  if (!known_.has_candidates()) return;
  processes_.scan_small();
  if (!stop_) known_.sweep();
}

void Scanner::tick_mounts() {
  directories_.scan(false);
  mounts_.scan(false);
}

Blind Scanner::blind() const {
  Blind blind;
  blind.unreadable_processes = processes_.unreadable();
  blind.unopened = known_.refused();
  blind.unopened_errno = known_.refusal();
  blind.hidden_mounts = mounts_.hidden();
  blind.unresolved_sockets = processes_.unresolved_sockets();
  const Processes::Large large = processes_.large();
  blind.large_processes = large.count;
  blind.large_apart_ns = large.apart_ns;
  blind.observers = processes_.observers();
  blind.unseen = count_unseen(known_);
  LinkText text;
  blind.inner_pids = bracketed(text.read(proc_.get(), "thread-self/ns/pid"), "pid:[") != kFirstPidNamespace;
  blind.hides_processes = proc_hides(proc_.get()) && !may_trace();
  blind.has_getfd = kernel_has_getfd();
  return blind;
}

}  // namespace nslab::discover
