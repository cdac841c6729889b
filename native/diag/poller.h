// The socket poller: which TCP sockets exist in many network namespaces, by inet_diag dumps. One thread and one epoll
// set serve one netlink socket a namespace, whatever their number. This is its thread-safe outside; poll_loop.h is its
// thread. It knows nothing of JavaScript; binding/diag.cc does.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <variant>
#include <vector>

#include "base/fd.h"
#include "base/status.h"
#include "base/thread.h"
#include "diag/buffers.h"
#include "diag/request.h"
#include "diag/socket.h"
#include "netns/switch_log.h"

namespace nslab::diag {

struct Options {
  /** Buffers for rows; when the reader has all of them, polling waits. At most kBuffersMax. */
  uint32_t buffers = 8;
  /** Rows of a buffer; at least kRowsMin. */
  uint32_t rows = 1024;
  /** Dumps that may wait for the kernel at a time. The kernel works on a dump only in the calls that send and receive.
   */
  uint32_t dumps = 4;
  /** A namespace's dump is given up after so long, without the time that the reader lets it wait. */
  int64_t deadline_ns = 5'000'000'000;
  /** Dumps that were interrupted or cut short are made so often at most. */
  uint32_t attempts = 4;
  /** A dump for each family, as ss does, and not one for both: for comparisons, and for kernels that know no other. */
  bool families_apart = false;
};

inline constexpr uint32_t kBuffersMax = 64;
/** More than one datagram of the kernel, at most 32 KiB, can name. */
inline constexpr uint32_t kRowsMin = 512;

struct Added {
  uint32_t slot = 0;
  netns::Identity identity;
};

/** Why a namespace's sockets were not all seen. `error`: see errno. */
enum class Incomplete : uint8_t { no, removed, deadline, interrupted, overrun, truncated, malformed, error };

/** What a poll saw of one namespace. Times: CLOCK_MONOTONIC, ns; 0 where it never began. */
struct SlotOutcome {
  uint32_t slot = 0;
  int64_t started_ns = 0;
  int64_t ended_ns = 0;
  uint32_t rows = 0;
  /** Sockets that the kernel named more than once; they are one row each. */
  uint32_t doubled = 0;
  /** Dumps made again. */
  uint32_t repeated = 0;
  Incomplete incomplete = Incomplete::no;
  int error = 0;
};

using AddAnswer = std::function<void(Result<Added>)>;
using PollAnswer = std::function<void(Result<std::vector<SlotOutcome>>)>;

struct Add {
  /** A namespace, or, for tests, a socket to take over. */
  std::shared_ptr<UniqueFd> netns;
  std::shared_ptr<UniqueFd> socket;
  /** 0: any. ESTALE where the namespace has another. */
  uint64_t cookie = 0;
  AddAnswer answer;
};
struct Remove {
  uint32_t slot = 0;
};
struct Poll {
  uint32_t number = 0;
  /** Absent: all that there are then. */
  std::optional<std::vector<uint32_t>> slots;
  PollAnswer answer;
};
/** Only wakes the thread: a buffer came back. */
struct Wake {};
struct Stop {};
using Command = std::variant<Add, Remove, Filter, Poll, Wake, Stop>;

/** Commands on their way to the thread. */
class Inbox {
 public:
  Status open();
  void post(Command command);
  [[nodiscard]] std::vector<Command> take();
  /** Cheap: asked between datagrams. */
  [[nodiscard]] bool waiting() const { return waiting_.load(std::memory_order_acquire); }
  [[nodiscard]] int wake_fd() const { return wake_.get(); }

 private:
  UniqueFd wake_;
  std::mutex mutex_;
  std::vector<Command> commands_;
  std::atomic<bool> waiting_{false};
};

class Poller {
 public:
  /** `rows` rows of a buffer are there for the reader, who gives it back. On the poller's thread, in order. */
  using OnRows = std::function<void(uint32_t buffer, uint32_t rows)>;
  /** Stop was carried out: the thread ends at once. On the poller's thread. */
  using OnEnded = std::function<void()>;

  Poller(const Options& options, std::shared_ptr<netns::SwitchLog> log, OnRows on_rows, OnEnded on_ended = {});
  /** stop() */
  ~Poller() { stop(); }
  Poller(const Poller&) = delete;
  Poller& operator=(const Poller&) = delete;

  Status start();
  /** Commands are carried out in order. Answers come on the poller's thread. */
  void post(Command command) { inbox_.post(std::move(command)); }
  /** From any thread. False where the buffer is not with the reader. */
  [[nodiscard]] bool give_back(uint32_t buffer);
  /** Answers everything that is pending with ECANCELED and ends the thread. Idempotent; not from the poller's thread.
   */
  void stop();

  [[nodiscard]] const Buffers& buffers() const { return buffers_; }

 private:
  const Options options_;
  const std::shared_ptr<netns::SwitchLog> log_;
  const OnRows on_rows_;
  const OnEnded on_ended_;
  Inbox inbox_;
  Buffers buffers_;
  Thread thread_;
  bool started_ = false;
};

}  // namespace nslab::diag
