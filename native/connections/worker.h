// A process that opens its share of the connections, holds both ends of each, and closes them: one thread.
#pragma once

#include <poll.h>

#include <atomic>
#include <cstdint>
#include <vector>

#include "connections/ground.h"
#include "connections/options.h"

namespace nslab::connections {

/** What a worker has done so far: in memory shared with the process that started it. */
struct alignas(64) Progress {
  /** Connects that ended well, and connections that came out of a listener: two sides of the same. */
  std::atomic<uint64_t> connected{0};
  std::atomic<uint64_t> accepted{0};
  /** Asked for, and not to be had. */
  std::atomic<uint64_t> failed{0};
  /** That ended though nobody had closed them. */
  std::atomic<uint64_t> lost{0};
  /** Through which a byte went there and back. */
  std::atomic<uint64_t> proven{0};
  std::atomic<uint64_t> closed{0};
  /** errno of the first failure, and the operation that it is of; 0: none. */
  std::atomic<int> failure{0};
  std::atomic<const char*> operation{nullptr};
};

/** Commands of one byte, each answered by the same byte when it has been carried out. */
inline constexpr char kOpen = 'o', kProve = 'p', kClose = 'c';

class Worker {
 public:
  Worker(std::vector<Share> shares, Ground ground, double rate_per_s, Progress& progress);
  /** Makes what listens. Its calling thread stays in other namespaces from then on. */
  Status listen();
  /** Obeys what comes over `commands`, a SOCK_SEQPACKET socket, until its other end is closed. */
  Status serve(int commands);

 private:
  void open();
  void prove();
  void close();

  /** Begins connects at the next share that wants some. False where no more may begin now. */
  bool begin_some();
  bool begin_one(const Share& share, uint64_t number);
  /** Accepts, sees ends of connections, answers bytes: whatever has come, or comes within `wait_ms`. */
  void attend(int wait_ms, int commands = -1);
  void accept_from(int listener);
  void end_connecting();
  void fail(int number, const char* operation);
  [[nodiscard]] uint64_t may_begin() const;
  [[nodiscard]] uint64_t done() const;

  const std::vector<Share> shares_;
  Ground ground_;
  const double rate_per_s_;
  Progress& progress_;
  uint64_t goal_ = 0;
  UniqueFd epoll_;
  std::vector<int> listeners_;
  std::vector<int> clients_;
  /** By descriptor: a server's end that is open. */
  std::vector<bool> is_server_;
  std::vector<pollfd> waiting_;
  std::vector<uint64_t> begun_;
  uint64_t begun_total_ = 0;
  size_t next_share_ = 0;
  double started_s_ = 0;
  bool opening_ = false;
  bool closing_ = false;
};

}  // namespace nslab::connections
