// Methods of JavaScript's Netns about uplinks and bridges between hosts. `where` is null where the Netns was closed.
#pragma once

#include <napi.h>

#include "binding/netns.h"

namespace nslab::binding {

Napi::Value add_uplink(const Napi::CallbackInfo& info, SharedNetns where);
Napi::Value remove_uplink(const Napi::CallbackInfo& info, SharedNetns where);
Napi::Value add_routes(const Napi::CallbackInfo& info, SharedNetns where);
Napi::Value remove_routes(const Napi::CallbackInfo& info, SharedNetns where);
Napi::Value add_bridge(const Napi::CallbackInfo& info, SharedNetns where);
Napi::Value set_bridge_port(const Napi::CallbackInfo& info, SharedNetns where);

}  // namespace nslab::binding
