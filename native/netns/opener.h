// The one thread that opens sockets inside namespaces for JavaScript, and makes single namespaces.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <unordered_map>

#include "base/fd.h"
#include "base/status.h"
#include "base/thread.h"
#include "netns/netns.h"
#include "netns/socket.h"

namespace nslab::netns {

/** One for an environment. Connects run at the same time; everything else one after another. */
class Opener {
 public:
  using Opened = std::function<void(Result<UniqueFd>)>;

  explicit Opener(std::shared_ptr<SwitchLog> log) : log_(std::move(log)) {}
  /** stop() */
  ~Opener() { stop(); }
  Opener(const Opener&) = delete;
  Opener& operator=(const Opener&) = delete;

  /** From any thread. Callbacks run on the opener's thread; after stop() they are dropped. */
  void listen(std::shared_ptr<const Netns> where, Endpoint at, int backlog, Opened opened);
  /** ETIMEDOUT when the connection is not there in time. */
  void connect(std::shared_ptr<const Netns> where, Endpoint to, int64_t timeout_ms, Opened opened);
  /** Anything short; the thread is brought back afterwards. Fails where the thread cannot be started. */
  Status post(std::function<void()> job);

  /** Ends the thread and closes what was being connected. Idempotent. */
  void stop();

 private:
  struct Connecting {
    UniqueFd fd;
    Endpoint to;
    Opened opened;
    std::multimap<int64_t, int>::iterator deadline;
  };

  Status start();
  void run();
  void begin_connect(const Netns& where, const Endpoint& to, int64_t timeout_ms, Opened opened);
  void finish(int fd, Status outcome);
  void end_late(int64_t now_ns);
  [[nodiscard]] int timeout_ms() const;

  const std::shared_ptr<SwitchLog> log_;
  UniqueFd wake_;
  UniqueFd epoll_;
  std::mutex mutex_;
  std::deque<std::function<void()>> jobs_;
  bool stop_ = false;
  Thread thread_;
  // Of the thread alone:
  std::unordered_map<int, Connecting> connecting_;
  std::multimap<int64_t, int> deadlines_;
};

}  // namespace nslab::netns
