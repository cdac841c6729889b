// nslab-launch: starts a program in namespaces of its own, or in those of another, and lets nothing outlive its parent.
// A program of one thread, because a threaded one (Node.js) can't enter a user namespace. See --help.

#include "enter.h"
#include "fail.h"
#include "options.h"
#include "supervise.h"

int main(int argc, char** argv) {
  using namespace launch;
  const Options options = parse(argc, argv);
  watch_parent(options.parent_signal, options.parent_pid);
  enter_namespaces(options);
  watch_parent(options.parent_signal, options.parent_pid);
  if (options.pid) fork_into_pid_namespace();
  if (options.proc) mount_own_proc();
  become(options);
  // Under --pid the program ends with its init.
  if (!options.pid) watch_parent(options.parent_signal, options.parent_pid);
  (void)execvp(options.command[0], options.command);
  const int error = errno;
  const char* name = strerrorname_np(error);
  fail(error == ENOENT ? kExitNotFound : kExitNotExecutable, "exec(%s): %s (%s)", options.command[0],
       name ? name : "unknown errno", strerror(error));
}
