// Fabric for JavaScript: every method is a job for the fabric's own thread and a promise.
#include <algorithm>
#include <thread>
#include <utility>

#include "binding/addon.h"
#include "binding/arguments.h"
#include "binding/errors.h"
#include "binding/netns.h"
#include "binding/spec.h"
#include "fabric/service.h"

namespace nslab::binding {
namespace {

/** Two threads are as many as help (see fabric::Maker). */
constexpr unsigned kThreadsMax = 2;

/** The user's functions. Made and released on the JavaScript thread. */
struct Callbacks {
  Napi::FunctionReference on_ready;
  Napi::FunctionReference on_lost;
};

class FabricObject : public Napi::ObjectWrap<FabricObject> {
 public:
  static Napi::Function define(Napi::Env env) {
    return DefineClass(env, "Fabric",
                       {
                           InstanceMethod<&FabricObject::build>("build"),
                           InstanceMethod<&FabricObject::cancel>("cancel"),
                           InstanceMethod<&FabricObject::netns>("netns"),
                           InstanceMethod<&FabricObject::rebuild_node>("rebuildNode"),
                           InstanceMethod<&FabricObject::remove_node>("removeNode"),
                           InstanceMethod<&FabricObject::add_neighbours>("addNeighbours"),
                           InstanceMethod<&FabricObject::teardown>("teardown"),
                       });
  }

  explicit FabricObject(const Napi::CallbackInfo& info);
  ~FabricObject() override;

 private:
  Napi::Value build(const Napi::CallbackInfo& info);
  void cancel(const Napi::CallbackInfo&) {
    if (building_ > 0) service_->cancel();
  }
  Napi::Value netns(const Napi::CallbackInfo& info);
  Napi::Value rebuild_node(const Napi::CallbackInfo& info);
  Napi::Value remove_node(const Napi::CallbackInfo& info);
  Napi::Value add_neighbours(const Napi::CallbackInfo& info);
  Napi::Value teardown(const Napi::CallbackInfo& info);

  fabric::Options read_options(Napi::Env env, Napi::Value value);
  /** A node's index from the first argument; nothing, with a pending exception, where it is none. */
  std::optional<uint32_t> index_of(const Napi::CallbackInfo& info) const;
  std::optional<int64_t> deadline_of(Napi::Env env, Napi::Value value) const;

  std::unique_ptr<fabric::FabricService> service_;
  /** Not collected before the fabric, but its close() counts. */
  Napi::ObjectReference root_;
  /** Place in the environment's list of what to stop. */
  std::optional<std::list<std::function<void()>>::iterator> stopper_;
  /** Builds asked for and not settled. */
  int building_ = 0;
};

template <typename T>
Napi::Array numbers_to_js(Napi::Env env, const std::vector<T>& numbers) {
  Napi::Array list = Napi::Array::New(env, numbers.size());
  for (uint32_t i = 0; i < numbers.size(); ++i) list.Set(i, numbers[i]);
  return list;
}

Napi::Value timings_to_js(Napi::Env env, const fabric::BuildTimings& timings) {
  Napi::Object result = Napi::Object::New(env);
  Napi::Object phases = Napi::Object::New(env);
  for (const auto& [name, duration_ns] : timings.phases_ns) phases.Set(name, static_cast<double>(duration_ns));
  result.Set("startedNs", Napi::BigInt::New(env, timings.started_ns));
  result.Set("endedNs", Napi::BigInt::New(env, timings.ended_ns));
  result.Set("kernelCalls", static_cast<double>(timings.kernel_calls));
  result.Set("phasesNs", phases);
  return result;
}

Napi::Value timings_to_js(Napi::Env env, const fabric::TeardownTimings& timings) {
  Napi::Object result = Napi::Object::New(env);
  result.Set("startedNs", Napi::BigInt::New(env, timings.started_ns));
  result.Set("releasedNs", Napi::BigInt::New(env, timings.released_ns));
  result.Set("goneNs", Napi::BigInt::New(env, timings.gone_ns));
  Napi::Array remaining = Napi::Array::New(env, timings.remaining.size());
  for (uint32_t i = 0; i < timings.remaining.size(); ++i) {
    const fabric::Remaining& one = timings.remaining[i];
    Napi::Object left = Napi::Object::New(env);
    left.Set("name", one.name);
    left.Set("node", one.node ? Napi::Number::New(env, *one.node) : env.Null());
    left.Set("link", one.link);
    left.Set("netns", one.netns);
    remaining.Set(i, left);
  }
  result.Set("remaining", remaining);
  return result;
}

FabricObject::FabricObject(const Napi::CallbackInfo& info) : ObjectWrap(info) {
  const Napi::Env env = info.Env();
  const SharedNetns root = netns_of(info[0]);
  if (!root) return;
  auto spec = read_spec(info[1]);
  if (!spec) {
    to_js(env, spec.error()).ThrowAsJavaScriptException();
    return;
  }
  fabric::Options options = read_options(env, info[2]);
  if (env.IsExceptionPending()) return;
  AddonState& state = state_of(env);
  root_ = Napi::Persistent(info[0].As<Napi::Object>());
  service_ = std::make_unique<fabric::FabricService>(root, std::move(*spec), std::move(options), state.switch_log);
  stopper_ = state.stoppers.insert(state.stoppers.end(), [this] {
    stopper_.reset();
    service_->stop();
  });
}

FabricObject::~FabricObject() {
  if (stopper_) state_of(Env()).stoppers.erase(*stopper_);
}

fabric::Options FabricObject::read_options(Napi::Env env, Napi::Value value) {
  fabric::Options options;
  options.threads = static_cast<int>(std::clamp(std::thread::hardware_concurrency(), 1u, kThreadsMax));
  if (value.IsUndefined()) return options;
  const auto bad = [&](const char* what) {
    throw_argument(env, what);
    return options;
  };
  if (!value.IsObject()) return bad("options is no object");
  const auto object = value.As<Napi::Object>();
  if (object.Has("threads") && !object.Get("threads").IsUndefined()) {
    const auto threads = whole_number(object.Get("threads"), 1, 1024);
    if (!threads) return bad("options.threads");
    options.threads = static_cast<int>(std::min<uint64_t>(*threads, kThreadsMax));
  }
  if (object.Has("carrierWaitMs") && !object.Get("carrierWaitMs").IsUndefined()) {
    const auto wait_ms = whole_number(object.Get("carrierWaitMs"), 1, INT32_MAX);
    if (!wait_ms) return bad("options.carrierWaitMs");
    options.carrier_wait_ns = static_cast<int64_t>(*wait_ms) * 1'000'000;
  }
  if (object.Has("watchBytes") && !object.Get("watchBytes").IsUndefined()) {
    const auto bytes = whole_number(object.Get("watchBytes"), 1, INT32_MAX);
    if (!bytes) return bad("options.watchBytes");
    options.watch_bytes = static_cast<int>(*bytes);
  }
  const Napi::Value fail = object.Get("failAt");
  if (fail.IsObject()) {
    const auto call = whole_number(fail.As<Napi::Object>().Get("call"), 1, INT32_MAX);
    const auto number = whole_number(fail.As<Napi::Object>().Get("errno"), 1, 4095);
    if (!call || !number) return bad("options.failAt");
    options.fail_call = *call;
    options.fail_errno = static_cast<int>(*number);
  }
  auto callbacks = std::make_shared<Callbacks>();
  const auto mailbox = state_of(env).mailbox;
  if (const Napi::Value on_ready = object.Get("onReady"); on_ready.IsFunction()) {
    callbacks->on_ready = Napi::Persistent(on_ready.As<Napi::Function>());
    options.on_ready = [mailbox, callbacks](std::vector<uint32_t> nodes) {
      mailbox->post([callbacks, nodes = std::move(nodes)](Napi::Env to) {
        call_user(to, callbacks->on_ready.Value(), {numbers_to_js(to, nodes)});
      });
    };
  }
  if (const Napi::Value on_lost = object.Get("onLost"); on_lost.IsFunction()) {
    callbacks->on_lost = Napi::Persistent(on_lost.As<Napi::Function>());
    options.on_lost = [mailbox, callbacks](uint32_t node, const char* reason) {
      mailbox->post([callbacks, node, reason](Napi::Env to) {
        call_user(to, callbacks->on_lost.Value(), {Napi::Number::New(to, node), Napi::String::New(to, reason)});
      });
    };
  }
  return options;
}

std::optional<uint32_t> FabricObject::index_of(const Napi::CallbackInfo& info) const {
  const size_t count = service_->spec().nodes.size();
  const auto index = count > 0 ? whole_number(info[0], 0, count - 1) : std::nullopt;
  if (!index) throw_argument(info.Env(), "the index of a node is wanted");
  return index ? std::optional(static_cast<uint32_t>(*index)) : std::nullopt;
}

std::optional<int64_t> FabricObject::deadline_of(Napi::Env env, Napi::Value value) const {
  const auto deadline_ms = whole_number(value, 0, INT32_MAX);
  if (!deadline_ms) throw_argument(env, "deadlineMs: number");
  return deadline_ms ? std::optional(fabric::now_ns() + static_cast<int64_t>(*deadline_ms) * 1'000'000) : std::nullopt;
}

Napi::Value FabricObject::build(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  const Settler settler(env, state_of(env).mailbox);
  // The object lives until the promise is settled; its thread would otherwise end with it.
  Ref();
  ++building_;
  const auto mailbox = state_of(env).mailbox;
  Status posted = service_->post([this, settler, mailbox](fabric::Fabric& fabric) {
    auto built = fabric.build();
    mailbox->post([this](Napi::Env) {
      --building_;
      Unref();
    });
    if (!built) return settler.reject(built.take_status().take_error());
    settler.resolve([timings = std::move(*built)](Napi::Env to) { return timings_to_js(to, timings); });
  });
  if (!posted) {
    --building_;
    Unref();
    settler.reject(posted.take_error());
  }
  return settler.promise();
}

Napi::Value FabricObject::netns(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  const auto index = index_of(info);
  if (!index) return env.Undefined();
  const SharedNetns netns = service_->netns(*index);
  if (netns) return netns_to_js(env, netns);
  const std::string where = "node " + std::to_string(service_->spec().nodes[*index].node_id);
  const Status incomplete = Status::failed(ENONET, "netns", where, "the node is not complete");
  to_js(env, incomplete.error()).ThrowAsJavaScriptException();
  return env.Undefined();
}

Napi::Value FabricObject::rebuild_node(const Napi::CallbackInfo& info) {
  const auto index = index_of(info);
  if (!index) return info.Env().Undefined();
  const Settler settler(info.Env(), state_of(info.Env()).mailbox);
  Status posted = service_->post([node = *index, settler](fabric::Fabric& fabric) {
    fabric.rebuild_node(node, [settler](Status status) { settler.settle(std::move(status)); });
  });
  if (!posted) settler.reject(posted.take_error());
  return settler.promise();
}

Napi::Value FabricObject::remove_node(const Napi::CallbackInfo& info) {
  const auto index = index_of(info);
  const auto deadline = index ? deadline_of(info.Env(), info[1]) : std::nullopt;
  if (!deadline) return info.Env().Undefined();
  const Settler settler(info.Env(), state_of(info.Env()).mailbox);
  Status posted = service_->post([node = *index, deadline = *deadline, settler](fabric::Fabric& fabric) {
    fabric.remove_node(node, deadline, [settler](Status status) { settler.settle(std::move(status)); });
  });
  if (!posted) settler.reject(posted.take_error());
  return settler.promise();
}

Napi::Value FabricObject::add_neighbours(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  const auto index = index_of(info);
  if (!index) return env.Undefined();
  std::vector<in_addr> addresses;
  const auto list = info[1].IsArray() ? info[1].As<Napi::Array>() : Napi::Array();
  for (uint32_t i = 0; !list.IsEmpty() && i < list.Length(); ++i)
    if (const auto address = ipv4(list.Get(i))) addresses.push_back(*address);
  if (list.IsEmpty() || addresses.size() != list.Length()) {
    throw_argument(env, "addNeighbours(index: number, addresses: string[])");
    return env.Undefined();
  }
  const Settler settler(env, state_of(env).mailbox);
  Status posted = service_->post([node = *index, addresses = std::move(addresses), settler](fabric::Fabric& fabric) {
    settler.settle(fabric.add_neighbours(node, addresses));
  });
  if (!posted) settler.reject(posted.take_error());
  return settler.promise();
}

Napi::Value FabricObject::teardown(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  const auto deadline = deadline_of(env, info[0]);
  if (!deadline) return env.Undefined();
  const Settler settler(env, state_of(env).mailbox);
  if (building_ > 0) service_->cancel();
  Status posted = service_->post([deadline = *deadline, settler](fabric::Fabric& fabric) {
    auto gone = fabric.teardown(deadline);
    if (!gone) return settler.reject(gone.take_status().take_error());
    settler.resolve([timings = std::move(*gone)](Napi::Env to) { return timings_to_js(to, timings); });
  });
  if (!posted) settler.reject(posted.take_error());
  return settler.promise();
}

}  // namespace

void init_fabric(Napi::Env env, Napi::Object exports) { exports.Set("Fabric", FabricObject::define(env)); }

}  // namespace nslab::binding
