// What the engine is held against: plain programs that read and write, or splice, and the kernel that forwards.
#pragma once

#include <pthread.h>
#include <sys/epoll.h>
#include <sys/wait.h>

#include <atomic>
#include <cstring>
#include <thread>
#include <vector>

#include "measured.h"
#include "site.h"

namespace nslab::bench {

/** Of one read or write: what the engine reads at once. */
inline constexpr size_t kPieceBytes = 64 * 1024;
/** What a pipe holds that a relay splices through; the most that who is not root may have. */
inline constexpr int kPipeBytes = 1 << 20;
inline constexpr uint16_t kFloorPort = 7000;

enum class RelayKind : uint8_t { read_write, splice };

class Floor {
 public:
  explicit Floor(const Site& site) : site_(site) {}

  /** 1 writes to 3, through the kernel that forwards. */
  void forward(double seconds) {
    const auto to = Site::at(Site::kLast, kFloorPort);
    const UniqueFd listener = site_.listen(3, to);
    auto [out, in] = site_.connect(1, listener.get(), to);
    run("forward", seconds, std::move(out), {}, {}, std::move(in), RelayKind::read_write);
  }
  /** 1 writes to a relay in 2, which writes to 3. */
  void relay(const char* way, RelayKind kind, double seconds) {
    const auto near = Site::at(Site::kNear, kFloorPort), last = Site::at(Site::kLast, kFloorPort);
    const UniqueFd first_listener = site_.listen(2, near), second_listener = site_.listen(3, last);
    auto [out, relay_in] = site_.connect(1, first_listener.get(), near);
    auto [relay_out, in] = site_.connect(2, second_listener.get(), last);
    run(way, seconds, std::move(out), std::move(relay_in), std::move(relay_out), std::move(in), kind);
  }
  /** The relay is a program of its own. */
  void socat(double seconds) {
    const auto near = Site::at(Site::kNear, kFloorPort), last = Site::at(Site::kLast, kFloorPort);
    const UniqueFd listener = site_.listen(3, last);
    const std::string from = "TCP-LISTEN:7000,bind=10.1.0.2,nodelay", to = "TCP:10.2.0.3:7000,nodelay";
    const pid_t child = start(2, {"socat", "-u", "-b", std::to_string(kPieceBytes), from, to});
    UniqueFd out = site_.dial(1, near);
    UniqueFd in = Site::accept(listener.get());
    run("socat", seconds, std::move(out), {}, {}, std::move(in), RelayKind::read_write);
    (void)::waitpid(child, nullptr, 0);
  }
  /** Between 1 and 3, through the kernel that forwards; prints what it says, in one line. */
  void iperf3(double seconds) {
    const pid_t server = start(3, {"iperf3", "-s", "-1"});
    // Its own connection is refused until the server listens, and the server takes only one that speaks its protocol.
    const std::string address = Site::kLast, time = std::to_string(seconds < 1 ? 1 : static_cast<int>(seconds));
    UniqueFd output;
    int status = 1;
    std::string text;
    for (int tries = 0; tries < 100 && status != 0; tries++) {
      ::usleep(50'000);
      const pid_t client = start(1, {"iperf3", "-c", address, "-t", time, "-J"}, &output);
      text.clear();
      char piece[4096];
      for (ssize_t count; (count = ::read(output.get(), piece, sizeof piece)) > 0;)
        for (ssize_t i = 0; i < count; i++) text += piece[i] == '\n' ? ' ' : piece[i];
      (void)::waitpid(client, &status, 0);
    }
    need(status == 0, "iperf3 failed");
    (void)::waitpid(server, nullptr, 0);
    std::printf("{\"way\": \"iperf3\", \"iperf3\": %s}\n", text.c_str());
  }
  /** One small piece each `gap_ns`, one way, from before its write to its reader's wake. */
  void latency(double seconds, int64_t gap_ns, size_t bytes) {
    const auto to = Site::at(Site::kLast, kFloorPort);
    const UniqueFd listener = site_.listen(3, to);
    auto [out, in] = site_.connect(1, listener.get(), to);
    engine::lanes::Histogram histogram;
    uint64_t count = 0;
    std::thread sink([&, fd = in.get()] {
      const UniqueFd epoll(::epoll_create1(EPOLL_CLOEXEC));
      epoll_event event{};
      event.events = EPOLLIN | EPOLLET;
      need(::epoll_ctl(epoll.get(), EPOLL_CTL_ADD, fd, &event) == 0, "epoll_ctl");
      std::vector<uint8_t> piece(bytes);
      for (;;) {
        (void)::epoll_wait(epoll.get(), &event, 1, -1);
        const int64_t at_ns = now_ns();
        for (ssize_t got; (got = ::recv(fd, piece.data(), bytes, MSG_DONTWAIT)) >= 0;) {
          if (got == 0) return;
          int64_t sent_ns;
          std::memcpy(&sent_ns, piece.data(), sizeof sent_ns);
          if (static_cast<size_t>(got) == bytes) {
            histogram.add(static_cast<uint64_t>(std::max<int64_t>(0, at_ns - sent_ns)));
            count++;
          }
        }
      }
    });
    std::vector<uint8_t> piece(bytes);
    int64_t due_ns = now_ns();
    for (const int64_t end_ns = due_ns + static_cast<int64_t>(seconds * 1e9); due_ns < end_ns; due_ns += gap_ns) {
      const timespec due{due_ns / 1'000'000'000, due_ns % 1'000'000'000};
      (void)::clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &due, nullptr);
      const int64_t at_ns = now_ns();
      std::memcpy(piece.data(), &at_ns, sizeof at_ns);
      need(::write(out.get(), piece.data(), bytes) == static_cast<ssize_t>(bytes), "write");
    }
    (void)::shutdown(out.get(), SHUT_WR);
    sink.join();
    print_latency("forward-latency", count, histogram.quantile(0.5), histogram.quantile(0.99));
  }

 private:
  static std::thread named(const char* name, std::function<void()> work) {
    std::thread thread(std::move(work));
    (void)::pthread_setname_np(thread.native_handle(), name);
    return thread;
  }
  static bool write_all(int fd, const char* bytes, size_t count) {
    while (count > 0) {
      const ssize_t sent = ::send(fd, bytes, count, MSG_NOSIGNAL);
      if (sent <= 0) return false;
      bytes += sent;
      count -= static_cast<size_t>(sent);
    }
    return true;
  }
  static void read_write(int in, int out) {
    std::vector<char> piece(kPieceBytes);
    for (ssize_t got; (got = ::recv(in, piece.data(), kPieceBytes, 0)) > 0;)
      if (!write_all(out, piece.data(), static_cast<size_t>(got))) return;
  }
  static void splice(int in, int out) {
    int ends[2];
    need(::pipe2(ends, O_CLOEXEC) == 0, "pipe2");
    const UniqueFd first(ends[0]), second(ends[1]);
    (void)::fcntl(ends[1], F_SETPIPE_SZ, kPipeBytes);
    for (ssize_t got; (got = ::splice(in, nullptr, ends[1], nullptr, kPipeBytes, SPLICE_F_MOVE)) > 0;)
      for (ssize_t went; got > 0; got -= went) {
        went = ::splice(ends[0], nullptr, out, nullptr, static_cast<size_t>(got), SPLICE_F_MOVE);
        if (went <= 0) return;
      }
  }

  void run(const char* way, double seconds, UniqueFd out, UniqueFd relay_in, UniqueFd relay_out, UniqueFd in,
           RelayKind kind) {
    std::atomic<uint64_t> bytes{0};
    std::thread sink = named("sink", [&] {
      std::vector<char> piece(kPieceBytes);
      for (ssize_t got; (got = ::recv(in.get(), piece.data(), kPieceBytes, 0)) > 0;)
        bytes.fetch_add(static_cast<uint64_t>(got), std::memory_order_relaxed);
    });
    std::thread relay;
    if (relay_in)
      relay = named("relay", [&] {
        if (kind == RelayKind::splice) splice(relay_in.get(), relay_out.get());
        else read_write(relay_in.get(), relay_out.get());
        (void)::shutdown(relay_out.get(), SHUT_WR);
      });
    std::thread source = named("source", [&] {
      const std::vector<char> piece(kPieceBytes);
      while (write_all(out.get(), piece.data(), kPieceBytes)) continue;
    });
    Roles roles{{"source", "source"}, {"sink", "sink"}};
    if (relay_in) roles.insert(roles.begin() + 1, {"relay", "relay"});
    measure_passing(way, seconds, roles, [&] { return Passed{bytes.load(), 0, 0}; });
    (void)::shutdown(out.get(), SHUT_RDWR);
    source.join();
    if (relay.joinable()) relay.join();
    sink.join();
  }

  /** A program inside a node; its standard output goes nowhere, or to `output`. */
  pid_t start(uint32_t node, const std::vector<std::string>& words, UniqueFd* output = nullptr) {
    int ends[2] = {-1, -1};
    if (output) need(::pipe2(ends, O_CLOEXEC) == 0, "pipe2");
    std::vector<char*> arguments;
    for (const std::string& word : words) arguments.push_back(const_cast<char*>(word.c_str()));
    arguments.push_back(nullptr);
    const pid_t child = ::fork();
    need(child >= 0, "fork");
    if (child == 0) {
      const int nowhere = ::open("/dev/null", O_RDWR);
      (void)::dup2(nowhere, 0);
      (void)::dup2(output ? ends[1] : nowhere, 1);
      (void)::dup2(nowhere, 2);
      if (::setns(site_.node(node).fd(), CLONE_NEWNET) == 0) (void)::execvp(arguments[0], arguments.data());
      ::_exit(127);
    }
    if (output) {
      ::close(ends[1]);
      output->reset(ends[0]);
    }
    return child;
  }

  const Site& site_;
};

}  // namespace nslab::bench
