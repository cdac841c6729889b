#include "engine/lanes/out_queue.h"

#include <sys/socket.h>
#include <sys/uio.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <utility>

#include "base/sys.h"
#include "engine/lanes/limits.h"
#include "engine/packets/big_endian.h"
#include "engine/packets/frame.h"

namespace nslab::engine::lanes {
namespace {

void hold(Block* block) { block->holders.fetch_add(1, std::memory_order_relaxed); }
void let_go(Block* block) { PacketRef(block, 0, 0).reset(); }

}  // namespace

OutQueue::~OutQueue() {
  while (count_ > 0) pop();
}

uint32_t OutQueue::frame_bytes(const uint8_t* frame) {
  return static_cast<uint32_t>(kPacketHeaderBytes) + read_u16(frame + 6);
}

void OutQueue::push(const Run& run) {
  if (count_ == ring_.size()) {
    std::vector<Run> larger(std::max<size_t>(8, 2 * ring_.size()));
    for (uint32_t i = 0; i < count_; i++) larger[i] = at(i);
    ring_ = std::move(larger);
    first_ = 0;
  }
  at(count_++) = run;
}

void OutQueue::pop() {
  let_go(at(0).block);
  first_++;
  count_--;
  if (parked_ > 0) parked_--;
}

void OutQueue::append(Block* block, uint32_t offset, uint32_t size) {
  packets_++;
  if (count_ > parked_) {
    Run& last = at(count_ - 1);
    if (last.block == block && last.offset + last.size == offset && last.packets > 0) {
      last.size += size;
      last.packets++;
      return;
    }
  }
  hold(block);
  push({block, offset, size, 1});
}

void OutQueue::append_control(Block* block, uint32_t offset, uint32_t size) {
  hold(block);
  push({block, offset, size, 0});
}

void OutQueue::count_out(Account& account, uint32_t packets, uint32_t bytes) {
  account.out_packets += packets;
  account.out_bytes += bytes - packets * kPacketHeaderBytes;
}

void OutQueue::written(size_t bytes, Account& account) {
  while (bytes > 0) {
    Run& run = at(0);
    if (bytes >= run.size - front_done_) {
      bytes -= run.size - front_done_;
      if (run.packets > 0) count_out(account, run.packets, run.size);
      packets_ -= run.packets;
      front_done_ = 0;
      pop();
      continue;
    }
    // Ends within this run: frame by frame.
    size_t reached = front_done_ + bytes;
    if (run.packets == 0) {
      front_done_ = static_cast<uint32_t>(reached);
      return;
    }
    while (reached > 0) {
      const uint32_t size = frame_bytes(run.block->bytes() + run.offset);
      if (reached < size) break;
      reached -= size;
      run.offset += size;
      run.size -= size;
      run.packets--;
      packets_--;
      count_out(account, 1, size);
    }
    front_done_ = static_cast<uint32_t>(reached);
    return;
  }
}

OutQueue::Flushed OutQueue::flush(int fd, Account& account) {
  while (count_ > 0) {
    std::array<iovec, kIovecs> slices;
    size_t slices_count = 0, bytes = 0;
    for (uint32_t i = 0; i < count_ && slices_count < slices.size(); i++) {
      const Run& run = at(i);
      const uint32_t done = i == 0 ? front_done_ : 0;
      slices[slices_count++] = {run.block->bytes() + run.offset + done, run.size - done};
      bytes += run.size - done;
    }
    msghdr message{};
    message.msg_iov = slices.data();
    message.msg_iovlen = slices_count;
    const ssize_t sent = sys::call([&] { return ::sendmsg(fd, &message, MSG_NOSIGNAL | MSG_DONTWAIT); });
    if (sent < 0) return errno == EAGAIN || errno == EWOULDBLOCK ? Flushed::blocked : Flushed::broken;
    written(static_cast<size_t>(sent), account);
    if (static_cast<size_t>(sent) < bytes) return Flushed::blocked;
  }
  return Flushed::all;
}

Parking::Parking(uint32_t blocks) : pool(kParkBytes, blocks) {}

void Parking::let_go() {
  if (Block* full = std::exchange(block, nullptr)) PacketRef(full, 0, 0).reset();
}

uint8_t* Parking::place(uint32_t bytes) {
  if (!block || filled + bytes > block->capacity) {
    Block* fresh = pool.take();
    if (!fresh) return nullptr;
    let_go();
    block = fresh;
    filled = 0;
  }
  return block->bytes() + filled;
}

void OutQueue::replace(std::vector<Run>&& runs, uint32_t parked) {
  size_t size = std::max<size_t>(8, ring_.size());
  while (size < runs.size()) size *= 2;
  ring_.resize(size);
  std::ranges::copy(runs, ring_.begin());
  first_ = 0;
  count_ = static_cast<uint32_t>(runs.size());
  parked_ = parked;
}

bool OutQueue::park(Parking& parking) {
  std::vector<Run> after;
  after.reserve(count_);
  uint32_t parked = parked_;
  bool complete = true;
  for (uint32_t i = 0; i < count_; i++) {
    Run run = at(i);
    // Frame by frame: a run may be larger than a block.
    while (i >= parked_ && complete && run.size > 0) {
      const uint8_t* from = run.block->bytes() + run.offset;
      const uint32_t size = run.packets == 0 ? run.size : frame_bytes(from);
      uint8_t* to = parking.place(size);
      complete = to != nullptr;
      if (!to) break;
      std::memcpy(to, from, size);
      Run* last = after.size() > parked_ ? &after.back() : nullptr;
      const bool goes_on = last && last->block == parking.block && last->offset + last->size == parking.filled &&
                           last->packets > 0 && run.packets > 0;
      if (goes_on) {
        last->size += size;
        last->packets++;
      } else {
        hold(parking.block);
        after.push_back({parking.block, parking.filled, size, run.packets == 0 ? 0u : 1u});
        parked++;
      }
      parking.filled += size;
      run.offset += size;
      run.size -= size;
      if (run.packets > 0) run.packets--;
    }
    if (run.size > 0) after.push_back(run);
    else let_go(run.block);
  }
  replace(std::move(after), parked);
  return complete;
}

void OutQueue::shed(Account& account) {
  std::vector<Run> after;
  for (uint32_t i = 0; i < count_; i++) {
    Run run = at(i);
    const bool begun = i == 0 && front_done_ > 0;
    if (i < parked_ || run.packets == 0) {
      after.push_back(run);
      continue;
    }
    const uint32_t kept = begun ? 1 : 0;
    account.dropped[static_cast<size_t>(Drop::no_spare)] += run.packets - kept;
    packets_ -= run.packets - kept;
    if (begun) after.push_back({run.block, run.offset, frame_bytes(run.block->bytes() + run.offset), 1});
    else let_go(run.block);
  }
  replace(std::move(after), parked_);
}

void OutQueue::withdraw(const std::function<bool(const uint8_t* frame)>& is_stale, Account& account) {
  const uint32_t total = count_;
  std::vector<Run> after;
  uint32_t parked = 0;
  for (uint32_t i = 0; i < total; i++) {
    Run run = at(i);
    const bool was_parked = i < parked_;
    const size_t before = after.size();
    if (run.packets == 0) {
      after.push_back(run);
    } else {
      bool begun = i == 0 && front_done_ > 0;
      Run kept{run.block, run.offset, 0, 0};
      const uint32_t end = run.offset + run.size;
      const auto close_kept = [&](uint32_t next) {
        if (kept.packets > 0) {
          hold(run.block);
          after.push_back(kept);
        }
        kept = {run.block, next, 0, 0};
      };
      for (uint32_t offset = run.offset; offset < end;) {
        const uint8_t* frame = run.block->bytes() + offset;
        const uint32_t size = frame_bytes(frame);
        if (!std::exchange(begun, false) && is_stale(frame)) {
          account.dropped[static_cast<size_t>(Drop::withdrawn)]++;
          packets_--;
          close_kept(offset + size);
        } else {
          kept.size += size;
          kept.packets++;
        }
        offset += size;
      }
      close_kept(end);
      let_go(run.block);
    }
    if (was_parked) parked += static_cast<uint32_t>(after.size() - before);
  }
  replace(std::move(after), parked);
}

void OutQueue::clear(Drop reason, Account& account) {
  account.dropped[static_cast<size_t>(reason)] += packets_;
  packets_ = 0;
  front_done_ = 0;
  while (count_ > 0) pop();
}

}  // namespace nslab::engine::lanes
