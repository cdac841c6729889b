// What every native test program shares: checks as TAP.
#pragma once

#include <dirent.h>

#include <cstddef>
#include <cstdio>
#include <string>

namespace nslab::test {

inline int checks = 0;
inline bool all_well = true;

inline void check(bool holds, const std::string& what) {
  std::printf("%sok %d - %s\n", holds ? "" : "not ", ++checks, what.c_str());
  std::fflush(stdout);
  all_well = all_well && holds;
}

/** Ends the TAP; returns the exit status. */
inline int end_checks() {
  std::printf("1..%d\n", checks);
  return all_well ? 0 : 1;
}

/** How many entries a folder has, "." and ".." among them. */
inline size_t entries(const char* folder) {
  size_t count = 0;
  DIR* open = ::opendir(folder);
  while (open != nullptr && ::readdir(open) != nullptr) ++count;
  if (open != nullptr) ::closedir(open);
  return count;
}

}  // namespace nslab::test
