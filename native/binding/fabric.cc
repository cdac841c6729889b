// Fabric for JavaScript.
#include "binding/addon.h"

namespace nslab::binding {

void init_fabric(Napi::Env, Napi::Object) {}

}  // namespace nslab::binding
