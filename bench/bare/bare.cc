// The floor under a churn: bare network namespaces, without loopback, sockets or names, made and dropped by one thread,
// the oldest first, while so many are alive. Nothing of the addon is in it.
// usage: bare --alive N --operations N; one line of JSON.

#include <fcntl.h>
#include <sched.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <deque>

namespace {

double now_s() {
  timespec now{};
  clock_gettime(CLOCK_MONOTONIC, &now);
  return static_cast<double>(now.tv_sec) + static_cast<double>(now.tv_nsec) / 1e9;
}

int make() {
  const int fd = unshare(CLONE_NEWNET) == 0 ? open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC) : -1;
  if (fd >= 0) return fd;
  perror("bare");
  exit(1);
}

}  // namespace

int main(int argc, char** argv) {
  long alive = 0;
  long operations = 0;
  for (int i = 1; i + 1 < argc; i += 2) {
    if (strcmp(argv[i], "--alive") == 0) alive = atol(argv[i + 1]);
    if (strcmp(argv[i], "--operations") == 0) operations = atol(argv[i + 1]);
  }
  if (alive < 1 || operations < 2) {
    fprintf(stderr, "usage: bare --alive N --operations N\n");
    return 2;
  }
  rlimit files{};
  if (getrlimit(RLIMIT_NOFILE, &files) == 0) {
    files.rlim_cur = files.rlim_max;
    (void)setrlimit(RLIMIT_NOFILE, &files);
  }
  std::deque<int> held;
  for (long i = 0; i < alive; ++i) held.push_back(make());
  const double began = now_s();
  for (long i = 0; i + 1 < operations; i += 2) {
    close(held.front());
    held.pop_front();
    held.push_back(make());
  }
  printf("{\"operations\": %ld, \"seconds\": %.6f}\n", operations, now_s() - began);
}
