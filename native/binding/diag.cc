// The socket poller for JavaScript: rows come in buffers that are made once and given back, answers as promises.
#include <fcntl.h>
#include <napi.h>

#include <functional>
#include <list>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include "base/sys.h"
#include "binding/addon.h"
#include "binding/arguments.h"
#include "binding/errors.h"
#include "binding/netns.h"
#include "diag/poller.h"

namespace nslab::binding {
namespace {

/** Numbers a slot in the answer of a poll; src/native/diag.ts names them. */
constexpr size_t kOutcomeSize = 8;

std::optional<diag::Options> read_options(Napi::Value value) {
  diag::Options options;
  if (value.IsUndefined()) return options;
  if (!value.IsObject()) return {};
  const auto fields = value.As<Napi::Object>();
  const auto take = [&](const char* name, uint64_t min, uint64_t max, auto store) {
    const Napi::Value field = fields.Get(name);
    if (field.IsUndefined()) return true;
    const auto number = whole_number(field, min, max);
    if (number) store(*number);
    return number.has_value();
  };
  const bool good =
      take("buffersCount", 1, diag::kBuffersMax, [&](uint64_t n) { options.buffers = static_cast<uint32_t>(n); }) &&
      take("bufferRows", diag::kRowsMin, 1 << 20, [&](uint64_t n) { options.rows = static_cast<uint32_t>(n); }) &&
      take("deadlineMs", 1, INT32_MAX,
           [&](uint64_t n) { options.deadline_ns = static_cast<int64_t>(n) * 1'000'000; }) &&
      take("attemptsMax", 1, 100, [&](uint64_t n) { options.attempts = static_cast<uint32_t>(n); });
  const Napi::Value apart = fields.Get("familiesApart");
  if (!good || !(apart.IsUndefined() || apart.IsBoolean())) return {};
  options.families_apart = apart.IsBoolean() && apart.As<Napi::Boolean>();
  return options;
}

std::optional<std::vector<uint32_t>> read_slots(Napi::Value value) {
  if (!value.IsArray()) return {};
  const auto list = value.As<Napi::Array>();
  std::vector<uint32_t> slots(list.Length());
  for (uint32_t i = 0; i < slots.size(); i++) {
    const auto slot = whole_number(list.Get(i), 1, UINT32_MAX);
    if (!slot) return {};
    slots[i] = static_cast<uint32_t>(*slot);
  }
  return slots;
}

Napi::Value outcomes_to_js(Napi::Env env, const std::vector<diag::SlotOutcome>& outcomes) {
  Napi::Float64Array numbers = Napi::Float64Array::New(env, outcomes.size() * kOutcomeSize);
  double* next = numbers.Data();
  for (const diag::SlotOutcome& outcome : outcomes) {
    *next++ = outcome.slot;
    *next++ = static_cast<double>(outcome.started_ns);
    *next++ = static_cast<double>(outcome.ended_ns);
    *next++ = outcome.rows;
    *next++ = outcome.doubled;
    *next++ = outcome.repeated;
    *next++ = static_cast<double>(outcome.incomplete);
    *next++ = outcome.error;
  }
  return numbers;
}

class PollerObject : public Napi::ObjectWrap<PollerObject> {
 public:
  static Napi::Function define(Napi::Env env) {
    return DefineClass(env, "DiagPoller",
                       {
                           InstanceMethod<&PollerObject::add>("add"),
                           InstanceMethod<&PollerObject::remove>("remove"),
                           InstanceMethod<&PollerObject::set_filter>("setFilter"),
                           InstanceMethod<&PollerObject::poll>("poll"),
                           InstanceMethod<&PollerObject::give_back>("giveBack"),
                           InstanceMethod<&PollerObject::close>("close"),
                       });
  }

  explicit PollerObject(const Napi::CallbackInfo& info);
  ~PollerObject() override;

 private:
  Napi::Value add(const Napi::CallbackInfo& info);
  void remove(const Napi::CallbackInfo& info);
  void set_filter(const Napi::CallbackInfo& info);
  Napi::Value poll(const Napi::CallbackInfo& info);
  void give_back(const Napi::CallbackInfo& info);
  Napi::Value close(const Napi::CallbackInfo& info);

  void hand_over(Napi::Env env, uint32_t buffer, uint32_t rows);
  /** While something is pending, neither the object nor the event loop may go. */
  void hold() {
    if (pending_++ == 0) Ref();
  }
  void let_go() {
    if (--pending_ == 0) Unref();
  }
  bool is_open(Napi::Env env);
  void end();
  /** The thread has carried out its last command. */
  void finish(Napi::Env env);

  std::shared_ptr<diag::Poller> poller_;
  std::shared_ptr<Mailbox> mailbox_;
  /** For letters, which may come after the object: null then. Read and written on the JavaScript thread. */
  std::shared_ptr<PollerObject*> self_ = std::make_shared<PollerObject*>(this);
  std::list<std::function<void()>>::iterator stopper_;
  Napi::FunctionReference on_rows_;
  /** ArrayBuffers over the poller's buffers, made when each is first handed over. */
  std::vector<Napi::Reference<Napi::ArrayBuffer>> arrays_;
  int pending_ = 0;
  std::vector<Napi::Promise::Deferred> closing_;
};

PollerObject::PollerObject(const Napi::CallbackInfo& info) : ObjectWrap(info) {
  const Napi::Env env = info.Env();
  const auto options = info.Length() < 2 ? std::optional(diag::Options()) : read_options(info[1]);
  if (info.Length() < 1 || !info[0].IsFunction() || !options) {
    throw_argument(env,
                   "new DiagPoller(onRows: function, {buffersCount?: 1 to 64, bufferRows?: number from 512, "
                   "deadlineMs?: number, attemptsMax?: 1 to 100, familiesApart?: boolean})");
    return;
  }
  on_rows_ = Napi::Persistent(info[0].As<Napi::Function>());
  AddonState& state = state_of(env);
  mailbox_ = state.mailbox;
  const auto on_rows = [self = self_, mailbox = mailbox_](uint32_t buffer, uint32_t rows) {
    mailbox->post([self, buffer, rows](Napi::Env env) {
      if (*self) (*self)->hand_over(env, buffer, rows);
    });
  };
  const auto on_ended = [self = self_, mailbox = mailbox_] {
    mailbox->post([self](Napi::Env env) {
      if (*self) (*self)->finish(env);
    });
  };
  auto poller = std::make_shared<diag::Poller>(*options, state.switch_log, on_rows, on_ended);
  if (const Status started = poller->start(); !started) {
    to_js(env, started.error()).ThrowAsJavaScriptException();
    return;
  }
  arrays_.resize(options->buffers);
  poller_ = std::move(poller);
  stopper_ = state.stoppers.insert(state.stoppers.end(), [this] { poller_.reset(); });
}

PollerObject::~PollerObject() {
  *self_ = nullptr;
  end();
}

void PollerObject::end() {
  if (!poller_) return;
  state_of(Env()).stoppers.erase(stopper_);
  poller_.reset();
}

bool PollerObject::is_open(Napi::Env env) {
  if (poller_ && closing_.empty()) return true;
  to_js(env, Status::failed(EBADF, "DiagPoller", "process", "closed").error()).ThrowAsJavaScriptException();
  return false;
}

void PollerObject::hand_over(Napi::Env env, uint32_t buffer, uint32_t rows) {
  // Nobody waits for rows of a poller that was closed.
  if (!poller_ || !closing_.empty()) return;
  if (arrays_[buffer].IsEmpty()) {
    const auto& memory = poller_->buffers().rows_of(buffer);
    const auto forget = [](Napi::Env, void*, std::shared_ptr<diag::Row[]>* share) { delete share; };
    const Napi::ArrayBuffer array =
        Napi::ArrayBuffer::New(env, memory.get(), poller_->buffers().rows() * sizeof(diag::Row), forget,
                               new std::shared_ptr<diag::Row[]>(memory));
    arrays_[buffer] = Napi::Persistent(array);
  }
  call_user(env, on_rows_.Value(),
            {arrays_[buffer].Value(), Napi::Number::New(env, rows), Napi::Number::New(env, buffer)});
}

Napi::Value PollerObject::add(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  if (!is_open(env)) return env.Undefined();
  const auto fd = info.Length() >= 1 ? whole_number(info[0], 0, INT32_MAX) : std::nullopt;
  uint64_t cookie = 0;
  bool exact = true;
  if (info.Length() == 2 && info[1].IsBigInt()) cookie = info[1].As<Napi::BigInt>().Uint64Value(&exact);
  if (!fd || !exact || (info.Length() == 2 && !info[1].IsBigInt() && !info[1].IsUndefined())) {
    throw_argument(env, "add(fd: number, cookie?: bigint)");
    return env.Undefined();
  }
  const Settler settler(env, mailbox_);
  // A duplicate: the caller may close its own at once.
  auto own = std::make_shared<UniqueFd>(sys::call([&] { return ::fcntl(static_cast<int>(*fd), F_DUPFD_CLOEXEC, 0); }));
  if (!*own) {
    settler.reject(Status::from_errno("add", "descriptor " + std::to_string(*fd)).take_error());
    return settler.promise();
  }
  hold();
  diag::Add command{std::move(own), nullptr, cookie, [settler, self = self_, mailbox = mailbox_](auto added) {
                      mailbox->post([self](Napi::Env) {
                        if (*self) (*self)->let_go();
                      });
                      if (!added) return settler.reject(added.take_status().take_error());
                      settler.resolve([added = *added](Napi::Env to) {
                        const Napi::Object result = Napi::Object::New(to);
                        result.Set("slot", Napi::Number::New(to, added.slot));
                        result.Set("identity", identity_to_js(to, added.identity));
                        return Napi::Value(result);
                      });
                    }};
  poller_->post(std::move(command));
  return settler.promise();
}

void PollerObject::remove(const Napi::CallbackInfo& info) {
  if (!is_open(info.Env())) return;
  const auto slot = info.Length() == 1 ? whole_number(info[0], 1, UINT32_MAX) : std::nullopt;
  if (!slot) return throw_argument(info.Env(), "remove(slot: number)");
  poller_->post(diag::Remove{static_cast<uint32_t>(*slot)});
}

void PollerObject::set_filter(const Napi::CallbackInfo& info) {
  if (!is_open(info.Env())) return;
  constexpr const char* kUsage = "setFilter(states: number of bits 1 to 12, ports: at most 64 of 1 to 65535)";
  const auto states = info.Length() == 2 ? whole_number(info[0], 1, diag::kStatesAll) : std::nullopt;
  if (!states || (*states & ~uint64_t{diag::kStatesAll}) != 0 || !info[1].IsArray())
    return throw_argument(info.Env(), kUsage);
  const auto list = info[1].As<Napi::Array>();
  if (list.Length() > diag::kPortsMax) return throw_argument(info.Env(), kUsage);
  diag::Filter filter{static_cast<uint32_t>(*states), {}};
  for (uint32_t i = 0; i < list.Length(); ++i) {
    const auto port = whole_number(list.Get(i), 1, UINT16_MAX);
    if (!port) return throw_argument(info.Env(), kUsage);
    filter.ports.push_back(static_cast<uint16_t>(*port));
  }
  poller_->post(std::move(filter));
}

Napi::Value PollerObject::poll(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  if (!is_open(env)) return env.Undefined();
  const auto number = info.Length() >= 1 ? whole_number(info[0], 0, UINT32_MAX) : std::nullopt;
  std::optional<std::vector<uint32_t>> slots;
  const bool some = info.Length() == 2 && !info[1].IsUndefined();
  if (some) slots = read_slots(info[1]);
  if (!number || (some && !slots)) {
    throw_argument(env, "poll(number: uint32, slots?: number[])");
    return env.Undefined();
  }
  const Settler settler(env, mailbox_);
  hold();
  diag::Poll command{
      static_cast<uint32_t>(*number), std::move(slots), [settler, self = self_, mailbox = mailbox_](auto outcomes) {
        mailbox->post([self](Napi::Env) {
          if (*self) (*self)->let_go();
        });
        if (!outcomes) return settler.reject(outcomes.take_status().take_error());
        settler.resolve([outcomes = std::move(*outcomes)](Napi::Env to) { return outcomes_to_js(to, outcomes); });
      }};
  poller_->post(std::move(command));
  return settler.promise();
}

void PollerObject::give_back(const Napi::CallbackInfo& info) {
  const auto buffer = info.Length() == 1 ? whole_number(info[0], 0, diag::kBuffersMax) : std::nullopt;
  if (!buffer) return throw_argument(info.Env(), "giveBack(buffer: number)");
  // After close() there is nothing to give it back to.
  if (poller_ && !poller_->give_back(static_cast<uint32_t>(*buffer)))
    throw_argument(info.Env(), "giveBack: the buffer is not with the reader");
}

void PollerObject::finish(Napi::Env env) {
  end();
  for (const auto& deferred : std::exchange(closing_, {})) {
    deferred.Resolve(env.Undefined());
    let_go();
    mailbox_->release(env);
  }
}

Napi::Value PollerObject::close(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  const auto deferred = Napi::Promise::Deferred::New(env);
  if (!poller_) {
    deferred.Resolve(env.Undefined());
    return deferred.Promise();
  }
  // The thread may be in a long call of the kernel.
  if (closing_.empty()) poller_->post(diag::Stop{});
  closing_.push_back(deferred);
  hold();
  mailbox_->hold(env);
  return deferred.Promise();
}

}  // namespace

void init_diag(Napi::Env env, Napi::Object exports) { exports.Set("DiagPoller", PollerObject::define(env)); }

}  // namespace nslab::binding
