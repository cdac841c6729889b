// Netns for JavaScript, and what else concerns namespaces one by one.
#include "binding/netns.h"

#include <utility>

#include "binding/addon.h"
#include "binding/arguments.h"
#include "binding/errors.h"
#include "binding/uplink.h"
#include "netns/cleanup.h"
#include "netns/socket.h"
#include "rtnl/link.h"
#include "rtnl/socket.h"

namespace nslab::binding {
namespace {

/** Tells our objects from others of the same shape. Drawn at random once. */
constexpr napi_type_tag kNetnsTag = {0x8f0e6a4d52b74c19, 0xa5b1d0c37e624f88};

/** What a JavaScript Netns is made from. `owned`: it keeps the namespace alive until close(). */
struct Handle {
  SharedNetns owned;
  std::weak_ptr<const netns::Netns> borrowed;

  [[nodiscard]] SharedNetns get() const { return owned ? owned : borrowed.lock(); }
};

class NetnsObject : public Napi::ObjectWrap<NetnsObject> {
 public:
  static Napi::Function define(Napi::Env env) {
    return DefineClass(env, "Netns",
                       {
                           StaticMethod<&NetnsObject::create>("create"),
                           StaticMethod<&NetnsObject::from_fd>("fromFd"),
                           StaticMethod<&NetnsObject::current>("current"),
                           InstanceAccessor<&NetnsObject::fd>("fd"),
                           InstanceAccessor<&NetnsObject::identity>("identity"),
                           InstanceMethod<&NetnsObject::open_socket>("openSocket"),
                           InstanceMethod<&NetnsObject::run<add_uplink>>("addUplink"),
                           InstanceMethod<&NetnsObject::run<remove_uplink>>("removeUplink"),
                           InstanceMethod<&NetnsObject::run<add_routes>>("addRoutes"),
                           InstanceMethod<&NetnsObject::run<remove_routes>>("removeRoutes"),
                           InstanceMethod<&NetnsObject::run<add_bridge>>("addBridge"),
                           InstanceMethod<&NetnsObject::run<set_bridge_port>>("setBridgePort"),
                           InstanceMethod<&NetnsObject::close>("close"),
                       });
  }

  explicit NetnsObject(const Napi::CallbackInfo& info) : ObjectWrap(info) {
    if (info.Length() != 1 || !info[0].IsExternal()) {
      throw_argument(info.Env(), "Netns is made by Netns.create, Netns.fromFd, Netns.current or Fabric.netns");
      return;
    }
    handle_ = *info[0].As<Napi::External<Handle>>().Data();
    identity_ = handle_.get()->identity();
    (void)napi_type_tag_object(info.Env(), info.This(), &kNetnsTag);
  }

  [[nodiscard]] SharedNetns get() const { return handle_.get(); }

  static Napi::Value make(Napi::Env env, Handle handle) {
    return state_of(env).netns_class.New({Napi::External<Handle>::New(env, &handle)});
  }

 private:
  static Napi::Value create(const Napi::CallbackInfo& info);
  static Napi::Value from_fd(const Napi::CallbackInfo& info);
  static Napi::Value current(const Napi::CallbackInfo& info);

  Napi::Value fd(const Napi::CallbackInfo& info) {
    const SharedNetns netns = get();
    return Napi::Number::New(info.Env(), netns ? netns->fd() : -1);
  }
  Napi::Value identity(const Napi::CallbackInfo& info);
  Napi::Value open_socket(const Napi::CallbackInfo& info);
  /** A method that is written elsewhere, on this namespace. */
  template <Napi::Value (*method)(const Napi::CallbackInfo&, SharedNetns)>
  Napi::Value run(const Napi::CallbackInfo& info) {
    return method(info, get());
  }
  void close(const Napi::CallbackInfo&) { handle_ = {}; }

  Handle handle_;
  netns::Identity identity_;
};

Napi::Value result_to_js(Napi::Env env, Result<netns::Netns> made) {
  if (made) return NetnsObject::make(env, {std::make_shared<const netns::Netns>(std::move(*made)), {}});
  to_js(env, made.error()).ThrowAsJavaScriptException();
  return env.Undefined();
}

/** A namespace with its loopback up, made in the calling native thread. */
Result<netns::Netns> make_with_loopback() {
  const netns::Visit visit;
  UniqueFd netlink;
  auto netns = netns::Netns::create_and_stay(netlink);
  if (!netns) return netns;
  auto socket = rtnl::Socket::adopt(std::move(netlink), "new namespace");
  if (!socket) return socket.take_status();
  rtnl::Batch batch;
  rtnl::set_up(batch, rtnl::kLoopbackIndex);
  if (Status up = socket->execute(batch); !up) return up;
  return netns;
}

Napi::Value NetnsObject::create(const Napi::CallbackInfo& info) {
  AddonState& state = state_of(info.Env());
  const Settler settler(info.Env(), state.mailbox);
  Status posted = state.opener.post([settler] {
    auto made = make_with_loopback();
    if (!made) return settler.reject(made.take_status().take_error());
    // JavaScript takes it out of the closure, whose copies may outlive its close().
    auto owner = std::make_shared<SharedNetns>(std::make_shared<const netns::Netns>(std::move(*made)));
    settler.resolve([owner](Napi::Env env) { return make(env, {std::exchange(*owner, nullptr), {}}); });
  });
  if (!posted) settler.reject(posted.take_error());
  return settler.promise();
}

Napi::Value NetnsObject::from_fd(const Napi::CallbackInfo& info) {
  const auto fd = info.Length() == 1 ? whole_number(info[0], 0, INT32_MAX) : std::nullopt;
  if (!fd) {
    throw_argument(info.Env(), "Netns.fromFd(fd: number)");
    return info.Env().Undefined();
  }
  // The cookie is learned by a visit, and a Node.js thread never switches: a thread of its own does.
  std::optional<Result<netns::Netns>> adopted;
  auto visitor = Thread::start("nslab-visitor", "Netns.fromFd",
                               [&] { adopted.emplace(netns::Netns::adopt(static_cast<int>(*fd))); });
  if (!visitor) return result_to_js(info.Env(), visitor.take_status());
  visitor->join();
  return result_to_js(info.Env(), std::move(*adopted));
}

Napi::Value NetnsObject::current(const Napi::CallbackInfo& info) {
  return result_to_js(info.Env(), netns::Netns::current());
}

Napi::Value NetnsObject::identity(const Napi::CallbackInfo& info) { return identity_to_js(info.Env(), identity_); }

struct SocketRequest {
  bool listen = false;
  netns::Endpoint endpoint;
  /** Backlog, or timeout in ms. */
  uint64_t number = 0;
  /** Of a connection; 0: it may be silent for ever. */
  uint64_t silence_ms = 0;
};

std::optional<SocketRequest> read_request(const Napi::CallbackInfo& info) {
  if (info.Length() != 1 || !info[0].IsObject()) return std::nullopt;
  SocketRequest request;
  request.listen = info[0].As<Napi::Object>().Has("listen");
  const Napi::Value inner = info[0].As<Napi::Object>().Get(request.listen ? "listen" : "connect");
  if (!inner.IsObject()) return std::nullopt;
  const auto fields = inner.As<Napi::Object>();
  const auto address = ipv4(fields.Get("address"));
  const auto port = whole_number(fields.Get("port"), request.listen ? 0 : 1, UINT16_MAX);
  const auto number = whole_number(fields.Get(request.listen ? "backlog" : "timeoutMs"), 1, INT32_MAX);
  if (!address || !port || !number) return std::nullopt;
  if (const Napi::Value silence = fields.Get("silenceMs"); !silence.IsUndefined()) {
    const auto silence_ms = whole_number(silence, kSilenceMsMin, INT32_MAX);
    if (request.listen || !silence_ms) return std::nullopt;
    request.silence_ms = *silence_ms;
  }
  request.endpoint = {*address, static_cast<uint16_t>(*port)};
  request.number = *number;
  return request;
}

Napi::Value NetnsObject::open_socket(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  const auto request = read_request(info);
  if (!request) {
    throw_argument(
        env, "openSocket({listen: {address, port, backlog}} | {connect: {address, port, timeoutMs, silenceMs?}})");
    return env.Undefined();
  }
  AddonState& state = state_of(env);
  const Settler settler(env, state.mailbox);
  const SharedNetns where = get();
  if (!where) {
    settler.reject(Status::failed(EBADF, "openSocket", "network namespace", "it was closed").take_error());
    return settler.promise();
  }
  const auto opened = [settler, silence_ms = static_cast<uint32_t>(request->silence_ms)](Result<UniqueFd> fd) {
    if (!fd) return settler.reject(fd.take_status().take_error());
    if (silence_ms > 0) netns::end_when_silent(fd->get(), silence_ms);
    // Shared, because closures are copied; closes where the environment ends before JavaScript takes it.
    auto owner = std::make_shared<UniqueFd>(std::move(*fd));
    settler.resolve([owner](Napi::Env to) { return Napi::Number::New(to, owner->release()); });
  };
  if (request->listen) state.opener.listen(where, request->endpoint, static_cast<int>(request->number), opened);
  else state.opener.connect(where, request->endpoint, static_cast<int64_t>(request->number), opened);
  return settler.promise();
}

Napi::Value await_netns_cleanup(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  const auto deadline_ms = info.Length() == 1 ? whole_number(info[0], 0, INT32_MAX) : std::nullopt;
  if (!deadline_ms) {
    throw_argument(env, "awaitNetnsCleanup(deadlineMs: number)");
    return env.Undefined();
  }
  AddonState& state = state_of(env);
  const Settler settler(env, state.mailbox);
  Status started = state.tasks.run([settler, deadline_ms, stop_fd = state.stopping.get()] {
    auto waited = netns::await_cleanup(static_cast<int64_t>(*deadline_ms), stop_fd);
    if (!waited) return settler.reject(waited.take_status().take_error());
    settler.resolve([ns = *waited](Napi::Env to) { return Napi::Number::New(to, static_cast<double>(ns) / 1e9); });
  });
  if (!started) settler.reject(started.take_error());
  return settler.promise();
}

Napi::Value switch_trace(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  const auto totals = state_of(env).switch_log->totals();
  Napi::Uint32Array trace = Napi::Uint32Array::New(env, totals.netns.size());
  std::copy(totals.netns.begin(), totals.netns.end(), trace.Data());
  Napi::Object result = Napi::Object::New(env);
  result.Set("netns", trace);
  result.Set("switches", static_cast<double>(totals.switches));
  result.Set("skipped", static_cast<double>(totals.skipped));
  return result;
}

}  // namespace

Napi::Object identity_to_js(Napi::Env env, const netns::Identity& netns) {
  Napi::Object identity = Napi::Object::New(env);
  identity.Set("cookie", Napi::BigInt::New(env, netns.cookie));
  identity.Set("device", Napi::BigInt::New(env, netns.device));
  identity.Set("inode", Napi::BigInt::New(env, netns.inode));
  identity.Set("createdNs", Napi::BigInt::New(env, netns.created_ns));
  return identity;
}

SharedNetns netns_of(Napi::Value value) {
  bool ours = false;
  if (value.IsObject()) (void)napi_check_object_type_tag(value.Env(), value, &kNetnsTag, &ours);
  if (!ours) {
    throw_argument(value.Env(), "a Netns is wanted");
    return nullptr;
  }
  SharedNetns netns = NetnsObject::Unwrap(value.As<Napi::Object>())->get();
  if (!netns) throw_argument(value.Env(), "the Netns was closed");
  return netns;
}

Napi::Value netns_to_js(Napi::Env env, const SharedNetns& netns) { return NetnsObject::make(env, {nullptr, netns}); }

Napi::Value own_netns_to_js(Napi::Env env, SharedNetns netns) { return NetnsObject::make(env, {std::move(netns), {}}); }

void init_netns(Napi::Env env, Napi::Object exports) {
  Napi::Function netns_class = NetnsObject::define(env);
  state_of(env).netns_class = Napi::Persistent(netns_class);
  exports.Set("Netns", netns_class);
  exports.Set("awaitNetnsCleanup", Napi::Function::New<await_netns_cleanup>(env, "awaitNetnsCleanup"));
  exports.Set("switchTrace", Napi::Function::New<switch_trace>(env, "switchTrace"));
}

}  // namespace nslab::binding
