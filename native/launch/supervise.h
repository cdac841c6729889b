// The two processes that stand around a program under --pid:
//   launcher (outside) ── init (pid 1 of the new namespace) ── the program
// Init exists because the kernel keeps default-action signals from a pid 1 and never reaps for it. It dies with the
// launcher, and the kernel kills the whole namespace with init: nothing outlives any of the three.

#pragma once

namespace launch {

// Returns only in the process that shall become the program, with the caller's signal mask. The launcher itself exits
// with the program's status, or 128+n.
void fork_into_pid_namespace();

}  // namespace launch
