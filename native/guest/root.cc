#include "root.h"

#include "console.h"
#include "files.h"

#include <sys/mount.h>
#include <sys/stat.h>

namespace guest {
namespace {

// The driver has looked for its disks when it is loaded; a machine that is slow to tell is waited for.
constexpr int kLooks = 200;
constexpr useconds_t kBetweenLooksUs = 50'000;

constexpr const char* kLower = "/lower";
constexpr const char* kUpper = "/upper";
constexpr const char* kNew = "/new";
constexpr const char* kMoved[] = {"/proc", "/sys", "/dev", "/run", "/tmp"};

// The device of the disk with this serial number; empty where there is none.
std::string find_disk(const std::string& serial) {
  for (int look = 0; look < kLooks; look++) {
    if (look > 0) (void)usleep(kBetweenLooksUs);
    for (char letter = 'a'; letter <= 'z'; letter++) {
      const std::string name = std::string("vd") + letter;
      const std::string device = "/dev/" + name;
      if (read_text(("/sys/block/" + name + "/serial").c_str()) == serial && access(device.c_str(), F_OK) == 0)
        return device;
    }
  }
  return {};
}

bool refused(const char* operation, const char* object) {
  say("%s %s: %s", operation, object, strerror(errno));
  return false;
}

bool mount_layers(const std::string& type, const std::string& device) {
  for (const char* folder : {kLower, kUpper, kNew}) (void)mkdir(folder, 0755);
  if (mount(device.c_str(), kLower, type.c_str(), MS_RDONLY, nullptr) != 0) return refused("mount", device.c_str());
  if (mount("tmpfs", kUpper, "tmpfs", 0, "mode=0755") != 0) return refused("mount", kUpper);
  const std::string data = std::string(kUpper) + "/data";
  const std::string work = std::string(kUpper) + "/work";
  const std::string options = std::string("lowerdir=") + kLower + ",upperdir=" + data + ",workdir=" + work;
  if (mkdir(data.c_str(), 0755) != 0 || mkdir(work.c_str(), 0755) != 0) return refused("make", kUpper);
  if (mount("overlay", kNew, "overlay", 0, options.c_str()) != 0) return refused("mount", kNew);
  return true;
}

}  // namespace

bool enter_root(const char* list, const char* modules) {
  const std::vector<std::string> lines = read_lines(list);
  if (lines.empty()) return true;
  const std::string serial = lines.back();
  const std::string device = find_disk(serial);
  if (device.empty()) {
    say("no disk has the serial number %s, and the root is on it", serial.c_str());
    return false;
  }
  if (!mount_layers(lines.front(), device)) return false;
  for (const std::string& path : read_lines(modules)) (void)unlink(path.c_str());
  for (const char* target : kMoved) {
    const std::string to = kNew + std::string(target);
    if (mount(target, to.c_str(), nullptr, MS_MOVE, nullptr) != 0) return refused("move", target);
  }
  if (chdir(kNew) != 0 || mount(".", "/", nullptr, MS_MOVE, nullptr) != 0 || chroot(".") != 0 || chdir("/") != 0)
    return refused("enter", kNew);
  return true;
}

}  // namespace guest
