// What one JavaScript environment (main thread or worker) holds of the addon, and how its parts register.
#pragma once

#include <napi.h>

#include <memory>

#include "netns/switch_log.h"

namespace nslab::binding {

/** State of one environment: never a static, so that several live in one process. */
struct AddonState {
  /** Native threads keep it alive beyond the environment. */
  std::shared_ptr<netns::SwitchLog> switch_log = std::make_shared<netns::SwitchLog>();
  Napi::FunctionReference netns_class;
};

/** The environment's state, from any callback. */
[[nodiscard]] inline AddonState& state_of(Napi::Env env) { return *env.GetInstanceData<AddonState>(); }

/** Each part adds what it exports. */
void init_netns(Napi::Env env, Napi::Object exports);
void init_fabric(Napi::Env env, Napi::Object exports);
void init_links(Napi::Env env, Napi::Object exports);
void init_process(Napi::Env env, Napi::Object exports);

}  // namespace nslab::binding
