// The one program that init starts, and the machine's end with it.

#pragma once

#include <string>
#include <vector>

namespace guest {

enum class End { kPowerOff, kRestart };

// Starts the program with the environment's lines (KEY=value) and reaps every process of the machine until the program
// ends (power off), or somebody asks for the machine's end: SIGUSR2 and SIGPWR for power off, SIGTERM for a restart, as
// busybox's poweroff and reboot ask for it. Then every process is told to end, and waited for a moment.
End run_agent(const std::vector<std::string>& command, const std::vector<std::string>& environment);

}  // namespace guest
