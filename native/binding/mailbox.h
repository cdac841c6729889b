// The way back to the JavaScript thread: closures posted by native threads, run in order, in batches.
#pragma once

#include <napi.h>

#include <functional>
#include <memory>
#include <mutex>
#include <vector>

#include "base/status.h"

namespace nslab::binding {

/** One for an environment. Native threads share it; what comes after close() is dropped. */
class Mailbox : public std::enable_shared_from_this<Mailbox> {
 public:
  using Letter = std::function<void(Napi::Env)>;

  /** Opens it for an environment; null with a pending exception where that fails. */
  static std::shared_ptr<Mailbox> open(Napi::Env env);

  /** From any thread. Letters posted while others wait are run in one call into JavaScript. */
  void post(Letter letter);
  /** On the JavaScript thread, at the environment's end: nothing is run any more. */
  void close();

  /** On the JavaScript thread: while held, the event loop stays alive. Nests. */
  void hold(Napi::Env env);
  void release(Napi::Env env);

 private:
  static void deliver(napi_env env, napi_value, void* context, void*);

  std::mutex mutex_;
  std::vector<Letter> letters_;
  bool closed_ = false;
  napi_threadsafe_function function_ = nullptr;
  int holds_ = 0;
};

/** A promise that a native thread settles. Copies are the same promise; settle it once. */
class Settler {
 public:
  /** On the JavaScript thread. Holds the event loop until it is settled. */
  Settler(Napi::Env env, std::shared_ptr<Mailbox> mailbox);

  [[nodiscard]] Napi::Value promise() const { return state_->deferred.Promise(); }
  /** From any thread; `make` makes the value on the JavaScript thread. */
  void resolve(std::function<Napi::Value(Napi::Env)> make) const;
  void resolve() const;
  void reject(Error error) const;
  /** As the status says. */
  void settle(Status status) const;

 private:
  struct State {
    Napi::Promise::Deferred deferred;
    std::shared_ptr<Mailbox> mailbox;
  };
  void finish(std::function<void(Napi::Env, const Napi::Promise::Deferred&)> how) const;

  std::shared_ptr<State> state_;
};

/** Calls a user's function; what it throws ends as an uncaught exception, as an event listener's would. */
void call_user(Napi::Env env, Napi::Function function, std::initializer_list<napi_value> arguments);

}  // namespace nslab::binding
