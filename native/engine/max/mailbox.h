// Between the thread of max mode and all others.
#pragma once

#include <memory>
#include <mutex>
#include <utility>
#include <variant>
#include <vector>

#include "base/fd.h"
#include "base/status.h"
#include "engine/max/max.h"

namespace nslab::engine::max {

struct Serve {
  uint32_t node = 0;
  std::shared_ptr<const netns::Netns> netns;
  netns::Endpoint at;
  MaxStreams::Answer answer;
};
struct SetPeer {
  uint32_t node = 0;
  uint32_t peer = 0;
  netns::Endpoint at;
  uint64_t reply = 0;
};
struct RemoveNode {
  uint32_t node = 0;
};
struct Stop {};
using Command = std::variant<Serve, SetPeer, RemoveNode, lanes::StreamNews, Stop>;

class Mailbox {
 public:
  Status open();
  /** Any thread may call. */
  void post(Command command);
  [[nodiscard]] std::vector<Command> take();
  [[nodiscard]] int wake_fd() const { return wake_.get(); }

  Counters counters;

 private:
  UniqueFd wake_;
  std::mutex mutex_;
  std::vector<Command> commands_;
};

}  // namespace nslab::engine::max
