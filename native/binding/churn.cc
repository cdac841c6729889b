// Churner for JavaScript. What waits for the kernel is a task of a native thread, and a promise.
#include "churn/churner.h"

#include <memory>
#include <utility>

#include "binding/addon.h"
#include "binding/arguments.h"
#include "binding/churn_lines.h"
#include "binding/errors.h"
#include "churn/clock.h"

namespace nslab::binding {
namespace {

/** One churner and who hears of it. Made and released on the JavaScript thread. */
struct Session {
  std::shared_ptr<churn::Churner> churner;
  Napi::FunctionReference on_lines;
  int64_t origin_ns = 0;
};

class ChurnerObject : public Napi::ObjectWrap<ChurnerObject> {
 public:
  static Napi::Function define(Napi::Env env) {
    return DefineClass(env, "Churner",
                       {
                           StaticMethod<&ChurnerObject::open>("open"),
                           InstanceMethod<&ChurnerObject::add>("add"),
                           InstanceMethod<&ChurnerObject::figures>("figures"),
                           InstanceMethod<&ChurnerObject::drain>("drain"),
                           InstanceMethod<&ChurnerObject::close>("close"),
                       });
  }

  explicit ChurnerObject(const Napi::CallbackInfo& info) : ObjectWrap(info) {
    if (info.Length() != 1 || !info[0].IsExternal()) {
      throw_argument(info.Env(), "a Churner is made by Churner.open");
      return;
    }
    session_ = *info[0].As<Napi::External<std::shared_ptr<Session>>>().Data();
    AddonState& state = state_of(info.Env());
    stopper_ = state.stoppers.insert(state.stoppers.end(), [this] {
      stopper_.reset();
      session_->churner.reset();
    });
  }
  ~ChurnerObject() override {
    if (stopper_) state_of(Env()).stoppers.erase(*stopper_);
  }

 private:
  static Napi::Value open(const Napi::CallbackInfo& info);
  Napi::Value add(const Napi::CallbackInfo& info);
  Napi::Value figures(const Napi::CallbackInfo& info);
  Napi::Value drain(const Napi::CallbackInfo& info);
  Napi::Value close(const Napi::CallbackInfo& info);
  /** The churner; null, with a pending exception, once it was closed. */
  std::shared_ptr<churn::Churner> churner(Napi::Env env) const;

  std::shared_ptr<Session> session_;
  /** Place in the environment's list of what to stop. */
  std::optional<std::list<std::function<void()>>::iterator> stopper_;
};

/** Hands over the lines that wait. */
void deliver(Napi::Env env, const std::weak_ptr<Session>& of) {
  const auto session = of.lock();
  if (!session || !session->churner) return;
  const auto lines = session->churner->take_lines();
  if (lines.empty()) return;
  call_user(env, session->on_lines.Value(), {lines_to_js(env, lines, session->origin_ns)});
}

Napi::Value ChurnerObject::open(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  churn::Options options;
  const char* wrong = read_churn_options(info[0], options);
  const Napi::Value origin = info[0].IsObject() ? info[0].As<Napi::Object>().Get("originNs") : env.Undefined();
  if (wrong == nullptr && !origin.IsBigInt()) wrong = "options.originNs: bigint";
  if (wrong == nullptr && !info[1].IsFunction()) wrong = "onLines is no function";
  if (wrong != nullptr) {
    throw_argument(env, wrong);
    return env.Undefined();
  }
  AddonState& state = state_of(env);
  auto session = std::make_shared<Session>();
  bool lossless = false;
  session->origin_ns = origin.As<Napi::BigInt>().Int64Value(&lossless);
  session->on_lines = Napi::Persistent(info[1].As<Napi::Function>());
  const auto ring = [mailbox = state.mailbox, of = std::weak_ptr(session)] {
    mailbox->post([of](Napi::Env to) { deliver(to, of); });
  };
  const Settler settler(env, state.mailbox);
  // Opened by a native thread: it goes through namespaces.
  Status started = state.tasks.run([settler, session, options = std::move(options), ring]() mutable {
    auto opened = churn::Churner::open(std::move(options), ring);
    if (!opened) return settler.reject(opened.take_status().take_error());
    session->churner = std::move(*opened);
    settler.resolve([session = std::move(session)](Napi::Env to) {
      auto share = session;
      auto* of_class = &state_of(to).churner_class;
      return of_class->New({Napi::External<std::shared_ptr<Session>>::New(to, &share)});
    });
  });
  if (!started) settler.reject(started.take_error());
  return settler.promise();
}

std::shared_ptr<churn::Churner> ChurnerObject::churner(Napi::Env env) const {
  if (!session_->churner)
    to_js(env, Status::failed(EBADF, "churn", "churner", "it was closed").error()).ThrowAsJavaScriptException();
  return session_->churner;
}

Napi::Value ChurnerObject::add(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  const auto churner = this->churner(env);
  if (!churner) return env.Undefined();
  bool lossless = false;
  const int64_t begin_ns = info[1].IsBigInt() ? info[1].As<Napi::BigInt>().Int64Value(&lossless) : 0;
  auto operations = lossless ? read_operations(info[0], begin_ns) : std::nullopt;
  if (!operations) throw_argument(env, "add(operations: Operation[], beginNs: bigint)");
  else churner->add(std::move(*operations));
  return env.Undefined();
}

Napi::Value ChurnerObject::figures(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  const auto churner = this->churner(env);
  if (!churner) return env.Undefined();
  const auto figures = churner->figures();
  Napi::Object result = Napi::Object::New(env);
  result.Set("alive", static_cast<double>(figures.counts.alive));
  result.Set("dropping", static_cast<double>(figures.dropping));
  result.Set("ops", static_cast<double>(figures.counts.ops));
  result.Set("failed", static_cast<double>(figures.counts.failed));
  result.Set("lateMaxS", static_cast<double>(figures.counts.late_max_ns) / 1e9);
  return result;
}

Napi::Value ChurnerObject::drain(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  const auto churner = this->churner(env);
  if (!churner) return env.Undefined();
  const auto deadline_ms = whole_number(info[0], 0, INT32_MAX);
  if (!deadline_ms) {
    throw_argument(env, "drain(deadlineMs: number)");
    return env.Undefined();
  }
  AddonState& state = state_of(env);
  const Settler settler(env, state.mailbox);
  const int64_t deadline_ns = churn::now_ns() + static_cast<int64_t>(*deadline_ms) * 1'000'000;
  Status started =
      state.tasks.run([settler, churner, deadline_ns, stop_fd = state.stopping.get(), of = std::weak_ptr(session_)] {
        auto left = churner->drain(deadline_ns, stop_fd);
        if (!left) return settler.reject(left.take_status().take_error());
        settler.resolve([of, left = std::move(*left)](Napi::Env to) {
          // What it has told before it was done is heard before.
          deliver(to, of);
          Napi::Array ids = Napi::Array::New(to, left.size());
          for (uint32_t i = 0; i < left.size(); ++i) ids.Set(i, static_cast<double>(left[i]));
          return ids;
        });
      });
  if (!started) settler.reject(started.take_error());
  return settler.promise();
}

Napi::Value ChurnerObject::close(const Napi::CallbackInfo& info) {
  AddonState& state = state_of(info.Env());
  const Settler settler(info.Env(), state.mailbox);
  // Its threads let go of what is left, which may take a while.
  Status started = state.tasks.run([settler, churner = std::exchange(session_->churner, nullptr)]() mutable {
    churner.reset();
    settler.resolve();
  });
  if (!started) settler.reject(started.take_error());
  return settler.promise();
}

}  // namespace

void init_churn(Napi::Env env, Napi::Object exports) {
  Napi::Function churner_class = ChurnerObject::define(env);
  state_of(env).churner_class = Napi::Persistent(churner_class);
  exports.Set("Churner", churner_class);
}

}  // namespace nslab::binding
