// Which namespace a socket is in, by the number of its inode: learned once, by a duplicate of the descriptor.
#pragma once

#include <cstdint>
#include <vector>

namespace nslab::discover {

/**
 * Open addressing, two words and a half a socket. The kernel counts inode numbers of sockets up through 32 bits before
 * it gives one again, and those of sockets that are gone are swept long before.
 */
class SocketCache {
 public:
  /** Cookie of the namespace, or 0 where the socket isn't known. Marks it as seen. */
  uint64_t find(uint64_t inode) {
    for (size_t at = place(inode);; at = (at + 1) & mask()) {
      Slot& slot = slots_[at];
      if (slot.inode == 0) return 0;
      if (slot.inode != inode) continue;
      slot.round = round_;
      return slot.cookie;
    }
  }

  void insert(uint64_t inode, uint64_t cookie) {
    if (2 * (count_ + 1) > slots_.size()) rebuild(slots_.size() * 2, 0);
    put({inode, cookie, round_});
  }

  /** A round in which every socket is looked at begins … */
  void begin_round() { ++round_; }
  /** … and has ended: those not seen in it are forgotten. */
  void sweep() { rebuild(slots_.size(), round_); }

  [[nodiscard]] size_t size() const { return count_; }

 private:
  struct Slot {
    /** 0: empty. */
    uint64_t inode = 0;
    uint64_t cookie = 0;
    uint32_t round = 0;
  };

  [[nodiscard]] size_t mask() const { return slots_.size() - 1; }
  [[nodiscard]] size_t place(uint64_t inode) const { return (inode * 0x9e3779b97f4a7c15 >> 20) & mask(); }

  void put(Slot wanted) {
    for (size_t at = place(wanted.inode);; at = (at + 1) & mask()) {
      Slot& slot = slots_[at];
      if (slot.inode == 0) ++count_;
      else if (slot.inode != wanted.inode) continue;
      slot = wanted;
      return;
    }
  }

  void rebuild(size_t size, uint32_t round_min) {
    std::vector<Slot> old(size);
    old.swap(slots_);
    count_ = 0;
    for (const Slot& slot : old)
      if (slot.inode != 0 && slot.round >= round_min) put(slot);
  }

  std::vector<Slot> slots_ = std::vector<Slot>(1 << 12);
  size_t count_ = 0;
  uint32_t round_ = 1;
};

}  // namespace nslab::discover
