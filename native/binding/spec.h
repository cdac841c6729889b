// FabricSpec of src/native/fabric.ts → fabric::Spec.
#pragma once

#include <napi.h>

#include "base/status.h"
#include "fabric/spec.h"

namespace nslab::binding {

/** Reads a whole specification; EINVAL names the first field that is not as it should be. */
Result<fabric::Spec> read_spec(Napi::Value value);

}  // namespace nslab::binding
