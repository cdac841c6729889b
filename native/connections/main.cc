// nslab-connections: opens TCP connections over namespaces of its own and holds them, in as many processes as the limit
// on open files asks for. It makes the namespaces and what listens, says `ready`, and then obeys, a word a line:
//   open · count · prove · close
// Each is answered by one line of JSON when it has been carried out; while it is, a line a second says how far it is.
// At the end of its standard input it ends, its workers with it, and the kernel drops the namespaces.
// --probe says how many files a process may hold open here, and ends.

#include <poll.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <cstdio>
#include <cstring>
#include <fstream>
#include <new>

#include "base/sys.h"
#include "connections/count.h"
#include "connections/worker.h"

namespace nslab::connections {
namespace {

constexpr int kExitUsage = 2;
constexpr int kExitRefused = 6;
constexpr int kPulseMs = 1000;

struct Process {
  pid_t pid = 0;
  UniqueFd commands;
};

using std::printf;

[[noreturn]] void end_with(const Error& error, int code = kExitRefused) {
  printf("{\"is\":\"error\",\"operation\":\"%s\",\"where\":\"%s\",\"errno\":\"%s\",\"reason\":\"%s\"}\n",
         error.operation.c_str(), error.where.c_str(), errno_name(error.number).c_str(), error.reason.c_str());
  (void)std::fflush(stdout);
  // Workers end with this process; nothing of it is worth an orderly end.
  _exit(code);
}

Error ended(size_t worker) {
  return {ECHILD, "command", "worker " + std::to_string(worker), "it ended: was it out of memory?"};
}

double now_s() {
  timespec time{};
  clock_gettime(CLOCK_MONOTONIC, &time);
  return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_nsec) / 1e9;
}

/**
 * Raises the limit on open files to `wanted`, or, where that may not be, to the hard limit; never below it. Returns
 * what it is now.
 */
uint64_t raise_open_files(uint64_t wanted) {
  rlimit limit{};
  (void)::getrlimit(RLIMIT_NOFILE, &limit);
  const rlimit raised{wanted, wanted};
  if (wanted > limit.rlim_max && ::setrlimit(RLIMIT_NOFILE, &raised) == 0) return wanted;
  limit.rlim_cur = limit.rlim_max;
  (void)::setrlimit(RLIMIT_NOFILE, &limit);
  return limit.rlim_max;
}

/** Tries what the machine allows at most: a root that may do so raises even the hard limit, up to fs.nr_open. */
int probe() {
  uint64_t nr_open = 0;
  std::ifstream("/proc/sys/fs/nr_open") >> nr_open;
  rlimit hard{};
  (void)::getrlimit(RLIMIT_NOFILE, &hard);
  printf("{\"open_files_hard\":%llu,\"open_files_max\":%llu}\n", static_cast<unsigned long long>(hard.rlim_max),
         static_cast<unsigned long long>(raise_open_files(std::max<uint64_t>(nr_open, hard.rlim_max))));
  return 0;
}

/** A worker's life, from the fork on. */
[[noreturn]] void work(const Options& options, const std::vector<Share>& shares, Ground ground, uint32_t number,
                       pid_t starter, int commands, Progress& progress) {
  (void)::prctl(PR_SET_PDEATHSIG, SIGKILL);
  // A starter that ended before the call above sends nothing.
  if (::getppid() != starter) _exit(kExitRefused);
  (void)::prctl(PR_SET_NAME, "nslab-conn-work");
  std::vector<Share> own;
  std::copy_if(shares.begin(), shares.end(), std::back_inserter(own),
               [&](const Share& share) { return share.worker == number; });
  // Only the namespaces that it works in: a thousand workers would hold each thousandfold.
  Ground mine;
  for (Share& share : own) {
    const Place place = ground.places[share.place];
    const size_t client = mine.namespaces.size();
    mine.namespaces.push_back(std::move(ground.namespaces[place.client]));
    if (place.server != place.client) mine.namespaces.push_back(std::move(ground.namespaces[place.server]));
    share.place = static_cast<uint32_t>(mine.places.size());
    mine.places.push_back({client, mine.namespaces.size() - 1, place.address});
  }
  ground.namespaces.clear();
  Worker worker(std::move(own), std::move(mine), options.rate_per_s / options.workers, progress);
  Status status = worker.listen();
  const int error = status ? 0 : status.error().number;
  (void)::send(commands, &error, sizeof error, MSG_NOSIGNAL);
  if (status) status = worker.serve(commands);
  _exit(status ? 0 : kExitRefused);
}

class Crew {
 public:
  Crew(const Options& options, Ground& ground, Progress* progress)
      : options_(options), ground_(ground), progress_(progress) {}

  Status start(const std::vector<Share>& shares);
  /** Ends only when standard input does. */
  void obey();

 private:
  /** Sends a command to all workers and waits for every answer, pulsing meanwhile. Returns how long it took, in s. */
  double order(char command);
  /** The next line of standard input, without its end; false at its end. Pulses while none comes. */
  bool next_word(std::string& word);
  void pulse();
  void count();
  [[nodiscard]] uint64_t sum(std::atomic<uint64_t> Progress::*figure) const;
  void print_failures() const;

  const Options& options_;
  Ground& ground_;
  Progress* const progress_;
  std::vector<Process> workers_;
  /** Read and not yet obeyed. */
  std::string input_;
};

Status Crew::start(const std::vector<Share>& shares) {
  const pid_t own = ::getpid();
  for (uint32_t number = 0; number < options_.workers; ++number) {
    int pair[2];
    if (::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) != 0)
      return Status::from_errno("socketpair", "nslab-connections");
    UniqueFd ours(pair[0]), theirs(pair[1]);
    const pid_t pid = ::fork();
    if (pid < 0) return Status::from_errno("fork", "worker " + std::to_string(number));
    if (pid == 0) {
      // Their commands are not ours to hear, and their descriptors are wanted for connections.
      for (Process& other : workers_) other.commands.reset();
      ours.reset();
      (void)::close(STDIN_FILENO);
      work(options_, shares, std::move(ground_), number, own, theirs.get(), progress_[number]);
    }
    workers_.push_back({pid, std::move(ours)});
  }
  for (uint32_t number = 0; number < options_.workers; ++number) {
    int error = 0;
    const int fd = workers_[number].commands.get();
    const ssize_t size = sys::call([&] { return ::recv(fd, &error, sizeof error, 0); });
    const std::string where = "worker " + std::to_string(number);
    if (size != sizeof error) return Status::failed(ECHILD, "listen", where, "it ended");
    if (error != 0) return Status::failed(error, "listen", where);
  }
  return {};
}

uint64_t Crew::sum(std::atomic<uint64_t> Progress::*figure) const {
  uint64_t sum = 0;
  for (uint32_t number = 0; number < options_.workers; ++number) sum += progress_[number].*figure;
  return sum;
}

void Crew::pulse() {
  printf("{\"is\":\"pulse\",\"t_s\":%.3f,\"connected\":%llu,\"accepted\":%llu,\"lost\":%llu,\"closed\":%llu}\n",
         now_s(), static_cast<unsigned long long>(sum(&Progress::connected)),
         static_cast<unsigned long long>(sum(&Progress::accepted)),
         static_cast<unsigned long long>(sum(&Progress::lost)),
         static_cast<unsigned long long>(sum(&Progress::closed)));
  (void)std::fflush(stdout);
}

double Crew::order(char command) {
  const double began_s = now_s();
  double pulsed_s = began_s;
  for (const Process& worker : workers_) (void)::send(worker.commands.get(), &command, 1, MSG_NOSIGNAL);
  std::vector<pollfd> entries;
  for (const Process& worker : workers_) entries.push_back({worker.commands.get(), POLLIN, 0});
  // The end of standard input ends everything, in the middle of an order too.
  entries.push_back({STDIN_FILENO, 0, 0});
  for (size_t left = workers_.size(); left > 0;) {
    (void)::poll(entries.data(), entries.size(), kPulseMs);
    if (entries.back().revents & POLLHUP) _exit(0);
    for (size_t at = 0; at < workers_.size(); ++at) {
      if (entries[at].revents == 0) continue;
      char answer = 0;
      if (sys::call([&] { return ::recv(entries[at].fd, &answer, 1, 0); }) != 1) end_with(ended(at));
      entries[at].fd = -1;
      --left;
    }
    if (now_s() - pulsed_s < kPulseMs / 1000.0) continue;
    pulsed_s = now_s();
    pulse();
  }
  return now_s() - began_s;
}

void Crew::print_failures() const {
  printf("\"failures\":[");
  const char* separator = "";
  for (uint32_t number = 0; number < options_.workers; ++number) {
    const int error = progress_[number].failure;
    if (error == 0) continue;
    const char* operation = progress_[number].operation;
    printf("%s{\"worker\":%u,\"operation\":\"%s\",\"errno\":\"%s\"}", separator, number, operation ? operation : "",
           errno_name(error).c_str());
    separator = ",";
  }
  printf("]");
}

void Crew::count() {
  SocketCounts total;
  {
    const netns::Visit visit;
    for (size_t at = 0; at < ground_.namespaces.size(); ++at) {
      if (const Status entered = netns::enter(ground_.namespaces[at]); !entered) end_with(entered.error());
      auto counts = count_sockets("namespace " + std::to_string(at));
      if (!counts) end_with(counts.error());
      total += *counts;
    }
  }
  const auto n = [](uint64_t value) { return static_cast<unsigned long long>(value); };
  printf(
      "{\"is\":\"count\",\"connected\":%llu,\"accepted\":%llu,\"lost\":%llu,\"established_sockets\":%llu,"
      "\"established_counter\":%llu,\"time_wait_sockets\":%llu,\"time_wait_counter\":%llu,\"time_wait_overflow\":%llu}"
      "\n",
      n(sum(&Progress::connected)), n(sum(&Progress::accepted)), n(sum(&Progress::lost)), n(total.established),
      n(total.established_by_counter), n(total.time_wait), n(total.time_wait_by_counter), n(total.time_wait_overflow));
}

bool Crew::next_word(std::string& word) {
  std::vector<pollfd> entries;
  for (const Process& worker : workers_) entries.push_back({worker.commands.get(), POLLIN, 0});
  entries.push_back({STDIN_FILENO, POLLIN, 0});
  for (size_t end = input_.find('\n'); end == std::string::npos; end = input_.find('\n')) {
    if (sys::call([&] { return ::poll(entries.data(), entries.size(), kPulseMs); }) == 0) pulse();
    // Nobody has asked a worker for anything: one that speaks has ended.
    for (size_t at = 0; at < workers_.size(); ++at)
      if (entries[at].revents != 0) end_with(ended(at));
    if (entries.back().revents == 0) continue;
    char text[64];
    const ssize_t size = sys::call([&] { return ::read(STDIN_FILENO, text, sizeof text); });
    if (size <= 0) return false;
    input_.append(text, static_cast<size_t>(size));
  }
  const size_t end = input_.find('\n');
  word = input_.substr(0, end);
  input_.erase(0, end + 1);
  return true;
}

void Crew::obey() {
  const auto n = [&](std::atomic<uint64_t> Progress::*figure) { return static_cast<unsigned long long>(sum(figure)); };
  for (std::string command; next_word(command);) {
    if (command == "open") {
      const double took_s = order(kOpen);
      printf("{\"is\":\"open\",\"took_s\":%.6f,\"connected\":%llu,\"accepted\":%llu,\"failed\":%llu,", took_s,
             n(&Progress::connected), n(&Progress::accepted), n(&Progress::failed));
      print_failures();
      printf("}\n");
    } else if (command == "prove") {
      const double took_s = order(kProve);
      printf("{\"is\":\"prove\",\"took_s\":%.6f,\"proven\":%llu}\n", took_s, n(&Progress::proven));
    } else if (command == "close") {
      const double took_s = order(kClose);
      printf("{\"is\":\"close\",\"took_s\":%.6f,\"closed\":%llu}\n", took_s, n(&Progress::closed));
    } else if (command == "count") {
      count();
    } else {
      end_with(Error{EINVAL, command, "standard input", "no such command"}, kExitUsage);
    }
    (void)std::fflush(stdout);
  }
}

int serve(const Options& options) {
  if (options.parent != 0) {
    (void)::prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (::getppid() != options.parent) return kExitRefused;
  }
  (void)std::signal(SIGPIPE, SIG_IGN);
  (void)raise_open_files(options.open_files);
  const auto shares = shares_of(options);
  if (!shares) end_with(shares.error(), kExitUsage);
  auto ground = make_ground(options);
  if (!ground) end_with(ground.error());
  const size_t bytes = options.workers * sizeof(Progress);
  void* const memory = ::mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  if (memory == MAP_FAILED) end_with(Status::from_errno("mmap", "nslab-connections").error());
  auto* const progress = new (memory) Progress[options.workers];
  Crew crew(options, *ground, progress);
  if (const Status started = crew.start(*shares); !started) end_with(started.error());
  printf("{\"is\":\"ready\",\"namespaces\":%zu,\"workers\":%u}\n", ground->namespaces.size(), options.workers);
  (void)std::fflush(stdout);
  crew.obey();
  return 0;
}

}  // namespace
}  // namespace nslab::connections

int main(int count, char** words) {
  const auto options = nslab::connections::parse_options(count, words);
  if (!options) nslab::connections::end_with(options.error(), nslab::connections::kExitUsage);
  return options->probe ? nslab::connections::probe() : nslab::connections::serve(*options);
}
