// The packet engine for JavaScript: what is asked goes to its lanes at once, and is answered when they have done it.
#include "engine/lanes/engine.h"

#include <napi.h>

#include <functional>
#include <list>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "base/closer.h"
#include "binding/addon.h"
#include "binding/arguments.h"
#include "binding/errors.h"
#include "binding/netns.h"
#include "binding/packet_engine.h"
#include "binding/packet_engine_object.h"
#include "binding/packet_engine_values.h"
#include "engine/lanes/flow.h"

namespace nslab::binding {
namespace {

/** Tells our objects from others of the same shape. Drawn at random once. */
constexpr napi_type_tag kEngineTag = {0x3c1d5e6fa2704b9e, 0x91b7c4d2e85f0a36};

}  // namespace

PacketEngineObject::PacketEngineObject(const Napi::CallbackInfo& info) : ObjectWrap(info) {
  const Napi::Env env = info.Env();
  const bool tells_missed = info.Length() == 3 && info[2].IsFunction();
  if ((info.Length() != 2 && !tells_missed) || !info[0].IsObject() || !info[1].IsFunction()) {
    throw_argument(env, "new PacketEngine(options: object, onFinished: function, onMissed?: function)");
    return;
  }
  auto options = engine_options(info[0].As<Napi::Object>(), base_);
  if (!options) {
    to_js(env, options.error()).ThrowAsJavaScriptException();
    return;
  }
  auto max = MaxMode::make(info[0].As<Napi::Object>());
  if (!max) {
    to_js(env, max.error()).ThrowAsJavaScriptException();
    return;
  }
  max_ = std::move(*max);
  on_finished_ = Napi::Persistent(info[1].As<Napi::Function>());
  if (tells_missed) on_missed_ = Napi::Persistent(info[2].As<Napi::Function>());
  AddonState& state = state_of(env);
  mailbox_ = state.mailbox;
  auto engine = std::make_shared<lanes::PacketEngine>(*options, [self = self_, mailbox = mailbox_] {
    mailbox->post([self](Napi::Env env) {
      if (*self && (*self)->engine_) (*self)->collect(env);
    });
  });
  if (const Status started = engine->start(); !started) {
    to_js(env, started.error()).ThrowAsJavaScriptException();
    return;
  }
  engine_ = std::move(engine);
  lanes_ = engine_->lanes();
  stopper_ = state.stoppers.insert(state.stoppers.end(), [this] {
    max_->stop();
    // Links may share it.
    engine_->stop();
    engine_.reset();
    closer_->wait();
  });
  (void)napi_type_tag_object(env, info.This(), &kEngineTag);
}

PacketEngineObject::~PacketEngineObject() {
  *self_ = nullptr;
  if (engine_) state_of(Env()).stoppers.erase(stopper_);
}

void PacketEngineObject::collect(Napi::Env env) {
  lanes::Outbox outbox = engine_->collect();
  for (lanes::Reply& reply : outbox.replies) answer(env, std::move(reply));
  hold(env);
  if (!outbox.finished.empty()) call_user(env, on_finished_.Value(), {finished_to_js(env, outbox.finished)});
  if (!outbox.missed.empty() && !on_missed_.IsEmpty())
    call_user(env, on_missed_.Value(), {missed_to_js(env, outbox.missed)});
}

void PacketEngineObject::answer(Napi::Env env, lanes::Reply&& reply) {
  const auto found = pending_.find(reply.id);
  if (found == pending_.end()) return;
  if (closing_fds_.erase(reply.id) > 0 && reply.status.ok()) {
    const auto wait = [closer = closer_, self = self_, mailbox = mailbox_, id = reply.id] {
      closer->wait();
      answer_later(mailbox, self, id, {});
    };
    if (Status started = state_of(env).tasks.run(wait); !started) wait();
    return;
  }
  const Napi::Promise::Deferred deferred = found->second;
  pending_.erase(found);
  if (!reply.status.ok()) deferred.Reject(to_js(env, reply.status.error()).Value());
  else if (reply.counts) {
    Napi::Object counts = counts_to_js(env, *reply.counts);
    max_->count(counts);
    deferred.Resolve(counts);
  } else deferred.Resolve(env.Undefined());
}

void PacketEngineObject::answer_later(const std::shared_ptr<Mailbox>& mailbox,
                                      std::shared_ptr<PacketEngineObject*> self, uint64_t id, Status status) {
  mailbox->post([self = std::move(self), id, shared = std::make_shared<Status>(std::move(status))](Napi::Env env) {
    if (!*self) return;
    (*self)->answer(env, {id, std::move(*shared), nullptr});
    (*self)->hold(env);
  });
}

void PacketEngineObject::finish(Napi::Env env) {
  // Empty where the environment's end came first.
  if (engine_) state_of(env).stoppers.erase(stopper_);
  engine_.reset();
  for (const auto& [id, deferred] : std::exchange(pending_, {})) deferred.Reject(to_js(env, ended().error()).Value());
  for (const Napi::Promise::Deferred& deferred : std::exchange(closing_, {})) deferred.Resolve(env.Undefined());
  hold(env);
}

void PacketEngineObject::hold(Napi::Env env) {
  const bool needed = !pending_.empty() || !closing_.empty();
  if (needed == held_) return;
  held_ = needed;
  if (needed) {
    Ref();
    mailbox_->hold(env);
  } else {
    mailbox_->release(env);
    Unref();
  }
}

Napi::Value PacketEngineObject::rejected(Napi::Env env, Status status) {
  const auto deferred = Napi::Promise::Deferred::New(env);
  deferred.Reject(to_js(env, status.error()).Value());
  return deferred.Promise();
}

Napi::Value PacketEngineObject::await(Napi::Env env, uint64_t& id) {
  id = ++last_reply_;
  const auto deferred = Napi::Promise::Deferred::New(env);
  pending_.emplace(id, deferred);
  hold(env);
  return deferred.Promise();
}

Napi::Value PacketEngineObject::ask(Napi::Env env, lanes::Command command) {
  if (!engine_ || stopping_) return rejected(env, ended());
  uint64_t id = 0;
  const Napi::Value promise = await(env, id);
  engine_->post(std::move(command), id);
  return promise;
}

Result<uint32_t> PacketEngineObject::node_id(Napi::Value value, const char* operation) {
  const auto id = whole_number(value, 1, UINT32_MAX);
  if (!id) return Status::failed(EINVAL, operation, "packet engine", "a node's id is a whole number from 1");
  return static_cast<uint32_t>(*id);
}

Napi::Value PacketEngineObject::set_link(const Napi::CallbackInfo& info) {
  const auto node = node_id(info[0], "setLink nodeId"), peer = node_id(info[1], "setLink peerId");
  if (!node) return rejected(info.Env(), Status(node.error()));
  if (!peer) return rejected(info.Env(), Status(peer.error()));
  auto setting = link_setting(info[2], "setLink");
  if (!setting) return rejected(info.Env(), setting.take_status());
  return ask(info.Env(), lanes::SetLink{*node, *peer, setting->setting, setting->seed});
}

Napi::Value PacketEngineObject::set_links(const Napi::CallbackInfo& info) {
  auto setting = link_setting(info[0], "setLinks");
  if (!setting) return rejected(info.Env(), setting.take_status());
  return ask(info.Env(), lanes::SetDefault{setting->setting});
}

Napi::Value PacketEngineObject::change_routes(const Napi::CallbackInfo& info) {
  const auto node = node_id(info[0], "changeRoutes nodeId");
  if (!node) return rejected(info.Env(), Status(node.error()));
  auto changes = route_changes(info[1]);
  if (!changes) return rejected(info.Env(), changes.take_status());
  return ask(info.Env(), lanes::ChangeRoutes{*node, std::move(*changes)});
}

Napi::Value PacketEngineObject::start_flow(const Napi::CallbackInfo& info) {
  const auto node = node_id(info[0], "startFlow nodeId");
  if (!node) return rejected(info.Env(), Status(node.error()));
  auto flow = flow_setting(info[1], base_);
  if (!flow) return rejected(info.Env(), flow.take_status());
  return ask(info.Env(), lanes::StartFlow{*node, *flow});
}

Napi::Value PacketEngineObject::start_transfer(const Napi::CallbackInfo& info) {
  const auto node = node_id(info[0], "startTransfer nodeId");
  if (!node) return rejected(info.Env(), Status(node.error()));
  auto command = transfer_command(info[1], *node, base_);
  if (!command) return rejected(info.Env(), command.take_status());
  return ask(info.Env(), std::move(*command));
}

Napi::Value PacketEngineObject::stop_flow(const Napi::CallbackInfo& info) {
  const auto node = node_id(info[0], "stopFlow nodeId");
  if (!node) return rejected(info.Env(), Status(node.error()));
  const auto flow = whole_number(info[1], 0, lanes::kFlowMax);
  if (!flow) return rejected(info.Env(), Status::failed(EINVAL, "stopFlow flow", "packet engine"));
  return ask(info.Env(), lanes::StopFlow{*node, static_cast<uint32_t>(*flow)});
}

Napi::Value PacketEngineObject::stop_sources(const Napi::CallbackInfo& info) {
  return ask(info.Env(), lanes::StopSources{});
}

Napi::Value PacketEngineObject::attach_tun(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  const auto node = node_id(info[0], "attachTun nodeId");
  if (!node) return rejected(env, Status(node.error()));
  SharedNetns netns = netns_of(info[1]);
  if (!netns) return env.Undefined();
  auto request = tun_request(info[2], *node);
  if (!request) return rejected(env, request.take_status());
  if (!engine_ || stopping_) return rejected(env, ended());
  uint64_t id = 0;
  const Napi::Value promise = await(env, id);
  // Node.js threads don't change namespace; the opener does.
  const auto make = [engine = engine_, closer = closer_, self = self_, mailbox = mailbox_, netns = std::move(netns),
                     request = std::move(*request), node = *node, id] {
    auto fd = tun::make(*netns, request.link, "node " + std::to_string(node));
    if (!fd) return answer_later(mailbox, self, id, fd.take_status());
    // Whoever lets go of it last does not wait.
    const SharedFd shared(new UniqueFd(std::move(*fd)), [closer](const UniqueFd* last) {
      const std::unique_ptr<UniqueFd> owned(const_cast<UniqueFd*>(last));
      closer->close(std::move(*owned));
    });
    engine->post(lanes::AttachTun{node, shared, request.base, request.nodes_max, request.link.offloads}, id);
  };
  if (Status posted = state_of(env).opener.post(make); !posted) {
    answer(env, {id, std::move(posted), nullptr});
    hold(env);
  }
  return promise;
}

Napi::Value PacketEngineObject::detach_tun(const Napi::CallbackInfo& info) {
  const auto node = node_id(info[0], "detachTun nodeId");
  if (!node) return rejected(info.Env(), Status(node.error()));
  // Answered when the interface is gone.
  closing_fds_.insert(last_reply_ + 1);
  return ask(info.Env(), lanes::DetachTun{*node});
}

Napi::Value PacketEngineObject::capture(const Napi::CallbackInfo& info) {
  auto command = capture_command(info);
  if (!command) return rejected(info.Env(), command.take_status());
  return ask(info.Env(), std::move(*command));
}

Napi::Value PacketEngineObject::count(const Napi::CallbackInfo& info) {
  return ask(info.Env(), lanes::Count{info[0].IsBoolean() && info[0].As<Napi::Boolean>().Value()});
}

Napi::Value PacketEngineObject::lanes_of(const Napi::CallbackInfo& info) {
  return Napi::Number::New(info.Env(), lanes_);
}

Napi::Value PacketEngineObject::close(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  const auto deferred = Napi::Promise::Deferred::New(env);
  if (!engine_) {
    deferred.Resolve(env.Undefined());
    return deferred.Promise();
  }
  closing_.push_back(deferred);
  hold(env);
  if (std::exchange(stopping_, true)) return deferred.Promise();
  // It waits for threads: not here.
  const auto end = [engine = engine_, max = max_, closer = closer_, self = self_, mailbox = mailbox_] {
    max->stop();
    engine->stop();
    closer->wait();
    mailbox->post([self](Napi::Env to) {
      if (*self) (*self)->finish(to);
    });
  };
  if (Status started = state_of(env).tasks.run(end); !started) end();
  return deferred.Promise();
}

std::shared_ptr<lanes::PacketEngine> engine_of(Napi::Value value) {
  bool ours = false;
  if (value.IsObject()) (void)napi_check_object_type_tag(value.Env(), value, &kEngineTag, &ours);
  auto engine = ours ? PacketEngineObject::Unwrap(value.As<Napi::Object>())->share() : nullptr;
  if (!engine) throw_argument(value.Env(), ours ? "the PacketEngine was closed" : "a PacketEngine is wanted");
  return engine;
}

void init_packet_engine(Napi::Env env, Napi::Object exports) {
  exports.Set("PacketEngine", PacketEngineObject::define(env));
}

}  // namespace nslab::binding
