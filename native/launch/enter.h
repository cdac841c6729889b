// The kernel calls of nslab-launch that change what the process is and sees. Each ends the process when refused.

#pragma once

#include "options.h"

namespace launch {

// Asks for `signal` at the parent's end and gives up if the parent is gone already. A change of credentials clears
// the request, so it is made again after each.
void watch_parent(int signal, pid_t parent);

// Everything that comes before the fork of --pid: joins, new namespaces, mounts, descriptors.
void enter_namespaces(const Options& options);

// The /proc of the PID namespace that this process is in, in place of the one that was inherited.
void mount_own_proc();

// Everything that only the program itself shall be: groups, user, nested user namespace, directory.
void become(const Options& options);

}  // namespace launch
