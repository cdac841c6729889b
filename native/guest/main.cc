// nslab-init: process 1 of a guest. Makes the machine ready, starts the agent, reaps, and powers off when the agent
// ends. Static, and alone on its console until then: what it can't do it says and goes on without, because a guest that
// still starts its agent can tell more than a panic.

#include "agent.h"
#include "console.h"
#include "files.h"
#include "root.h"
#include "settle.h"

#include <fcntl.h>
#include <sys/reboot.h>
#include <sys/stat.h>

namespace {

constexpr const char* kAgentFile = "/etc/nslab/agent";
// Who boots the image may name another program, word by word on lines.
constexpr const char* kAgentOfFirmware = "/sys/firmware/qemu_fw_cfg/by_name/opt/nslab/agent/raw";
constexpr const char* kEnvironmentFile = "/etc/nslab/environment";
constexpr const char* kModulesFile = "/etc/nslab/modules";
// In the initrd of an image whose root is a disk.
constexpr const char* kRootFile = "/etc/nslab/root";
constexpr const char* kSettingsFile = "/etc/nslab/settings";
constexpr const char* kNameFile = "/etc/hostname";
constexpr const char* kPhasesFile = "/run/nslab/boot.json";

// For the agent: when each phase ended, in seconds since the kernel's clock started.
void write_phases(double kernel_s, double mounts_s, double modules_s, double root_s, double settled_s) {
  char text[256];
  const int size =
      snprintf(text, sizeof text,
               "{\"kernel_s\":%.6f,\"mounts_s\":%.6f,\"modules_s\":%.6f,\"root_s\":%.6f,\"settled_s\":%.6f}\n",
               kernel_s, mounts_s, modules_s, root_s, settled_s);
  (void)mkdir("/run/nslab", 0755);
  const int file = open(kPhasesFile, O_WRONLY | O_CREAT | O_CLOEXEC, 0644);
  if (file < 0 || write(file, text, static_cast<size_t>(size)) != size)
    guest::say_refused("writing", kPhasesFile, errno);
  if (file >= 0) (void)close(file);
}

}  // namespace

int main() {
  using namespace guest;
  const double kernel_s = uptime_s();
  mount_all();
  const double mounts_s = uptime_s();
  load_modules(kModulesFile);
  const double modules_s = uptime_s();
  const bool has_root = enter_root(kRootFile, kModulesFile);
  const double root_s = uptime_s();
  raise_limits();
  apply_settings(kSettingsFile);
  set_name(kNameFile);
  raise_loopback();
  write_phases(kernel_s, mounts_s, modules_s, root_s, uptime_s());

  std::vector<std::string> command;
  if (has_root) command = read_lines(kAgentOfFirmware);
  if (has_root && command.empty()) command = read_lines(kAgentFile);
  End end = End::kPowerOff;
  if (!has_root) say("nothing can be started without its root");
  else if (command.empty()) say("%s names no program to start", kAgentFile);
  else end = run_agent(command, read_lines(kEnvironmentFile));
  sync();
  say("%s", end == End::kRestart ? "restarting" : "powering off");
  (void)reboot(end == End::kRestart ? RB_AUTOBOOT : RB_POWER_OFF);
  say_refused("ending", "this machine", errno);
  for (;;) (void)pause();
}
