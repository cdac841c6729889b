// What one JavaScript environment (main thread or worker) holds of the addon, and how its parts register.
#pragma once

#include <napi.h>

#include <atomic>
#include <functional>
#include <list>
#include <memory>
#include <thread>
#include <utility>

#include "base/fd.h"
#include "binding/mailbox.h"
#include "netns/opener.h"
#include "netns/switch_log.h"

namespace nslab::binding {

/** Threads of one task each. Used on the JavaScript thread. */
class Tasks {
 public:
  void run(std::function<void()> task) {
    // Those that have ended are joined now: an unjoined thread keeps its stack.
    tasks_.remove_if([](Task& ended) {
      if (!ended.done->load()) return false;
      ended.thread.join();
      return true;
    });
    auto done = std::make_shared<std::atomic<bool>>(false);
    tasks_.push_back({std::thread([task = std::move(task), done] {
                        task();
                        done->store(true);
                      }),
                      done});
  }
  void join() {
    for (Task& task : tasks_) task.thread.join();
    tasks_.clear();
  }

 private:
  struct Task {
    std::thread thread;
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
void init_process(Napi::Env env, Napi::Object exports);
void init_identity(Napi::Env env, Napi::Object exports);
void init_descriptors(Napi::Env env, Napi::Object exports);

}  // namespace nslab::binding
