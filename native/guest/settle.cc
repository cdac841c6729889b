#include "settle.h"

#include "console.h"
#include "files.h"
#include "../base/fd.h"

#include <algorithm>
#include <fcntl.h>
#include <net/if.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>

namespace guest {
namespace {

struct Mount {
  const char* type;
  const char* target;
  unsigned long flags;
  const char* options;
};

constexpr unsigned long kKernelFiles = MS_NOSUID | MS_NOEXEC | MS_NODEV;

constexpr Mount kMounts[] = {
    {"proc", "/proc", kKernelFiles, nullptr},
    {"sysfs", "/sys", kKernelFiles, nullptr},
    {"devtmpfs", "/dev", MS_NOSUID, "mode=0755"},
    {"devpts", "/dev/pts", MS_NOSUID | MS_NOEXEC, "mode=0620,ptmxmode=0666"},
    {"tmpfs", "/dev/shm", MS_NOSUID | MS_NODEV, "mode=1777"},
    {"tmpfs", "/run", MS_NOSUID | MS_NODEV, "mode=0755"},
    {"tmpfs", "/tmp", MS_NOSUID | MS_NODEV, "mode=1777"},
    {"cgroup2", "/sys/fs/cgroup", kKernelFiles, nullptr},
};

constexpr const char* kNameOfFirmware = "/sys/firmware/qemu_fw_cfg/by_name/opt/nslab/name/raw";

// Of the kernel's command line: the value of the last word `key=value`; empty where there is none.
std::string boot_word(std::string_view key) {
  const std::string line = " " + read_text("/proc/cmdline");
  const std::string start = " " + std::string(key) + "=";
  const size_t at = line.rfind(start);
  if (at == std::string::npos) return {};
  const size_t from = at + start.size();
  return line.substr(from, line.find_first_of(" \n", from) - from);
}

}  // namespace

void mount_all() {
  for (const Mount& entry : kMounts) {
    (void)mkdir(entry.target, 0755);
    if (mount(entry.type, entry.target, entry.type, entry.flags, entry.options) != 0)
      say_refused("mount", entry.target, errno);
  }
  (void)symlink("/proc/self/fd", "/dev/fd");
}

void load_modules(const char* list) {
  for (const std::string& path : read_lines(list)) {
    const nslab::UniqueFd file(open(path.c_str(), O_RDONLY | O_CLOEXEC));
    if (!file || (syscall(SYS_finit_module, file.get(), "", 0) != 0 && errno != EEXIST))
      say_refused("loading", path.c_str(), errno);
  }
}

void apply_settings(const char* list) {
  for (const std::string& line : read_lines(list)) {
    const size_t equals = line.find('=');
    if (equals == std::string::npos) continue;
    std::string path = "/proc/sys/" + line.substr(0, line.find_last_not_of(" \t", equals - 1) + 1);
    std::replace(path.begin() + sizeof("/proc/sys/") - 1, path.end(), '.', '/');
    const size_t value = line.find_first_not_of(" \t", equals + 1);
    const int error = write_text(path.c_str(), value == std::string::npos ? "" : line.substr(value));
    if (error != 0) say_refused("setting", line.c_str(), error);
  }
}

void raise_limits() {
  const std::string allowed = read_text("/proc/sys/fs/nr_open");
  const rlim_t count = std::strtoul(allowed.c_str(), nullptr, 10);
  const struct rlimit limit = {count, count};
  if (count == 0 || setrlimit(RLIMIT_NOFILE, &limit) != 0) say_refused("raising", "the limit on open files", errno);
}

void set_name(const char* fallback_file) {
  std::string name = read_text(kNameOfFirmware);
  if (name.empty()) name = boot_word("nslab.name");
  if (name.empty()) name = read_text(fallback_file);
  name.erase(std::min(name.find_first_of(" \t\r\n"), name.size()));
  if (name.empty()) return;
  if (sethostname(name.data(), name.size()) != 0) say_refused("naming this machine", name.c_str(), errno);
}

void raise_loopback() {
  const nslab::UniqueFd socket(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  struct ifreq request = {};
  (void)strncpy(request.ifr_name, "lo", sizeof request.ifr_name - 1);
  request.ifr_flags = IFF_UP | IFF_RUNNING;
  if (!socket || ioctl(socket.get(), SIOCSIFFLAGS, &request) != 0) say_refused("raising", "lo", errno);
}

}  // namespace guest
