// Letters to the JavaScript thread.
#include "binding/mailbox.h"

#include <utility>

#include "binding/errors.h"

namespace nslab::binding {

std::shared_ptr<Mailbox> Mailbox::open(Napi::Env env) {
  auto mailbox = std::make_shared<Mailbox>();
  // The function's context owns a share, for calls that are on their way when the environment ends.
  auto* share = new std::shared_ptr<Mailbox>(mailbox);
  const auto forget = [](napi_env, void* data, void*) { delete static_cast<std::shared_ptr<Mailbox>*>(data); };
  if (napi_create_threadsafe_function(env, nullptr, nullptr, Napi::String::New(env, "nslab.mailbox"), 0, 1, share,
                                      forget, share, deliver, &mailbox->function_) != napi_ok) {
    delete share;
    Napi::Error::New(env, "nslab: the environment takes no more thread-safe functions").ThrowAsJavaScriptException();
    return nullptr;
  }
  (void)napi_unref_threadsafe_function(env, mailbox->function_);
  return mailbox;
}

void Mailbox::post(Letter letter) {
  const std::lock_guard lock(mutex_);
  if (closed_) return;
  letters_.push_back(std::move(letter));
  // Under the lock: after close() the function may be gone. Non-blocking on an unbounded queue, it never waits.
  if (letters_.size() == 1) (void)napi_call_threadsafe_function(function_, nullptr, napi_tsfn_nonblocking);
}

void Mailbox::close() {
  std::vector<Letter> dropped;
  const std::lock_guard lock(mutex_);
  closed_ = true;
  dropped.swap(letters_);
}

void Mailbox::hold(Napi::Env env) {
  if (++holds_ == 1) (void)napi_ref_threadsafe_function(env, function_);
}

void Mailbox::release(Napi::Env env) {
  if (--holds_ == 0) (void)napi_unref_threadsafe_function(env, function_);
}

namespace {

/**
 * False while an environment ends: its loop turns once more, with calls that were on their way, but JavaScript can't
 * run, and node-addon-api ends the process where a call fails then. There is no question for it: any call that could
 * run some tells.
 */
bool can_run_javascript(Napi::Env env) {
  const Napi::HandleScope scope(env);
  napi_value global = nullptr;
  bool found = false;
  return napi_get_global(env, &global) == napi_ok && napi_has_named_property(env, global, "Object", &found) == napi_ok;
}

}  // namespace

void Mailbox::deliver(napi_env env, napi_value, void* context, void*) {
  // No environment, or one that is ending: the letters are dropped with the mailbox.
  if (env == nullptr || !can_run_javascript(env)) return;
  const std::shared_ptr<Mailbox> mailbox = *static_cast<std::shared_ptr<Mailbox>*>(context);
  std::vector<Letter> letters;
  {
    const std::lock_guard lock(mailbox->mutex_);
    letters.swap(mailbox->letters_);
  }
  for (Letter& letter : letters) {
    const Napi::HandleScope scope(env);
    letter(Napi::Env(env));
  }
}

Settler::Settler(Napi::Env env, std::shared_ptr<Mailbox> mailbox)
    : state_(std::make_shared<State>(State{Napi::Promise::Deferred::New(env), std::move(mailbox)})) {
  state_->mailbox->hold(env);
}

void Settler::finish(std::function<void(Napi::Env, const Napi::Promise::Deferred&)> how) const {
  state_->mailbox->post([state = state_, how = std::move(how)](Napi::Env env) {
    how(env, state->deferred);
    state->mailbox->release(env);
  });
}

void Settler::resolve(std::function<Napi::Value(Napi::Env)> make) const {
  finish([make = std::move(make)](Napi::Env env, const Napi::Promise::Deferred& deferred) {
    deferred.Resolve(make(env));
  });
}

void Settler::resolve() const {
  resolve([](Napi::Env env) { return env.Undefined(); });
}

void Settler::reject(Error error) const {
  finish([error = std::move(error)](Napi::Env env, const Napi::Promise::Deferred& deferred) {
    deferred.Reject(to_js(env, error).Value());
  });
}

void Settler::settle(Status status) const {
  if (status.ok()) resolve();
  else reject(status.take_error());
}

void call_user(Napi::Env env, Napi::Function function, std::initializer_list<napi_value> arguments) {
  // Not Function::Call: it aborts where the function throws null or undefined.
  napi_value result = nullptr;
  (void)napi_call_function(env, env.Undefined(), function, arguments.size(), arguments.begin(), &result);
  bool thrown = false;
  napi_value error = nullptr;
  if (napi_is_exception_pending(env, &thrown) == napi_ok && thrown &&
      napi_get_and_clear_last_exception(env, &error) == napi_ok)
    (void)napi_fatal_exception(env, error);
}

}  // namespace nslab::binding
