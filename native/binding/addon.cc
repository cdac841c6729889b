// The addon's entry: state of the environment, then each part's exports.
#include "binding/addon.h"

#include <sys/eventfd.h>
#include <unistd.h>

namespace nslab::binding {
namespace {

/** At the environment's end: no native thread outlives what it would call. */
void stop_all(AddonState* state) {
  const uint64_t one = 1;
  [[maybe_unused]] const ssize_t written = ::write(state->stopping.get(), &one, sizeof one);
  for (auto& stop : state->stoppers) stop();
  state->stoppers.clear();
  state->tasks.join();
  state->opener.stop();
  state->mailbox->close();
}

Napi::Object init(Napi::Env env, Napi::Object exports) {
  auto* state = new AddonState;
  env.SetInstanceData(state);
  state->stopping = UniqueFd(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
  state->mailbox = Mailbox::open(env);
  if (!state->mailbox) return exports;
  // After the mailbox: hooks run in reverse order, so threads end before the thread-safe function does.
  env.AddCleanupHook(stop_all, state);
  init_netns(env, exports);
  init_fabric(env, exports);
  init_process(env, exports);
  init_identity(env, exports);
  init_descriptors(env, exports);
  init_discovery(env, exports);
  init_packet_engine(env, exports);
  init_links(env, exports);
  init_diag(env, exports);
  init_churn(env, exports);
  return exports;
}

}  // namespace

NODE_API_MODULE(nslab, init)

}  // namespace nslab::binding
