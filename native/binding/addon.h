// What one JavaScript environment (main thread or worker) holds of the addon, and how its parts register.
#pragma once

#include <napi.h>

#include <atomic>
#include <functional>
#include <list>
#include <memory>
#include <utility>

#include "base/fd.h"
#include "base/thread.h"
#include "binding/mailbox.h"
#include "netns/opener.h"
#include "netns/switch_log.h"

namespace nslab::binding {

/** Threads of one task each. Used on the JavaScript thread. */
class Tasks {
 public:
  /** Fails where there is no thread to be had; the task is not run then. */
  Status run(std::function<void()> task) {
    // Those that have ended are joined now: an unjoined thread keeps its stack.
    tasks_.remove_if([](const Task& ended) { return ended.done->load(); });
    auto done = std::make_shared<std::atomic<bool>>(false);
    auto thread = Thread::start("nslab-task", "task", [task = std::move(task), done] {
      task();
      done->store(true);
    });
    if (!thread) return thread.take_status();
    tasks_.push_back({std::move(*thread), done});
    return {};
  }
  void join() { tasks_.clear(); }

 private:
  struct Task {
    /** Joined when it goes. */
    Thread thread;
    std::shared_ptr<std::atomic<bool>> done;
  };
  std::list<Task> tasks_;
};

/** State of one environment: never a static, so that several live in one process. */
struct AddonState {
  /** Native threads keep it alive beyond the environment. */
  std::shared_ptr<netns::SwitchLog> switch_log = std::make_shared<netns::SwitchLog>();
  std::shared_ptr<Mailbox> mailbox;
  netns::Opener opener{switch_log};
  Napi::FunctionReference netns_class;
  Napi::FunctionReference churner_class;

  /** Called once at the environment's end, before its handles go: ends native threads. Take out what was stopped
   * before. */
  std::list<std::function<void()>> stoppers;
  /** They end soon after `stopping` (an eventfd) becomes readable. */
  Tasks tasks;
  UniqueFd stopping;
};

/** The environment's state, from any callback. */
[[nodiscard]] inline AddonState& state_of(Napi::Env env) { return *env.GetInstanceData<AddonState>(); }

/** Each part adds what it exports. */
void init_netns(Napi::Env env, Napi::Object exports);
void init_fabric(Napi::Env env, Napi::Object exports);
void init_links(Napi::Env env, Napi::Object exports);
void init_packet_engine(Napi::Env env, Napi::Object exports);
void init_diag(Napi::Env env, Napi::Object exports);
void init_churn(Napi::Env env, Napi::Object exports);
void init_process(Napi::Env env, Napi::Object exports);
void init_identity(Napi::Env env, Napi::Object exports);
void init_descriptors(Napi::Env env, Napi::Object exports);
void init_discovery(Napi::Env env, Napi::Object exports);

}  // namespace nslab::binding
