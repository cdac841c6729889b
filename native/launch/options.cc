// Reads the command line of nslab-launch, and its help.

#include "options.h"

#include "fail.h"

#include <algorithm>
#include <climits>
#include <csignal>
#include <cstdlib>

namespace launch {
namespace {

constexpr char kHelp[] =
    R"(usage: nslab-launch [OPTIONS] -- CMD ARGS...
Starts CMD after making or entering namespaces. Done in this order, whatever the order of the options:
  --parent-death SIG PPID  get SIG when the parent ends; give up now if the parent is not PPID any more
  --cgroup FILE            join the control group whose cgroup.procs is FILE
  --join-user PATH         enter the user namespace of PATH (or of an open descriptor, by number)
  --join-net PATH_OR_FD    enter the network namespace of PATH or descriptor
  --net-cookie COOKIE      give up where that is another than has this cookie (SO_NETNS_COOKIE)
  --user                   new user namespace in which the present user is root
  --net                    new network namespace, loopback up
  --ipc                    new IPC namespace
  --mount                  private mount namespace
  --bind SRC:DST           bind-mount SRC on DST in it (implies --mount; may be repeated)
  --fresh DIR              an empty DIR of its own, in memory (implies --mount; may be repeated); where there is no DIR,
                           its parent becomes one that has all else of it
  --close-fds-except LIST  close every descriptor above 2 but these (3,4,...; may be empty)
  --pid                    new PID namespace: CMD and all it starts end with this launcher, and the other way round
  --proc                   a /proc of that namespace (implies --mount)
  --gid G, --uid U         give up supplementary groups, then become G and U
  --user-as UID            new user namespace in which the present user is UID
  --chdir DIR              start in DIR
Exit status: CMD's own, 128+n after signal n under --pid; 2 usage, 6 the kernel refused, 126 or 127 CMD can't be run.
)";

long number(const char* option, const char* text, long max) {
  char* end = nullptr;
  errno = 0;
  const long value = strtol(text, &end, 10);
  if (errno != 0 || end == text || *end != '\0' || value < 0 || value > max)
    fail(kExitUsage, "%s: '%s' is not a number from 0 to %ld", option, text, max);
  return value;
}

void parse_kept_fds(Options& options, char* list) {
  options.close_fds = true;
  for (char* item = strtok(list, ","); item; item = strtok(nullptr, ",")) {
    if (options.kept_fds_count == kKeptFdsMax)
      fail(kExitUsage, "--close-fds-except: more than %d descriptors", kKeptFdsMax);
    options.kept_fds[options.kept_fds_count++] = static_cast<unsigned>(number("--close-fds-except", item, INT_MAX));
  }
  std::sort(options.kept_fds, options.kept_fds + options.kept_fds_count);
}

void parse_bind(Options& options, char* text) {
  // The last one: a folder that a user named may have colons in its path, what it is bound to has none.
  char* colon = strrchr(text, ':');
  if (!colon || colon == text || colon[1] == '\0') fail(kExitUsage, "--bind: '%s' is not SRC:DST", text);
  if (options.binds_count == kBindsMax) fail(kExitUsage, "--bind: more than %d", kBindsMax);
  *colon = '\0';
  options.mount = true;
  options.binds[options.binds_count++] = {text, colon + 1};
}

void parse_fresh(Options& options, const char* path) {
  if (path[0] != '/' || path[1] == '\0') fail(kExitUsage, "--fresh: '%s' is not an absolute path", path);
  if (options.fresh_count == kFreshMax) fail(kExitUsage, "--fresh: more than %d", kFreshMax);
  options.mount = true;
  options.fresh[options.fresh_count++] = path;
}

}  // namespace

Options parse(int argc, char** argv) {
  Options options;
  int at = 1;
  const auto next = [&](const char* option) -> char* {
    if (at >= argc) fail(kExitUsage, "%s: a value is missing", option);
    return argv[at++];
  };
  for (;;) {
    if (at >= argc) fail(kExitUsage, "no command: '--' and a command must follow the options; see --help");
    const char* option = argv[at++];
    const auto is = [&](const char* name) { return strcmp(option, name) == 0; };
    if (is("--")) break;
    if (is("--help")) {
      const ssize_t written = write(STDOUT_FILENO, kHelp, sizeof kHelp - 1);
      _exit(written == static_cast<ssize_t>(sizeof kHelp - 1) ? 0 : kExitRefused);
    }
    if (is("--user")) options.user = true;
    else if (is("--net")) options.net = true;
    else if (is("--pid")) options.pid = true;
    else if (is("--ipc")) options.ipc = true;
    else if (is("--mount")) options.mount = true;
    else if (is("--proc")) options.proc = options.mount = true;
    else if (is("--user-as")) options.user_as = number(option, next(option), INT_MAX);
    else if (is("--uid")) options.uid = number(option, next(option), INT_MAX);
    else if (is("--gid")) options.gid = number(option, next(option), INT_MAX);
    else if (is("--join-user")) options.join_user = next(option);
    else if (is("--join-net")) options.join_net = next(option);
    else if (is("--net-cookie")) options.net_cookie = next(option);
    else if (is("--cgroup")) options.cgroup_procs = next(option);
    else if (is("--chdir")) options.directory = next(option);
    else if (is("--bind")) parse_bind(options, next(option));
    else if (is("--fresh")) parse_fresh(options, next(option));
    else if (is("--close-fds-except")) parse_kept_fds(options, next(option));
    else if (is("--parent-death")) {
      options.parent_signal = static_cast<int>(number(option, next(option), SIGRTMAX));
      options.parent_pid = static_cast<pid_t>(number(option, next(option), INT_MAX));
      if (options.parent_signal == 0 || options.parent_pid == 0)
        fail(kExitUsage, "%s: signal and pid must not be 0", option);
    } else fail(kExitUsage, "unknown option '%s'; see --help", option);
  }
  if (at >= argc) fail(kExitUsage, "no command after '--'");
  if (options.proc && !options.pid) fail(kExitUsage, "--proc needs --pid");
  if (options.net && options.join_net) fail(kExitUsage, "--net and --join-net exclude each other");
  if (options.net_cookie && !options.join_net) fail(kExitUsage, "--net-cookie is about --join-net");
  options.command = argv + at;
  return options;
}

}  // namespace launch
