// The outside of the link engine: mailbox and thread.
#include "engine/links.h"

#include <sys/eventfd.h>
#include <unistd.h>

#include <iterator>
#include <utility>

#include "base/sys.h"
#include "engine/link_limits.h"
#include "engine/link_loop.h"

namespace nslab::engine {

Status Mailbox::open() {
  wake_ = UniqueFd(sys::call([] { return ::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK); }));
  return wake_ ? Status() : Status::from_errno("eventfd", "link engine");
}

void Mailbox::post(Command command) {
  bool first;
  {
    const std::lock_guard lock(mutex_);
    first = commands_.empty();
    commands_.push_back(std::move(command));
  }
  if (!first) return;
  const uint64_t one = 1;
  // Fails only when the counter is at its top, and then the thread is woken anyway.
  (void)!::write(wake_.get(), &one, sizeof one);
}

std::vector<Command> Mailbox::take_commands() {
  uint64_t count;
  (void)!::read(wake_.get(), &count, sizeof count);
  const std::lock_guard lock(mutex_);
  return std::exchange(commands_, {});
}

bool Mailbox::deliver(Outbox&& more) {
  const std::lock_guard lock(mutex_);
  for (const LinkEvent& event : more.events) {
    const size_t pending = outbox_.events.size();
    if (event.kind == EventKind::refused && pending >= kPendingRefusalsMax) continue;
    if (event.kind == EventKind::token && pending >= kPendingTokensMax) continue;
    outbox_.events.push_back(event);
  }
  std::move(more.replies.begin(), more.replies.end(), std::back_inserter(outbox_.replies));
  std::move(more.listings.begin(), more.listings.end(), std::back_inserter(outbox_.listings));
  outbox_.ended |= more.ended;
  return !std::exchange(told_, true);
}

Outbox Mailbox::collect() {
  const std::lock_guard lock(mutex_);
  told_ = false;
  return std::exchange(outbox_, {});
}

Links::Links(const RunId& run_id, std::shared_ptr<netns::SwitchLog> log, Tell tell, uint32_t silence_ms,
             Transport transport)
    : run_id_(run_id), log_(std::move(log)), tell_(std::move(tell)), silence_ms_(silence_ms), transport_(transport) {}

Links::~Links() {
  if (!thread_.joinable()) return;
  post(Stop{});
  join();
  if (engine_) engine_->tell_links(nullptr);
}

void Links::hand_over_to(std::shared_ptr<lanes::PacketEngine> engine) {
  engine_ = std::move(engine);
  engine_->tell_links([this](LinkNews&& news) { post(std::move(news)); });
}

Status Links::start() {
  if (transport_ == Transport::udp && !engine_)
    return Status::failed(EINVAL, "start", "link engine", "links over UDP want a packet engine");
  if (Status opened = mailbox_.open(); !opened) return opened;
  // Shared, because closures are copied.
  auto loop = std::make_shared<LinkLoop>(run_id_, mailbox_, tell_, silence_ms_, transport_, engine_);
  if (Status opened = loop->open(); !opened) return opened;
  auto thread = Thread::start("nslab-links", "link engine", [loop = std::move(loop), log = log_] {
    const netns::RecordSwitches recorded(log);
    loop->run();
  });
  if (!thread) return thread.take_status();
  thread_ = std::move(*thread);
  return {};
}

void Links::join() { thread_.join(); }

}  // namespace nslab::engine
