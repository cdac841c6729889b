#include "files.h"

#include "../base/fd.h"
#include "../base/sys.h"

#include <fcntl.h>

namespace guest {
namespace {

constexpr std::string_view kBlanks = " \t\r\n";

std::string_view trimmed(std::string_view text) {
  const size_t first = text.find_first_not_of(kBlanks);
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(kBlanks) - first + 1);
}

}  // namespace

std::string read_text(const char* path) {
  const nslab::UniqueFd file(open(path, O_RDONLY | O_CLOEXEC));
  std::string text;
  if (!file) return text;
  char chunk[4096];
  for (;;) {
    const ssize_t count = nslab::sys::retry_eintr([&] { return read(file.get(), chunk, sizeof chunk); });
    if (count <= 0) return text;
    text.append(chunk, static_cast<size_t>(count));
  }
}

int write_text(const char* path, std::string_view text) {
  const nslab::UniqueFd file(open(path, O_WRONLY | O_CLOEXEC));
  if (!file) return errno;
  const ssize_t count = nslab::sys::retry_eintr([&] { return write(file.get(), text.data(), text.size()); });
  return count < 0 ? errno : 0;
}

std::vector<std::string> read_lines(const char* path) {
  const std::string text = read_text(path);
  std::vector<std::string> lines;
  for (size_t start = 0; start < text.size();) {
    const size_t end = std::min(text.find('\n', start), text.size());
    const std::string_view line = trimmed(std::string_view(text).substr(start, end - start));
    if (!line.empty() && line.front() != '#') lines.emplace_back(line);
    start = end + 1;
  }
  return lines;
}

}  // namespace guest
