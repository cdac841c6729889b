// What the link engine says, as values of JavaScript.
#pragma once

#include <napi.h>

#include <vector>

#include "engine/link_event.h"

namespace nslab::binding {

/** LinkEvent[] of src/native/links.ts. */
Napi::Array events_to_js(Napi::Env env, const std::vector<engine::LinkEvent>& events);

/** Six numbers an end: node, peer, local address and port, remote address and port. */
Napi::Uint32Array ends_to_js(Napi::Env env, const std::vector<engine::LinkEnd>& ends);

}  // namespace nslab::binding
