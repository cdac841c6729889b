// What one JavaScript environment (main thread or worker) holds of the addon, and how its parts register.
#pragma once

#include <napi.h>

#include <functional>
#include <list>
#include <memory>
#include <thread>

#include "base/fd.h"
#include "binding/mailbox.h"
#include "netns/opener.h"
#include "netns/switch_log.h"

namespace nslab::binding {

/** State of one environment: never a static, so that several live in one process. */
struct AddonState {
  /** Native threads keep it alive beyond the environment. */
  std::shared_ptr<netns::SwitchLog> switch_log = std::make_shared<netns::SwitchLog>();
  std::shared_ptr<Mailbox> mailbox;
  netns::Opener opener{switch_log};
  Napi::FunctionReference netns_class;

  /** Called once at the environment's end, before its handles go: ends native threads. Take out what was stopped before. */
  std::list<std::function<void()>> stoppers;
  /** Threads of one task each; they end soon after `stopping` (an eventfd) becomes readable. */
  std::list<std::thread> tasks;
  UniqueFd stopping;
};

/** The environment's state, from any callback. */
[[nodiscard]] inline AddonState& state_of(Napi::Env env) { return *env.GetInstanceData<AddonState>(); }

/** Each part adds what it exports. */
void init_netns(Napi::Env env, Napi::Object exports);
void init_fabric(Napi::Env env, Napi::Object exports);
void init_links(Napi::Env env, Napi::Object exports);
void init_process(Napi::Env env, Napi::Object exports);

}  // namespace nslab::binding
