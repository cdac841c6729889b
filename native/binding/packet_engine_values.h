// What the packet engine is asked and tells, from and to values of JavaScript (src/native/engine.ts). An error is
// EINVAL and names the field.
#pragma once

#include <napi.h>

#include <optional>
#include <vector>

#include "base/status.h"
#include "engine/lanes/command.h"
#include "engine/lanes/engine.h"
#include "tun/tun.h"

namespace nslab::binding {

struct SeededSetting {
  engine::LinkSetting setting;
  std::optional<uint64_t> seed;
};

/** EngineOptions; `base`: of nodes' addresses. */
[[nodiscard]] Result<engine::lanes::Options> engine_options(Napi::Object options, uint32_t& base);
/** LinkSetting */
[[nodiscard]] Result<SeededSetting> link_setting(Napi::Value value, const char* operation);
/** RouteChange[] */
[[nodiscard]] Result<std::vector<engine::lanes::RouteChange>> route_changes(Napi::Value value);
/** FlowSetting; `base`: of addresses, where it says none. */
[[nodiscard]] Result<engine::lanes::FlowSetting> flow_setting(Napi::Value value, uint32_t base);
/** TransferSetting; the same of `base`. */
[[nodiscard]] Result<engine::lanes::StartTransfer> transfer_command(Napi::Value value, uint32_t node, uint32_t base);
struct TunRequest {
  tun::TunLink link;
  uint32_t base = 0;
  uint32_t nodes_max = 0;
};
/** TunSpec, of this node. */
[[nodiscard]] Result<TunRequest> tun_request(Napi::Value value, uint32_t node);
/** Arguments of capture(). It owns the descriptor, unless they are wrong. */
[[nodiscard]] Result<engine::lanes::Capture> capture_command(const Napi::CallbackInfo& info);

/** EngineCounts */
[[nodiscard]] Napi::Object counts_to_js(Napi::Env env, const engine::lanes::Counts& counts);
/** FlowFinished[] */
[[nodiscard]] Napi::Array finished_to_js(Napi::Env env, const std::vector<engine::lanes::FlowFinished>& flows);
/** RouteMissed[] */
[[nodiscard]] Napi::Array missed_to_js(Napi::Env env, const std::vector<engine::lanes::RouteMissed>& missed);

}  // namespace nslab::binding
