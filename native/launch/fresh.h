// --fresh: an empty folder in memory, in a mount namespace of the program's own.

#pragma once

namespace launch {

// Covers `path` by an empty tmpfs. Where there is no such folder, the nearest one above it is covered by one that has
// all the rest of it, so that nothing is made outside. Ends the process when refused.
void make_fresh(const char* path);

}  // namespace launch
