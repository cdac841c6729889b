// Where a folder is missing, the parent is rebuilt: entries of the former one are bound to new ones of the same kind.

#include "fresh.h"

#include "fail.h"

#include <climits>
#include <cstdlib>
#include <dirent.h>
#include <fcntl.h>
#include <sys/mount.h>
#include <sys/stat.h>

namespace launch {
namespace {

void cover(const char* path) {
  if (mount("tmpfs", path, "tmpfs", MS_NOSUID | MS_NODEV, "mode=755") != 0) refused(errno, "mount(tmpfs, %s)", path);
}

void copy_link(int old, const char* name, const char* to) {
  char target[PATH_MAX];
  const ssize_t size = readlinkat(old, name, target, sizeof target - 1);
  if (size < 0) refused(errno, "readlink(%s)", name);
  target[size] = '\0';
  if (symlink(target, to) != 0) refused(errno, "symlink(%s)", to);
}

// `old` is the former folder, whose path leads to the new one by now.
void take_over(int old, const char* name, const char* parent) {
  char from[PATH_MAX], to[PATH_MAX];
  (void)snprintf(from, sizeof from, "/proc/self/fd/%d/%s", old, name);
  if (snprintf(to, sizeof to, "%s/%s", parent, name) >= static_cast<int>(sizeof to)) refused(ENAMETOOLONG, "%s", name);
  struct stat entry;
  // It may end as it is looked at.
  if (fstatat(old, name, &entry, AT_SYMLINK_NOFOLLOW) != 0) return;
  if (S_ISLNK(entry.st_mode)) return copy_link(old, name, to);
  if (S_ISDIR(entry.st_mode)) {
    if (mkdir(to, 0700) != 0) refused(errno, "mkdir(%s)", to);
  } else {
    const int fd = open(to, O_CREAT | O_WRONLY | O_CLOEXEC, 0600);
    if (fd < 0) refused(errno, "open(%s)", to);
    (void)close(fd);
  }
  if (mount(from, to, nullptr, MS_BIND | MS_REC, nullptr) != 0 && errno != ENOENT)
    refused(errno, "mount(%s, %s, MS_BIND)", from, to);
}

void rebuild(const char* parent) {
  const int old = open(parent, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (old < 0) refused(errno, "open(%s)", parent);
  DIR* entries = fdopendir(old);
  if (!entries) refused(errno, "fdopendir(%s)", parent);
  cover(parent);
  while (const struct dirent* entry = readdir(entries))
    if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0) take_over(old, entry->d_name, parent);
  (void)closedir(entries);
}

}  // namespace

void make_fresh(const char* path) {
  struct stat now;
  if (stat(path, &now) == 0) return cover(path);
  char parent[PATH_MAX];
  if (snprintf(parent, sizeof parent, "%s", path) >= static_cast<int>(sizeof parent)) refused(ENAMETOOLONG, "%s", path);
  char* slash = strrchr(parent, '/');
  slash[slash == parent ? 1 : 0] = '\0';
  if (stat(parent, &now) == 0) rebuild(parent);
  else make_fresh(parent);
  if (mkdir(path, 0755) != 0) refused(errno, "mkdir(%s)", path);
}

}  // namespace launch
