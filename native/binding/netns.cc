// Netns for JavaScript.
#include "binding/netns.h"

#include "binding/addon.h"
#include "binding/errors.h"

namespace nslab::binding {

void init_netns(Napi::Env, Napi::Object) {}

}  // namespace nslab::binding
