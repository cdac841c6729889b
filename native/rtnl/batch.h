// Requests to the kernel that leave together in one sendmsg.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "rtnl/wire.h"

namespace nslab::rtnl {

/** Requests in order. The kernel works through all of them, those after a failed one too. */
class Batch {
 public:
  Batch() = default;

  /** One request being written: ends when it goes out of scope. */
  class [[nodiscard]] Request {
   public:
    Request(Batch& batch, uint16_t type, uint16_t flags) : batch_(batch), offset_(batch.begin(type, flags)) {}
    ~Request() { batch_.writer_.end_message(offset_); }
    Request(const Request&) = delete;
    Request& operator=(const Request&) = delete;
    Writer* operator->() { return &batch_.writer_; }

   private:
    Batch& batch_;
    size_t offset_;
  };

  [[nodiscard]] bool empty() const { return offsets_.empty(); }
  [[nodiscard]] size_t size() const { return offsets_.size(); }
  /** Keeps the buffer for the next batch. */
  void clear() {
    writer_.clear();
    offsets_.clear();
  }

  [[nodiscard]] std::span<const std::byte> bytes() const { return writer_.bytes(); }
  /** "RTM_NEWLINK veth17a": what request `index` asks for, worked out from its bytes, when it has failed. */
  [[nodiscard]] std::string describe(size_t index) const;
  [[nodiscard]] nlmsghdr header(size_t index) const { return writer_.header_at(offsets_[index]); }
  void set_header(size_t index, const nlmsghdr& header) { writer_.set_header(offsets_[index], header); }

 private:
  size_t begin(uint16_t type, uint16_t flags) {
    offsets_.push_back(writer_.bytes().size());
    // The socket numbers them; within a batch the sequence is the index.
    return writer_.begin_message(type, flags, static_cast<uint32_t>(offsets_.size() - 1));
  }

  Writer writer_;
  std::vector<size_t> offsets_;
};

}  // namespace nslab::rtnl
