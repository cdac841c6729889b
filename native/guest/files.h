// Small files whole: lists that the image carries, and the kernel's own.

#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace guest {

// The file's text; empty where it can't be read.
std::string read_text(const char* path);

// Writes the text in one call, as the files of /proc and /sys want it. Returns 0 or an errno.
int write_text(const char* path, std::string_view text);

// Lines without surrounding blanks; empty ones and comments (#) are left out.
std::vector<std::string> read_lines(const char* path);

}  // namespace guest
