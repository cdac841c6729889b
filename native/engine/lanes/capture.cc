// Packets of links to a file, in the format of pcap-savefile(5) with LINKTYPE_RAW: what is behind the frame's header.
#include <fcntl.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>
#include <limits>
#include <string>

#include "base/sys.h"
#include "engine/lanes/lane.h"

namespace nslab::engine::lanes {
namespace {

/** In this machine's byte order, as the magic says; times with nanoseconds. */
struct FileHeader {
  uint32_t magic = 0xa1b2'3c4d;
  uint16_t major = 2;
  uint16_t minor = 4;
  uint32_t reserved[2] = {};
  uint32_t bytes_max = 65'535;
  uint32_t link_type = 101;
};
struct RecordHeader {
  uint32_t seconds = 0;
  uint32_t nanoseconds = 0;
  uint32_t captured_bytes = 0;
  uint32_t bytes = 0;
};

void put(std::vector<uint8_t>& to, const void* from, size_t bytes) {
  const size_t at = to.size();
  to.resize(at + bytes);
  std::memcpy(to.data() + at, from, bytes);
}

}  // namespace

Status begin_capture(Capture& capture) {
  constexpr uint64_t kMost = std::numeric_limits<int64_t>::max();
  capture.left = std::make_shared<std::atomic<int64_t>>(static_cast<int64_t>(std::min(capture.bytes_max, kMost)));
  const int fd = capture.fd->get();
  const int flags = ::fcntl(fd, F_GETFL);
  if (flags < 0 || ::fcntl(fd, F_SETFL, flags | O_NONBLOCK) != 0) return Status::from_errno("fcntl", "capture");
  const FileHeader header;
  if (sys::call([&] { return ::write(fd, &header, sizeof header); }) != sizeof header)
    return Status::from_errno("write", "capture");
  return {};
}

Status Lane::carry_out(const Capture& command, const Order&) {
  NodePart* part = part_of(command.node);
  if (!part) return Status::failed(ENOENT, "Capture", "node " + std::to_string(command.node));
  stop_watching(*part, command.peer);
  if (!command.fd) return {};
  watches_.push_back({part, command.peer, command.fd, command.left, {}});
  part->watched = true;
  return {};
}

void Lane::stop_watching(NodePart& part, uint32_t peer) {
  write_captures();
  std::erase_if(watches_, [&](const Watch& watch) { return watch.part == &part && (peer == 0 || watch.peer == peer); });
  part.watched = std::ranges::any_of(watches_, [&](const Watch& watch) { return watch.part == &part; });
}

void Lane::capture(const Link& link, const Slice& slice) {
  timespec time{};
  (void)::clock_gettime(CLOCK_REALTIME, &time);
  for (Watch& watch : watches_) {
    if (watch.part != link.part || (watch.peer != 0 && watch.peer != link.peer)) continue;
    const uint32_t bytes = slice.packet_bytes();
    // Bounded: what does not fit is the last that was wanted.
    const auto needed = static_cast<int64_t>(bytes + sizeof(RecordHeader));
    if (watch.left->fetch_sub(needed) < needed) {
      watch.left->store(0);
      continue;
    }
    const RecordHeader record{static_cast<uint32_t>(time.tv_sec), static_cast<uint32_t>(time.tv_nsec), bytes, bytes};
    put(watch.buffer, &record, sizeof record);
    put(watch.buffer, slice.packet(), bytes);
  }
}

void Lane::write_captures() {
  for (Watch& watch : watches_) {
    if (watch.buffer.empty()) continue;
    // Whole records in one write: several lanes may append to one file. A full disk ends it.
    const ssize_t written =
        sys::call([&] { return ::write(watch.fd->get(), watch.buffer.data(), watch.buffer.size()); });
    if (written != static_cast<ssize_t>(watch.buffer.size())) watch.left->store(0);
    watch.buffer.clear();
  }
}

}  // namespace nslab::engine::lanes
