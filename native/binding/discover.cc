// Discovery for JavaScript: reports of its thread come as calls, in order.
#include <napi.h>

#include <list>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include "binding/addon.h"
#include "binding/arguments.h"
#include "binding/errors.h"
#include "binding/netns.h"
#include "discover/discovery.h"

namespace nslab::binding {
namespace {

const char* name_of(discover::FoundBy by) {
  switch (by) {
    case discover::FoundBy::self:
      return "self";
    case discover::FoundBy::directory:
      return "directory";
    case discover::FoundBy::mount:
      return "mount";
    case discover::FoundBy::process:
      return "process";
    case discover::FoundBy::thread:
      return "thread";
    case discover::FoundBy::descriptor:
      return "descriptor";
    case discover::FoundBy::socket:
      return "socket";
  }
  return "self";
}

Napi::Object blind_to_js(Napi::Env env, const discover::Blind& blind) {
  Napi::Object js = Napi::Object::New(env);
  const auto set = [&](const char* name, size_t count) { js.Set(name, static_cast<double>(count)); };
  set("unreadableProcesses", blind.unreadable_processes);
  set("unopened", blind.unopened);
  js.Set("unopenedReason", blind.unopened_errno == 0
                               ? env.Null()
                               : Napi::Value(Napi::String::New(env, errno_name(blind.unopened_errno))));
  set("hiddenMounts", blind.hidden_mounts);
  set("unresolvedSockets", blind.unresolved_sockets);
  set("largeProcesses", blind.large_processes);
  js.Set("largeApartMs", static_cast<double>(blind.large_apart_ns) / 1e6);
  set("observers", blind.observers);
  js.Set("unseen", blind.unseen ? Napi::Value(Napi::Number::New(env, static_cast<double>(*blind.unseen))) : env.Null());
  js.Set("innerPids", blind.inner_pids);
  js.Set("hidesProcesses", blind.hides_processes);
  js.Set("hasGetfd", blind.has_getfd);
  return js;
}

/** DiscoveryReport of src/native/discovery.ts. */
Napi::Object report_to_js(Napi::Env env, const discover::Report& report) {
  Napi::Array found = Napi::Array::New(env, report.found.size());
  for (uint32_t i = 0; i < report.found.size(); ++i) {
    const discover::Found& one = report.found[i];
    Napi::Object js = Napi::Object::New(env);
    js.Set("netns", own_netns_to_js(env, one.netns));
    js.Set("name", one.name.empty() ? env.Null() : Napi::Value(Napi::String::New(env, one.name)));
    js.Set("foundBy", name_of(one.by));
    found.Set(i, js);
  }
  Napi::Array gone = Napi::Array::New(env, report.gone.size());
  for (uint32_t i = 0; i < report.gone.size(); ++i) gone.Set(i, identity_to_js(env, report.gone[i]));
  Napi::Object js = Napi::Object::New(env);
  js.Set("found", found);
  js.Set("gone", gone);
  js.Set("blind", report.blind ? Napi::Value(blind_to_js(env, *report.blind)) : env.Null());
  return js;
}

class DiscoveryObject : public Napi::ObjectWrap<DiscoveryObject> {
 public:
  static Napi::Function define(Napi::Env env) {
    return DefineClass(env, "Discovery",
                       {
                           InstanceMethod<&DiscoveryObject::reconcile>("reconcile"),
                           InstanceMethod<&DiscoveryObject::stop>("stop"),
                           InstanceAccessor<&DiscoveryObject::totals>("totals"),
                       });
  }

  explicit DiscoveryObject(const Napi::CallbackInfo& info);
  ~DiscoveryObject() override {
    *self_ = nullptr;
    if (discovery_) state_of(Env()).stoppers.erase(stopper_);
  }

 private:
  Napi::Value reconcile(const Napi::CallbackInfo& info);
  Napi::Value stop(const Napi::CallbackInfo& info);
  Napi::Value totals(const Napi::CallbackInfo& info);

  void receive(Napi::Env env, const discover::Report& report);
  void fail(Napi::Env env, const Error& error);

  std::shared_ptr<discover::Discovery> discovery_;
  std::shared_ptr<Mailbox> mailbox_;
  /** For letters, which may come after the object: null then. Read and written on the JavaScript thread. */
  std::shared_ptr<DiscoveryObject*> self_ = std::make_shared<DiscoveryObject*>(this);
  /** How the environment's end ends the thread; in place while there is one. */
  std::list<std::function<void()>>::iterator stopper_;
  Napi::FunctionReference on_report_;
  struct Waiting {
    uint64_t number;
    Napi::Promise::Deferred deferred;
  };
  std::vector<Waiting> waiting_;
  /** Why there is no more to come: it could not begin, or was stopped. */
  std::optional<Error> failed_;
};

std::optional<discover::Options> read_options(Napi::Value value) {
  if (!value.IsObject()) return std::nullopt;
  const auto fields = value.As<Napi::Object>();
  const auto interval_ms = whole_number(fields.Get("intervalMs"), 1, INT32_MAX);
  const auto reconcile_ms = whole_number(fields.Get("reconcileMs"), 1, INT32_MAX);
  const Napi::Value directories = fields.Get("directories");
  if (!interval_ms || !reconcile_ms || !directories.IsArray()) return std::nullopt;
  discover::Options options{
      {}, static_cast<int64_t>(*interval_ms) * 1'000'000, static_cast<int64_t>(*reconcile_ms) * 1'000'000};
  for (uint32_t i = 0; i < directories.As<Napi::Array>().Length(); ++i) {
    const auto path = text(directories.As<Napi::Array>().Get(i));
    if (!path || !path->starts_with('/')) return std::nullopt;
    options.directories.push_back(*path);
  }
  return options;
}

DiscoveryObject::DiscoveryObject(const Napi::CallbackInfo& info) : ObjectWrap(info) {
  const Napi::Env env = info.Env();
  auto options = info.Length() == 2 ? read_options(info[0]) : std::nullopt;
  if (!options || !info[1].IsFunction()) {
    throw_argument(env,
                   "new Discovery({directories: absolute paths, intervalMs: number, reconcileMs: number}, onReport)");
    return;
  }
  on_report_ = Napi::Persistent(info[1].As<Napi::Function>());
  AddonState& state = state_of(env);
  mailbox_ = state.mailbox;
  const auto post = [self = self_, mailbox = mailbox_](auto work) {
    mailbox->post([self, work = std::move(work)](Napi::Env env) {
      if (*self && (*self)->discovery_) work(env, **self);
    });
  };
  auto discovery =
      std::make_shared<discover::Discovery>(std::move(*options), state.switch_log, [post](discover::Report report) {
        post([report = std::move(report)](Napi::Env env, DiscoveryObject& object) { object.receive(env, report); });
      });
  const Status started = discovery->start([post](Status failed) {
    post([error = std::make_shared<Error>(failed.take_error())](Napi::Env env, DiscoveryObject& object) {
      object.fail(env, *error);
    });
  });
  if (!started) {
    to_js(env, started.error()).ThrowAsJavaScriptException();
    return;
  }
  discovery_ = std::move(discovery);
  stopper_ = state.stoppers.insert(state.stoppers.end(), [this] { discovery_.reset(); });
  // Like a server that listens, it keeps itself and the event loop alive until it is stopped.
  Ref();
  mailbox_->hold(env);
}

void DiscoveryObject::receive(Napi::Env env, const discover::Report& report) {
  call_user(env, on_report_.Value(), {report_to_js(env, report)});
  std::erase_if(waiting_, [&](const Waiting& waiting) {
    if (waiting.number > report.reconciled) return false;
    waiting.deferred.Resolve(env.Undefined());
    return true;
  });
}

void DiscoveryObject::fail(Napi::Env env, const Error& error) {
  failed_ = error;
  for (const Waiting& waiting : std::exchange(waiting_, {})) waiting.deferred.Reject(to_js(env, error).Value());
}

Napi::Value DiscoveryObject::reconcile(const Napi::CallbackInfo& info) {
  const auto deferred = Napi::Promise::Deferred::New(info.Env());
  if (failed_) deferred.Reject(to_js(info.Env(), *failed_).Value());
  else waiting_.push_back({discovery_->reconcile(), deferred});
  return deferred.Promise();
}

Napi::Value DiscoveryObject::stop(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  AddonState& state = state_of(env);
  const Settler settler(env, state.mailbox);
  if (!discovery_) {
    settler.resolve();
    return settler.promise();
  }
  state.stoppers.erase(stopper_);
  // Joined on another thread: a system call of the look in progress may take its time.
  const auto end = [settler, discovery = std::exchange(discovery_, nullptr)] {
    discovery->stop();
    settler.resolve();
  };
  if (!state.tasks.run(end)) end();
  fail(env, Status::failed(ECANCELED, "reconcile", "discovery").error());
  mailbox_->release(env);
  Unref();
  return settler.promise();
}

Napi::Value DiscoveryObject::totals(const Napi::CallbackInfo& info) {
  const discover::Totals totals = discovery_ ? discovery_->totals() : discover::Totals{};
  Napi::Object js = Napi::Object::New(info.Env());
  const auto set = [&](const char* name, auto value) { js.Set(name, static_cast<double>(value)); };
  set("ticks", totals.ticks);
  set("reconciles", totals.reconciles);
  set("cpuNs", totals.cpu_ns);
  set("tickNs", totals.tick_ns);
  set("reconcileNs", totals.reconcile_ns);
  set("processes", totals.work.processes);
  set("threads", totals.work.threads);
  set("descriptors", totals.work.descriptors);
  set("sockets", totals.work.sockets);
  return js;
}

}  // namespace

void init_discovery(Napi::Env env, Napi::Object exports) { exports.Set("Discovery", DiscoveryObject::define(env)); }

}  // namespace nslab::binding
