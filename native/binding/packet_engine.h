// The PacketEngine class of JavaScript, for the parts that take one as an argument.
#pragma once

#include <napi.h>

#include <memory>

#include "engine/lanes/engine.h"

namespace nslab::binding {

/** The engine behind a JavaScript PacketEngine; null (with a pending TypeError) where it is none or was closed. */
[[nodiscard]] std::shared_ptr<engine::lanes::PacketEngine> engine_of(Napi::Value value);

}  // namespace nslab::binding
