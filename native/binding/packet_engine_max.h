// Max mode of a JavaScript PacketEngine (engine/max): its thread is there from when the first node has a server.
#pragma once

#include <napi.h>

#include <memory>
#include <optional>

#include "base/status.h"
#include "binding/netns.h"
#include "engine/max/max.h"

namespace nslab::binding {

class MaxMode {
 public:
  /** Of EngineOptions: `runId` and `silenceMs`; EINVAL names the field. */
  static Result<std::unique_ptr<MaxMode>> make(Napi::Object options);

  /** Starts it with the first call; EINVAL where the options have no run's id. */
  Result<engine::max::MaxStreams*> open(const std::shared_ptr<engine::lanes::PacketEngine>& engine,
                                        const std::shared_ptr<netns::SwitchLog>& log);
  /** Null before. */
  [[nodiscard]] engine::max::MaxStreams* streams() const { return streams_.get(); }
  /** Waits for its thread: not on one of Node.js. Before the engine ends. No open() any more. Idempotent. */
  void stop();
  /** Adds `max` to EngineCounts. */
  void count(Napi::Object counts) const;

 private:
  std::optional<engine::RunId> run_id_;
  uint32_t silence_ms_ = engine::kSilenceMs;
  std::unique_ptr<engine::max::MaxStreams> streams_;
};

/** Of an address and a port. */
[[nodiscard]] Result<netns::Endpoint> max_endpoint(Napi::Value address, Napi::Value port, const char* operation);

}  // namespace nslab::binding
