// Ids given and taken back.
#include "churn/witness.h"

#include <poll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <string>

#include "base/sys.h"
#include "churn/clock.h"
#include "netns/setting.h"
#include "rtnl/nsid.h"

namespace nslab::churn {
namespace {

constexpr char kWhere[] = "witness namespace";
/** A look that finds nothing is one system call; this is the error of the times in most cases. */
constexpr int kLookMs = 5;
/** Numbers are used again soon or not at all: the kernel takes the lowest free one. */
constexpr size_t kGoneInodesMax = 4096;

}  // namespace

Result<std::unique_ptr<Witness>> Witness::open(Outbox& outbox, uint32_t table_entries, int room_bytes) {
  const netns::Visit visit;
  UniqueFd netlink;
  auto netns = netns::Netns::create_and_stay(netlink);
  if (!netns) return netns.take_status();
  if (table_entries > 0) {
    const std::string entries = std::to_string(table_entries);
    constexpr auto path = "/proc/sys/net/ipv4/tcp_child_ehash_entries";
    if (Status set = netns::write_setting(path, entries.c_str(), false, kWhere); !set) return set;
  }
  auto asker = rtnl::Socket::adopt(std::move(netlink), kWhere);
  if (!asker) return asker.take_status();
  auto monitor = rtnl::Monitor::open(kWhere, room_bytes);
  if (!monitor) return monitor.take_status();
  UniqueFd wake(sys::call([] { return ::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK); }));
  if (!wake) return Status::from_errno("eventfd", kWhere);
  std::unique_ptr<Witness> witness(
      new Witness(outbox, std::move(*netns), std::move(*monitor), std::move(*asker), std::move(wake)));
  auto thread = Thread::start("nslab-witness", kWhere, [self = witness.get()] { self->run(); });
  if (!thread) return thread.take_status();
  witness->thread_ = std::move(*thread);
  return witness;
}

Witness::Witness(Outbox& outbox, netns::Netns netns, rtnl::Monitor monitor, rtnl::Socket asker, UniqueFd wake)
    : outbox_(outbox),
      netns_(std::move(netns)),
      wake_(std::move(wake)),
      monitor_(std::move(monitor)),
      asker_(std::move(asker)) {}

Witness::~Witness() {
  {
    const std::lock_guard lock(mutex_);
    stop_ = true;
  }
  ring();
  thread_.join();
}

Result<rtnl::Socket> Witness::requests() const {
  const netns::Visit visit;
  if (Status entered = enter(); !entered) return entered;
  return rtnl::Socket::open(kWhere);
}

void Witness::ring() {
  const uint64_t one = 1;
  [[maybe_unused]] const ssize_t written = ::write(wake_.get(), &one, sizeof one);
}

void Witness::watch(uint64_t id, uint64_t inode) {
  const std::lock_guard lock(mutex_);
  entries_[id].inode = inode;
  free_inodes_.erase(inode);
}

void Witness::dropping(uint64_t id, int64_t asked_ns) {
  const std::lock_guard lock(mutex_);
  entries_[id].asked_ns = asked_ns;
  if (++dropping_ == 1) ring();
}

void Witness::dropped(Dropped record) {
  const std::lock_guard lock(mutex_);
  const uint64_t id = record.id;
  Entry& entry = entries_[id];
  record.inode = entry.inode;
  entry.record = std::move(record);
  if (entry.gone_ns != 0) tell(id, entry);
}

void Witness::forget(uint64_t id) {
  const std::lock_guard lock(mutex_);
  entries_.erase(id);
}

bool Witness::was_gone(uint64_t inode) {
  const std::lock_guard lock(mutex_);
  return free_inodes_.contains(inode);
}

size_t Witness::dropping_count() {
  const std::lock_guard lock(mutex_);
  return dropping_;
}

bool Witness::await_none(int64_t wait_ns) {
  std::unique_lock lock(mutex_);
  return changed_.wait_for(lock, std::chrono::nanoseconds(wait_ns), [this] { return dropping_ == 0; });
}

std::vector<uint64_t> Witness::give_up() {
  const std::lock_guard lock(mutex_);
  std::vector<uint64_t> left;
  for (const auto& [id, entry] : entries_) left.push_back(id);
  std::sort(left.begin(), left.end());
  for (const uint64_t id : left)
    if (Entry& entry = entries_.at(id); entry.record) tell(id, entry);
  return left;
}

void Witness::tell(uint64_t id, Entry& entry) {
  entry.record->gone_ns = entry.gone_ns;
  entry.record->gone_error_ns = entry.gone_error_ns;
  outbox_.put(std::move(*entry.record));
  entries_.erase(id);
  if (--dropping_ == 0) changed_.notify_all();
}

void Witness::gone(uint64_t id, int64_t at_ns, int64_t since_ns) {
  const auto found = entries_.find(id);
  if (found == entries_.end()) return;
  Entry& entry = found->second;
  entry.gone_ns = at_ns;
  entry.gone_error_ns = at_ns - std::max(since_ns, entry.asked_ns);
  if (free_inodes_.insert(entry.inode).second) gone_inodes_.push_back(entry.inode);
  if (gone_inodes_.size() > kGoneInodesMax) {
    free_inodes_.erase(gone_inodes_.front());
    gone_inodes_.pop_front();
  }
  if (entry.record) tell(id, entry);
}

/** Notifications were lost: each that is being dropped is asked for by its id. */
void Witness::ask_again(int64_t since_ns) {
  ++askings_;
  std::vector<uint64_t> dropped;
  {
    const std::lock_guard lock(mutex_);
    for (const auto& [id, entry] : entries_)
      if (entry.asked_ns != 0 && entry.gone_ns == 0) dropped.push_back(id);
  }
  for (const uint64_t id : dropped) {
    const auto known = rtnl::has_netns_id(asker_, static_cast<int32_t>(id));
    // One that can't be asked for is told by the next asking, or not at all, and so as not gone.
    if (!known || *known) continue;
    const std::lock_guard lock(mutex_);
    gone(id, now_ns(), since_ns);
  }
}

void Witness::look() {
  const int64_t since_ns = looked_ns_;
  // What comes while we read may have come after the last moment that was found empty, which is no earlier than this.
  const int64_t begun_ns = now_ns();
  std::vector<std::pair<uint64_t, int64_t>> removed;
  auto lost = monitor_.drain([&](const rtnl::Message& message) {
    if (const auto id = rtnl::read_removed_netns_id(message)) removed.emplace_back(*id, now_ns());
  });
  looked_ns_ = begun_ns;
  {
    const std::lock_guard lock(mutex_);
    for (const auto& [id, at_ns] : removed) gone(id, at_ns, since_ns);
  }
  if (lost && *lost) ask_again(since_ns);
}

void Witness::run() {
  looked_ns_ = now_ns();
  for (;;) {
    bool close = false;
    {
      const std::lock_guard lock(mutex_);
      if (stop_) return;
      close = dropping_ > 0;
    }
    pollfd fds[] = {{monitor_.fd(), POLLIN, 0}, {wake_.get(), POLLIN, 0}};
    (void)::poll(fds, 2, close ? kLookMs : -1);
    uint64_t rung = 0;
    if ((fds[1].revents & POLLIN) != 0) [[maybe_unused]]
      const ssize_t got = ::read(wake_.get(), &rung, sizeof rung);
    look();
  }
}

}  // namespace nslab::churn
