// Settings under /proc/sys/net: those of the calling thread's network namespace.
#pragma once

#include <string>

#include "base/status.h"

namespace nslab::netns {

/** Writes `value` to the file at `path`. `optional`: a kernel without the file does without. */
Status write_setting(const char* path, const char* value, bool optional, const std::string& where);

/** Equivalent to: `sysctl net.ipv4.ip_forward=1` */
Status forward_ipv4(const std::string& where);

/** Whether the kernel knows IPv6; without, it refuses IPv6 attributes (EAFNOSUPPORT). */
Result<bool> has_ipv6(const std::string& where);

}  // namespace nslab::netns
