#include "engine/max/relay.h"

#include <fcntl.h>

#include "base/sys.h"

namespace nslab::engine::max {

Result<Relay> Relay::open(SharedFd in, SharedFd out) {
  int ends[2];
  if (sys::call([&] { return ::pipe2(ends, O_CLOEXEC | O_NONBLOCK); }) != 0)
    return Status::from_errno("pipe2", "relay");
  Relay relay;
  relay.pipe_out_ = UniqueFd(ends[0]);
  relay.pipe_in_ = UniqueFd(ends[1]);
  // Refused where all the user's pipes have as much as they may: it works as it is.
  (void)::fcntl(relay.pipe_in_.get(), F_SETPIPE_SZ, kPipeBytes);
  relay.in_ = std::move(in);
  relay.out_ = std::move(out);
  return relay;
}

Relay::Pumped Relay::pump() {
  const auto move = [](int from, int to, uint64_t bytes) {
    constexpr unsigned kHow = SPLICE_F_MOVE | SPLICE_F_NONBLOCK;
    return sys::call([&] { return ::splice(from, nullptr, to, nullptr, bytes, kHow); });
  };
  const auto must_wait = [] { return errno == EAGAIN || errno == EWOULDBLOCK; };
  for (uint64_t moved = 0; moved < kTurnBytes;) {
    // Only into an empty pipe: so that what must wait is the socket, and not the pipe.
    if (held_bytes_ == 0) {
      if (has_ended_) return Pumped::ended;
      if (!readable_) return Pumped::waits;
      const ssize_t came = move(in_->get(), pipe_in_.get(), kPipeBytes);
      if (came < 0 && !must_wait()) return Pumped::broken;
      if (came < 0) readable_ = false;
      has_ended_ = came == 0;
      if (came <= 0) continue;
      held_bytes_ = static_cast<uint64_t>(came);
    }
    if (!writable_) return Pumped::waits;
    const ssize_t went = move(pipe_out_.get(), out_->get(), held_bytes_);
    if (went < 0 && !must_wait()) return Pumped::broken;
    if (went < 0) {
      writable_ = false;
      continue;
    }
    held_bytes_ -= static_cast<uint64_t>(went);
    moved += static_cast<uint64_t>(went);
  }
  return Pumped::more;
}

}  // namespace nslab::engine::max
