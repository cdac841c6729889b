// Words for errors.
#include "base/status.h"

#include <cerrno>
#include <cstring>

namespace nslab {

std::string errno_name(int number) {
  // glibc 2.32 and later; the GNU name of the number, not a locale's words.
  const char* name = ::strerrorname_np(number);
  return name != nullptr ? name : "E" + std::to_string(number);
}

std::string errno_words(int number) {
  const char* words = ::strerrordesc_np(number);
  return words != nullptr ? words : "unknown error " + std::to_string(number);
}

std::string Error::message() const {
  return operation + " in " + where + ": " + errno_name(number) + " (" + reason + ")";
}

Status Status::failed(int number, std::string operation, std::string where, std::string reason) {
  if (reason.empty()) reason = errno_words(number);
  return Status(Error{number, std::move(operation), std::move(where), std::move(reason)});
}

Status Status::from_errno(std::string operation, std::string where) {
  return failed(errno, std::move(operation), std::move(where));
}

}  // namespace nslab
