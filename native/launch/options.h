// The command line of nslab-launch, parsed once. Pointers point into argv.

#pragma once

#include <sys/types.h>

namespace launch {

constexpr int kBindsMax = 16;
constexpr int kFreshMax = 8;
constexpr int kKeptFdsMax = 64;

struct Bind {
  char* source;
  char* target;
};

struct Options {
  bool user = false;
  bool net = false;
  bool pid = false;
  bool ipc = false;
  bool mount = false;
  bool proc = false;
  long user_as = -1;
  long uid = -1;
  long gid = -1;
  const char* join_user = nullptr;
  const char* join_net = nullptr;
  const char* net_cookie = nullptr;
  const char* directory = nullptr;
  const char* cgroup_procs = nullptr;
  int parent_signal = 0;
  pid_t parent_pid = 0;
  Bind binds[kBindsMax] = {};
  int binds_count = 0;
  const char* fresh[kFreshMax] = {};
  int fresh_count = 0;
  bool close_fds = false;
  unsigned kept_fds[kKeptFdsMax] = {};  // ascending
  int kept_fds_count = 0;
  char** command = nullptr;  // ends in a null pointer, as exec wants it
};

// Ends the process with 2 when the command line makes no sense, and with 0 after --help.
Options parse(int argc, char** argv);

}  // namespace launch
