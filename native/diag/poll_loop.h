// The poller's thread: dumps, one page at a time, and commands in between.
#pragma once

#include <cstdint>
#include <list>
#include <map>
#include <memory>
#include <optional>
#include <vector>

#include "diag/poller.h"
#include "diag/reply.h"

namespace nslab::diag {

class PollLoop {
 public:
  PollLoop(const Options& options, Inbox& inbox, Buffers& buffers, const Poller::OnRows& on_rows);

  Status open();
  /** Until Stop. */
  void run();

 private:
  struct Slot {
    Socket socket;
    bool busy = false;
    /** A dump was given up: the rest of its answer is still to be read. */
    bool stale = false;
  };
  /** A poll that goes on. */
  struct Job {
    uint32_t number = 0;
    /** Slots still to be dumped. */
    std::vector<uint32_t> waiting;
    uint32_t running = 0;
    std::vector<SlotOutcome> outcomes;
    PollAnswer answer;
  };
  using Jobs = std::list<Job>;
  /** A namespace's dump that goes on: its requests one after another, each repeated where need be. */
  struct Dump {
    Jobs::iterator job;
    Slot* slot = nullptr;
    SlotOutcome outcome;
    int64_t deadline_ns = 0;
    size_t request = 0;
    uint32_t attempt = 0;
    uint32_t sequence = 0;
    /** The request has been sent, and its answer is not whole. */
    bool asked = false;
    /** It was asked for both families at once. */
    bool together = false;
    /** The kernel has nothing to read now: the epoll set tells when it has. */
    bool waits = false;
    /** What was wrong with this attempt. */
    Incomplete problem = Incomplete::no;
    SeenCookies seen;
  };

  void carry_out(Add&& command);
  void carry_out(Remove&& command);
  void carry_out(Filter&& command);
  void carry_out(Poll&& command);
  void carry_out(Wake&&) {}
  void carry_out(Stop&&) { stopping_ = true; }

  void make_requests();
  /** Does the next page of work; false where there is nothing to do before something happens. */
  bool step();
  /** Takes the next slot of the job that has the fewest left, so that a new namespace's first poll waits for no other.
   */
  bool begin_next();
  void begin(Jobs::iterator job, uint32_t id, Slot& slot);
  /** That it never began, because the slot is no more. */
  void tell_removed(Jobs::iterator job, uint32_t id);
  void advance(Dump& dump, int64_t now_ns);
  /** False where the dump was ended by it. */
  bool ask(Dump& dump);
  void take(Dump& dump, std::span<const std::byte> datagram, int64_t now_ns);
  void take_error(Dump& dump, int error);
  void end_attempt(Dump& dump);
  void await_kernel(Dump& dump);
  void finish(Dump& dump, Incomplete incomplete, int error = 0);
  void stop_awaiting(Dump& dump);
  void finish_if_done(Jobs::iterator job);
  void end_late(int64_t now_ns);
  void wait();
  void carry_out_all();
  void cancel_all();
  void go_on_after_stall(int64_t now_ns);

  /** Makes sure of a buffer with room for a datagram's rows; false where the reader has all of them. */
  bool has_room();
  void hand_over();

  const Options options_;
  Inbox& inbox_;
  Buffers& buffers_;
  const Poller::OnRows& on_rows_;
  UniqueFd epoll_;
  std::vector<std::byte> receive_buffer_;
  Filter filter_;
  bool families_apart_;
  std::vector<std::vector<std::byte>> requests_;
  std::map<uint32_t, Slot> slots_;
  uint32_t last_slot_ = 0;
  uint32_t sequence_ = 0;
  Jobs jobs_;
  /** Those in use come first. */
  std::vector<std::unique_ptr<Dump>> dumps_;
  size_t running_ = 0;
  std::optional<uint32_t> buffer_;
  uint32_t filled_ = 0;
  /** Since when there is no buffer; 0: there is one. */
  int64_t stalled_ns_ = 0;
  bool stopping_ = false;
};

}  // namespace nslab::diag
