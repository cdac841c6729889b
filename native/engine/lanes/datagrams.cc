// Links over UDP: reading and writing them, and what TCP would do by itself.
#include "engine/lanes/datagrams.h"

#include <netinet/in.h>
#include <netinet/udp.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <string>
#include <utility>

#include "base/sys.h"
#include "engine/lanes/lane.h"
#include "engine/lanes/limits.h"
#include "engine/link_limits.h"
#include "engine/udp/socket.h"

namespace nslab::engine::lanes {
namespace {

using udp::Header;
using udp::Kind;

/** What a message that came was cut into; 0: it is one datagram. */
uint32_t cut_of(msghdr& message) {
  for (cmsghdr* header = CMSG_FIRSTHDR(&message); header; header = CMSG_NXTHDR(&message, header)) {
    if (header->cmsg_level != SOL_UDP || header->cmsg_type != UDP_GRO) continue;
    int bytes = 0;
    std::memcpy(&bytes, CMSG_DATA(header), sizeof bytes);
    return static_cast<uint32_t>(std::max(bytes, 0));
  }
  return 0;
}

/** Of sending: nobody is there any more. Everything else loses what was to be sent, and no more. */
bool is_end(int error) {
  return error == ECONNREFUSED || error == EBADF || error == ENOTSOCK || error == ENOTCONN || error == EDESTADDRREQ ||
         error == EPIPE;
}

/** Of sending a message, which the kernel may have to cut: it is lost like any on its way; its receiver misses it. */
bool is_lost(int error, bool is_cut) {
  if (error == EAGAIN || error == EWOULDBLOCK || is_end(error)) return false;
  return !is_cut || !(error == EINVAL || error == EMSGSIZE || error == EIO || error == EOPNOTSUPP);
}

/**
 * Sends the messages from `gone` on, and counts them there: 0, or why the one at `gone` was refused. After some have
 * left the kernel keeps to itself why the next did not, and may have forgotten it: only going on comes to an end.
 */
int send_rest(int fd, udp::Batch& batch, size_t& gone) {
  while (gone < batch.messages_count()) {
    const int count = sys::call([&] {
      return ::sendmmsg(fd, batch.messages() + gone, static_cast<unsigned>(batch.messages_count() - gone),
                        MSG_DONTWAIT | MSG_NOSIGNAL);
    });
    if (count < 0) return errno;
    gone += static_cast<size_t>(count);
  }
  return 0;
}

void update_way(udp::Sender& sender, int fd) {
  if (const uint32_t bytes = udp::datagram_bytes(fd); bytes > 0) sender.datagram_bytes = bytes;
}

void count_up(LinkCount& count, const udp::ReceiverCounts& now, udp::ReceiverCounts& before) {
  count.lost_packets += now.lost_packets - before.lost_packets;
  count.lost_datagrams += now.lost_datagrams - before.lost_datagrams;
  count.duplicate_datagrams += now.duplicate_datagrams - before.duplicate_datagrams;
  count.reordered_datagrams += now.reordered_datagrams - before.reordered_datagrams;
  count.ignored_datagrams += now.ignored_datagrams - before.ignored_datagrams;
  before = now;
}

}  // namespace

void Lane::begin_datagrams(Link& link, const DatagramLink& given) {
  link.datagrams = std::make_unique<Datagrams>(given, now_ns_);
  update_way(link.datagrams->sender, link.fd->get());
  if (given.dialled) (void)say(link, Kind::alive);
  if (std::exchange(ticking_, true)) return;
  timers_.push({now_ns_ + kDatagramTickNs, true, kTickSubject, 0});
}

bool Lane::say(Link& link, Kind kind, uint64_t number, const FrameBytes* frame) {
  Datagrams& state = *link.datagrams;
  const bool counts = kind == Kind::alive || kind == Kind::close;
  std::array<uint8_t, udp::kHandshakeBytes> bytes;
  udp::encode({kind, 0, 0, state.sender.key, counts ? state.sender.number : number, state.sender.packets},
              bytes.data());
  if (frame) std::ranges::copy(*frame, bytes.begin() + udp::kHeaderBytes);
  const size_t size = frame ? bytes.size() : udp::kHeaderBytes;
  state.said_ns = now_ns_;
  const ssize_t sent =
      sys::call([&] { return ::send(link.fd->get(), bytes.data(), size, MSG_DONTWAIT | MSG_NOSIGNAL); });
  return sent >= 0 || !is_end(errno);
}

void Lane::read_datagrams(Link& link) {
  Datagrams& state = *link.datagrams;
  const std::span<const uint8_t> carried = state.receiver.carried();
  const auto begin = static_cast<uint32_t>(carried.size());
  if (!make_room(begin + kMessages * udp::kMessageBytes)) return make_ready(link);
  uint8_t* memory = current_->bytes() + filled_;
  std::ranges::copy(carried, memory);

  struct alignas(cmsghdr) Control {
    std::array<uint8_t, CMSG_SPACE(sizeof(int))> bytes;
  };
  std::array<mmsghdr, kMessages> messages{};
  std::array<iovec, kMessages> slices;
  std::array<Control, kMessages> controls;
  for (uint32_t i = 0; i < kMessages; i++) {
    slices[i] = {memory + begin + i * udp::kMessageBytes, udp::kMessageBytes};
    messages[i].msg_hdr.msg_iov = &slices[i];
    messages[i].msg_hdr.msg_iovlen = 1;
    messages[i].msg_hdr.msg_control = controls[i].bytes.data();
    messages[i].msg_hdr.msg_controllen = controls[i].bytes.size();
  }
  const int count =
      sys::call([&] { return ::recvmmsg(link.fd->get(), messages.data(), kMessages, MSG_DONTWAIT, nullptr); });
  if (count < 0) {
    if (errno == EAGAIN || errno == EWOULDBLOCK) {
      link.readable = link.hung_up = false;
      return;
    }
    const char* name = ::strerrorname_np(errno);
    return lose(link, name ? name : "unknown errno");
  }
  state.receiver.begin(memory);
  uint32_t end = begin;
  for (int i = 0; i < count; i++) {
    uint32_t bytes = messages[i].msg_len;
    // Larger than any that the peer sends.
    if (messages[i].msg_hdr.msg_flags & MSG_TRUNC) bytes = 0;
    const uint32_t given = cut_of(messages[i].msg_hdr);
    const uint32_t cut = given > 0 ? given : std::max(bytes, 1u);
    // Each right behind the one before.
    if (memory + end != slices[i].iov_base) std::memmove(memory + end, slices[i].iov_base, bytes);
    uint32_t done = 0;
    for (; bytes - done >= udp::kHeaderBytes && cut >= udp::kHeaderBytes;) {
      const uint32_t size = std::min(cut, bytes - done);
      state.receiver.settle(end + done, size);
      done += size;
    }
    if (done == 0 || done < bytes) state.receiver.ignore();
    end += done;
  }
  const udp::Receiver::Heard heard = state.receiver.end(end);
  count_up(*link.count, state.receiver.counts(), state.counted);
  if (end > 0) {
    link.in.block = current_;
    link.in.offset = filled_;
    link.in.size = end;
    current_->holders.fetch_add(1, std::memory_order_relaxed);
    filled_ += end;
  }
  // Edge-triggered: fewer than there was room for means that the next brings an event.
  if (static_cast<uint32_t>(count) < kMessages && !link.hung_up) link.readable = false;
  take_words(link, heard);
  if (end > 0 && (!take_pieces(link) || link.waiting)) return;
  if (state.closed) return lose(link, "closed");
  if (link.readable) make_ready(link);
}

void Lane::take_words(Link& link, const udp::Receiver::Heard& heard) {
  Datagrams& state = *link.datagrams;
  if (heard.any) {
    if (state.heard_ns == 0) {
      link.blocked = false;
      mark_dirty(link);
    }
    state.heard_ns = now_ns_;
    // Who was dialled answers at once: the other end asks until it has heard something.
    if (state.said_ns == 0) (void)say(link, Kind::alive);
  }
  for (const FrameBytes& token : heard.tokens)
    outbox_.links.frames.push_back({link.part->id, link.peer, link.tag, token});
  for (const uint64_t number : heard.to_answer) (void)say(link, Kind::token_heard, number);
  if (heard.answered == state.token_number && !state.tokens.empty()) {
    state.tokens.pop_front();
    state.token_number++;
    say_token(link);
  }
  state.closed |= heard.closed;
}

void Lane::say_token(Link& link) {
  Datagrams& state = *link.datagrams;
  if (state.tokens.empty() || !state.may_speak()) return;
  state.token_said_ns = now_ns_;
  (void)say(link, Kind::token, state.token_number, &state.tokens.front());
}

bool Lane::add_token(Link& link, const FrameBytes& frame) {
  Datagrams& state = *link.datagrams;
  if (state.tokens.size() >= kControlRunsMax) return false;
  state.tokens.push_back(frame);
  if (state.tokens.size() == 1) say_token(link);
  return true;
}

OutQueue::Flushed Lane::flush_datagrams(Link& link) {
  Datagrams& state = *link.datagrams;
  udp::Sender& sender = state.sender;
  if (!state.may_speak()) return OutQueue::Flushed::blocked;
  while (!link.out.empty()) {
    udp::Batch batch(sender);
    link.out.each([&](const uint8_t* frame, uint32_t size) { return batch.add(frame, size); });
    batch.finish();
    size_t gone = 0;
    int error = 0;
    while ((error = send_rest(link.fd->get(), batch, gone)) != 0 && is_lost(error, batch.is_cut(gone))) gone++;
    const udp::Batch::Left left = batch.left(gone);
    sender.number += left.datagrams;
    sender.packets += left.packets;
    link.out.sent(left.frame_bytes, link.count->sent);
    if (gone > 0) {
      state.said_ns = now_ns_;
      state.repeats = kCountRepeats;
    }
    if (error == EAGAIN || error == EWOULDBLOCK) return OutQueue::Flushed::blocked;
    if (is_end(error)) {
      errno = error;
      return OutQueue::Flushed::broken;
    }
    if (error != 0) {
      // A way that has become narrower, or an interface that can't: once more, one by one.
      sender.cuts = false;
      update_way(sender, link.fd->get());
    }
  }
  return OutQueue::Flushed::all;
}

void Lane::tick_datagrams() {
  bool any = false;
  for (Link& link : links_) {
    if (!link.part || !link.datagrams) continue;
    any = true;
    Datagrams& state = *link.datagrams;
    const int64_t silence_ns = int64_t{state.link.silence_ms} * 1'000'000;
    const int64_t limit_ns = state.heard_ns == 0 ? kHandshakeDeadlineNs : silence_ns;
    // What has come and was not read yet may be a sign of life.
    const bool looked = !link.readable && !link.waiting;
    if (looked && now_ns_ - std::max(state.heard_ns, state.opened_ns) > limit_ns) {
      lose(link, "ETIMEDOUT");
      continue;
    }
    if (!state.may_speak()) continue;
    if (!state.tokens.empty() && now_ns_ - state.token_said_ns >= kTokenAgainNs) say_token(link);
    const int64_t quiet_ns = now_ns_ - state.said_ns;
    const bool repeats = state.repeats > 0 && quiet_ns >= kDatagramTickNs;
    if (repeats) state.repeats--;
    if (!repeats && state.heard_ns != 0 && quiet_ns < silence_ns / kAliveShare) continue;
    if (!say(link, Kind::alive)) {
      const char* name = ::strerrorname_np(errno);
      lose(link, name ? name : "unknown errno");
    }
  }
  ticking_ = any;
  if (any) timers_.push({now_ns_ + kDatagramTickNs, true, kTickSubject, 0});
}

}  // namespace nslab::engine::lanes
