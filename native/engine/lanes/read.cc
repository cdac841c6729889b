// Reading from links: into blocks that all of a lane's links share, so that few are in use and reads are large.
#include <sys/socket.h>

#include <algorithm>
#include <cstring>
#include <utility>

#include "base/sys.h"
#include "engine/lanes/lane.h"
#include "engine/lanes/limits.h"
#include "engine/packets/stream.h"

namespace nslab::engine::lanes {
bool Lane::make_room(uint32_t bytes) {
  if (current_ && kBlockBytes - filled_ >= bytes) return true;
  if (reads_.free_count() < reads_.count() / 2) relieve();
  Block* block = reads_.take();
  if (!block) {
    // What waits keeps all of them, though moved as far as there was room for it: nothing is read, and the kernel holds
    // the peers back.
    starved_ = true;
    return false;
  }
  if (current_) PacketRef(current_, 0, 0).reset();
  current_ = block;
  filled_ = 0;
  return true;
}

bool Lane::is_scarce() {
  const auto below_quarter = [&] { return reads_.free_count() < std::max(2u, reads_.count() / 4); };
  if (!below_quarter()) return false;
  if (current_ != relieved_) relieve();
  relieved_ = current_;
  return below_quarter();
}

void Lane::relieve() {
  for (Link& link : links_) {
    if (!link.part) continue;
    // Not the one whose packets are being looked at.
    if (&link != taking_) stash(link.in);
    if (!link.out.empty() && !link.out.parked() && !link.out.park(parking_)) break;
  }
}

void Lane::shed() {
  relieve();
  if (reads_.free_count() > 0) return;
  // What other lanes hold comes back by itself.
  for (uint32_t to = 0; to < hub_.options.lanes; to++)
    if (!hub_.channel(index_, to).empty()) return;
  for (Link& link : links_)
    if (link.part && !link.out.parked()) link.out.shed(link.count->sent);
}

void Lane::stash(Pieces& pieces) {
  if (!pieces.block) return;
  const uint8_t* from = pieces.block->bytes() + pieces.offset;
  pieces.stash.assign(from, from + pieces.size);
  PacketRef(std::exchange(pieces.block, nullptr), 0, 0).reset();
}

void Lane::drop(Pieces& pieces) {
  if (pieces.block) PacketRef(std::exchange(pieces.block, nullptr), 0, 0).reset();
  pieces.size = 0;
  pieces.stash.clear();
}

void Lane::serve(Link& link) {
  // What came before and had nowhere to go has its turn first.
  if (link.in.size > 0) {
    if (!link.in.block) {
      // Back into a block; what waited is smaller than a read and a frame.
      if (!make_room(link.in.size)) return make_ready(link);
      link.in.block = current_;
      current_->holders.fetch_add(1, std::memory_order_relaxed);
      link.in.offset = filled_;
      std::ranges::copy(link.in.stash, current_->bytes() + filled_);
      filled_ += link.in.size;
      link.in.stash.clear();
    }
    if (!take_pieces(link) || link.waiting) return;
    if (link.datagrams && link.datagrams->closed) return lose(link, "closed");
  }
  if (!link.readable) return;
  if (link.datagrams) return read_datagrams(link);
  if (!make_room(link.in.size + kReadBytes)) return make_ready(link);

  Pieces& in = link.in;
  if (in.size > 0 && !(in.block == current_ && in.offset + in.size == filled_)) {
    // The beginning of a frame: its rest has to come right behind it.
    const uint8_t* from = in.block ? in.block->bytes() + in.offset : in.stash.data();
    std::memcpy(current_->bytes() + filled_, from, in.size);
    if (in.block) PacketRef(in.block, 0, 0).reset();
    in.stash.clear();
    in.block = current_;
    in.offset = filled_;
    current_->holders.fetch_add(1, std::memory_order_relaxed);
    filled_ += in.size;
  }
  const ssize_t count =
      sys::call([&] { return ::recv(link.fd->get(), current_->bytes() + filled_, kReadBytes, MSG_DONTWAIT); });
  if (count < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) {
    link.readable = false;
    return;
  }
  if (count <= 0) {
    const char* name = count == 0 ? "closed" : ::strerrorname_np(errno);
    return lose(link, name ? name : "unknown errno");
  }
  if (in.size == 0) {
    in.block = current_;
    in.offset = filled_;
    current_->holders.fetch_add(1, std::memory_order_relaxed);
  }
  in.size += static_cast<uint32_t>(count);
  filled_ += static_cast<uint32_t>(count);
  // Edge-triggered: a short read means that the next bytes bring an event; an end brought its event already.
  if (static_cast<uint32_t>(count) < kReadBytes && !link.hung_up) link.readable = false;
  if (!take_pieces(link) || link.waiting) return;
  if (link.readable) make_ready(link);
}

bool Lane::take_pieces(Link& link) {
  taking_ = &link;
  Pieces& in = link.in;
  Slice slice{in.block, in.offset, 0};
  uint32_t left = in.size;
  bool well = true;
  while (left > 0) {
    if (link.datagrams) {
      if (const uint32_t gap = udp::gap_bytes({slice.frame(), left}); gap > 0) {
        slice.offset += gap;
        left -= gap;
        continue;
      }
    }
    const NextFrame next = next_frame({slice.frame(), left});
    slice.size = static_cast<uint32_t>(next.size);
    well = next.found != Found::fault;
    if (!well || next.found == Found::more) break;
    if (next.found == Found::token) {
      FrameArrived& arrived = outbox_.links.frames.emplace_back();
      arrived.node = link.part->id;
      arrived.peer = link.peer;
      arrived.tag = link.tag;
      std::copy_n(slice.frame(), kFrameBytes, arrived.frame.begin());
      slice.offset += slice.size;
      left -= slice.size;
      continue;
    }
    // Not again, when it has waited for room.
    if (link.part->watched && !link.was_seen) capture(link, slice);
    link.was_seen = true;
    if (!forward(*link.part, slice, next.header, false, link)) break;
    // Lost, by what was done with its own packets.
    if (!link.part) break;
    link.was_seen = false;
    link.count->received_packets++;
    link.count->received_bytes += next.header.packet_bytes;
    slice.offset += slice.size;
    left -= slice.size;
  }
  taking_ = nullptr;
  if (!link.part) return false;
  in.offset = slice.offset;
  in.size = left;
  if (left == 0) drop(in);
  if (!well) lose(link, "protocol_error");
  return well;
}

}  // namespace nslab::engine::lanes
