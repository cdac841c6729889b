// Settings of the thread's namespace.
#include "netns/setting.h"

#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cstring>

#include "base/fd.h"
#include "base/sys.h"

namespace nslab::netns {

Status write_setting(const char* path, const char* value, bool optional, const std::string& where) {
  UniqueFd fd(sys::call([&] { return ::open(path, O_WRONLY | O_CLOEXEC); }));
  if (!fd && optional && errno == ENOENT) return {};
  if (!fd) return Status::from_errno(std::string("open ") + path, where);
  const auto size = static_cast<ssize_t>(std::strlen(value));
  if (sys::call([&] { return ::write(fd.get(), value, static_cast<size_t>(size)); }) != size)
    return Status::from_errno(std::string("write ") + path, where);
  return {};
}

Status forward_ipv4(const std::string& where) {
  return write_setting("/proc/sys/net/ipv4/ip_forward", "1", false, where);
}

Result<bool> has_ipv6(const std::string& where) {
  const UniqueFd probe(sys::call([] { return ::socket(AF_INET6, SOCK_DGRAM | SOCK_CLOEXEC, 0); }));
  if (!probe && errno != EAFNOSUPPORT) return Status::from_errno("socket AF_INET6", where);
  return static_cast<bool>(probe);
}

}  // namespace nslab::netns
