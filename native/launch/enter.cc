// The kernel calls of nslab-launch, in their one order.

#include "enter.h"

#include "fail.h"
#include "fresh.h"

#include <cctype>
#include <climits>
#include <cstdint>
#include <cstdlib>
#include <fcntl.h>
#include <grp.h>
#include <linux/close_range.h>
#include <net/if.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#ifndef SO_NETNS_COOKIE
#define SO_NETNS_COOKIE 71
#endif

namespace launch {
namespace {

void new_namespace(int flag, const char* name) {
  if (unshare(flag) != 0) refused(errno, "unshare(%s)", name);
}

bool same_namespace(int fd, const char* own) {
  struct stat theirs, ours;
  return fstat(fd, &theirs) == 0 && stat(own, &ours) == 0 && theirs.st_dev == ours.st_dev &&
         theirs.st_ino == ours.st_ino;
}

// The kernel refuses (EINVAL) to enter the user namespace one is in, so a join that changes nothing is skipped.
void join(const char* place, int flag, const char* name, const char* own) {
  const bool by_number = isdigit(static_cast<unsigned char>(*place)) != 0;
  const int fd = by_number ? atoi(place) : open(place, O_RDONLY | O_CLOEXEC);
  if (fd < 0) refused(errno, "open(%s)", place);
  if (!same_namespace(fd, own) && setns(fd, flag) != 0) refused(errno, "setns(%s, %s)", place, name);
  if (!by_number) (void)close(fd);
}

// A descriptor's number may have been given to another namespace since somebody asked for it. A kernel without cookies
// (before 5.14) can't tell.
void require_cookie(const char* wanted) {
  const int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  if (fd < 0) refused(errno, "socket(AF_INET)");
  uint64_t cookie = 0;
  socklen_t size = sizeof cookie;
  if (getsockopt(fd, SOL_SOCKET, SO_NETNS_COOKIE, &cookie, &size) == 0) {
    char found[24];
    (void)snprintf(found, sizeof found, "%llu", static_cast<unsigned long long>(cookie));
    if (strcmp(found, wanted) != 0)
      fail(kExitRefused, "the network namespace is not the one asked for: its cookie is %s, not %s", found, wanted);
  } else if (errno != ENOPROTOOPT) refused(errno, "getsockopt(SO_NETNS_COOKIE)");
  (void)close(fd);
}

void write_file(const char* path, const char* text) {
  const int fd = open(path, O_WRONLY | O_CLOEXEC);
  if (fd < 0) refused(errno, "open(%s)", path);
  if (write(fd, text, strlen(text)) < 0) refused(errno, "write(%s, \"%s\")", path, text);
  (void)close(fd);
}

// A new user namespace in which the present ids have the numbers given, and no other id exists. setgroups must be
// denied before an unprivileged process may write a gid map: user_namespaces(7).
void new_user_namespace(long inside_uid, long inside_gid) {
  const unsigned uid = geteuid();
  const unsigned gid = getegid();
  // A change of uid leaves the process undumpable and its /proc files root's.
  if (prctl(PR_SET_DUMPABLE, 1) != 0) refused(errno, "prctl(PR_SET_DUMPABLE)");
  new_namespace(CLONE_NEWUSER, "CLONE_NEWUSER");
  char map[64];
  write_file("/proc/self/setgroups", "deny");
  (void)snprintf(map, sizeof map, "%ld %u 1", inside_uid, uid);
  write_file("/proc/self/uid_map", map);
  (void)snprintf(map, sizeof map, "%ld %u 1", inside_gid, gid);
  write_file("/proc/self/gid_map", map);
}

void raise_loopback() {
  const int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  if (fd < 0) refused(errno, "socket(AF_INET)");
  struct ifreq request = {};
  strcpy(request.ifr_name, "lo");
  request.ifr_flags = IFF_UP | IFF_RUNNING;
  if (ioctl(fd, SIOCSIFFLAGS, &request) != 0) refused(errno, "SIOCSIFFLAGS(lo, up)");
  (void)close(fd);
}

void bind_mounts(const Options& options) {
  new_namespace(CLONE_NEWNS, "CLONE_NEWNS");
  // Before any mount, or it would show outside too.
  if (mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0) refused(errno, "mount(/, MS_PRIVATE)");
  for (int i = 0; i < options.binds_count; i++) {
    const Bind& bind = options.binds[i];
    if (mount(bind.source, bind.target, nullptr, MS_BIND | MS_REC, nullptr) != 0)
      refused(errno, "mount(%s, %s, MS_BIND)", bind.source, bind.target);
  }
  for (int i = 0; i < options.fresh_count; i++) make_fresh(options.fresh[i]);
}

void close_range_checked(unsigned first, unsigned last) {
  if (first <= last && syscall(SYS_close_range, first, last, 0) != 0)
    refused(errno, "close_range(%u, %u)", first, last);
}

void close_fds_except(const unsigned* kept, int kept_count) {
  unsigned first = 3;
  for (int i = 0; i < kept_count; i++) {
    if (kept[i] < first) continue;
    close_range_checked(first, kept[i] - 1);
    first = kept[i] + 1;
  }
  close_range_checked(first, UINT_MAX);
}

}  // namespace

void watch_parent(int signal, pid_t parent) {
  if (signal == 0) return;
  if (prctl(PR_SET_PDEATHSIG, signal) != 0) refused(errno, "prctl(PR_SET_PDEATHSIG, %d)", signal);
  // Only now: a parent that ended before the call above sends nothing.
  if (getppid() != parent) fail(kExitRefused, "parent %d is gone: ESRCH (%s)", parent, strerror(ESRCH));
}

void enter_namespaces(const Options& options) {
  // First: the path is one of the mount table that the caller knows. 0 is the writer itself.
  if (options.cgroup_procs) write_file(options.cgroup_procs, "0");
  if (options.join_user) join(options.join_user, CLONE_NEWUSER, "CLONE_NEWUSER", "/proc/self/ns/user");
  if (options.join_net) join(options.join_net, CLONE_NEWNET, "CLONE_NEWNET", "/proc/self/ns/net");
  if (options.net_cookie) require_cookie(options.net_cookie);
  if (options.user) new_user_namespace(0, 0);
  if (options.net) {
    new_namespace(CLONE_NEWNET, "CLONE_NEWNET");
    raise_loopback();
  }
  if (options.ipc) new_namespace(CLONE_NEWIPC, "CLONE_NEWIPC");
  if (options.mount) bind_mounts(options);
  if (options.close_fds) close_fds_except(options.kept_fds, options.kept_fds_count);
}

void mount_own_proc() {
  if (mount("proc", "/proc", "proc", MS_NOSUID | MS_NODEV | MS_NOEXEC, nullptr) != 0)
    refused(errno, "mount(proc, /proc)");
}

void become(const Options& options) {
  if (options.uid >= 0 || options.gid >= 0) {
    if (setgroups(0, nullptr) != 0) refused(errno, "setgroups(none)");
    const auto gid = static_cast<gid_t>(options.gid);
    const auto uid = static_cast<uid_t>(options.uid);
    if (options.gid >= 0 && setresgid(gid, gid, gid) != 0) refused(errno, "setresgid(%u)", gid);
    if (options.uid >= 0 && setresuid(uid, uid, uid) != 0) refused(errno, "setresuid(%u)", uid);
  }
  if (options.user_as >= 0) new_user_namespace(options.user_as, options.user_as);
  if (options.directory && chdir(options.directory) != 0) refused(errno, "chdir(%s)", options.directory);
}

}  // namespace launch
