#include "engine/max/max.h"

#include <sys/eventfd.h>
#include <unistd.h>

#include "base/sys.h"
#include "engine/max/loop.h"
#include "engine/max/mailbox.h"

namespace nslab::engine::max {

Status Mailbox::open() {
  wake_ = UniqueFd(sys::call([] { return ::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK); }));
  return wake_ ? Status() : Status::from_errno("eventfd", "max mode");
}

void Mailbox::post(Command command) {
  bool first;
  {
    const std::lock_guard lock(mutex_);
    first = commands_.empty();
    commands_.push_back(std::move(command));
  }
  const uint64_t one = 1;
  if (first) (void)!::write(wake_.get(), &one, sizeof one);
}

std::vector<Command> Mailbox::take() {
  uint64_t count;
  (void)!::read(wake_.get(), &count, sizeof count);
  const std::lock_guard lock(mutex_);
  return std::exchange(commands_, {});
}

MaxStreams::MaxStreams(const RunId& run_id, std::shared_ptr<lanes::PacketEngine> engine,
                       std::shared_ptr<netns::SwitchLog> log, uint32_t silence_ms)
    : run_id_(run_id),
      engine_(std::move(engine)),
      log_(log ? std::move(log) : std::make_shared<netns::SwitchLog>()),
      silence_ms_(silence_ms),
      mailbox_(std::make_shared<Mailbox>()) {
  // Its own share: the engine may outlive this.
  engine_->tell_streams([mailbox = mailbox_](lanes::StreamNews&& news) { mailbox->post(std::move(news)); });
}

MaxStreams::~MaxStreams() { stop(); }

Status MaxStreams::start() {
  if (Status opened = mailbox_->open(); !opened) return opened;
  auto loop = std::make_shared<Loop>(run_id_, engine_, *mailbox_, silence_ms_);
  if (Status opened = loop->open(); !opened) return opened;
  auto thread = Thread::start("nslab-max", "max mode", [loop = std::move(loop), mailbox = mailbox_, log = log_] {
    const netns::RecordSwitches recorded(log);
    loop->run();
  });
  if (!thread) return thread.take_status();
  thread_ = std::move(*thread);
  return {};
}

void MaxStreams::serve(uint32_t node, std::shared_ptr<const netns::Netns> netns, const netns::Endpoint& at,
                       Answer answer) {
  mailbox_->post(Serve{node, std::move(netns), at, std::move(answer)});
}

void MaxStreams::set_peer(uint32_t node, uint32_t peer, const netns::Endpoint& at, uint64_t reply) {
  mailbox_->post(SetPeer{node, peer, at, reply});
}

void MaxStreams::remove_node(uint32_t node) { mailbox_->post(RemoveNode{node}); }

void MaxStreams::stop() {
  if (!thread_.joinable()) return;
  mailbox_->post(Stop{});
  thread_.join();
}

const Counters& MaxStreams::counters() const { return mailbox_->counters; }

}  // namespace nslab::engine::max
