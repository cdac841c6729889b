// The addon's entry: state of the environment, then each part's exports.
#include "binding/addon.h"

namespace nslab::binding {
namespace {

Napi::Object init(Napi::Env env, Napi::Object exports) {
  env.SetInstanceData(new AddonState);
  init_netns(env, exports);
  init_fabric(env, exports);
  init_process(env, exports);
  init_links(env, exports);
  return exports;
}

}  // namespace

NODE_API_MODULE(nslab, init)

}  // namespace nslab::binding
