// Links for JavaScript: commands go in as they come, events and answers come out in batches, one call at a time.
#include <napi.h>

#include <algorithm>
#include <functional>
#include <list>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "binding/addon.h"
#include "binding/arguments.h"
#include "binding/errors.h"
#include "binding/link_values.h"
#include "binding/netns.h"
#include "binding/packet_engine.h"
#include "engine/links.h"

namespace nslab::binding {
namespace {

std::optional<uint32_t> node_id(Napi::Value value) {
  const auto id = whole_number(value, 1, UINT32_MAX);
  return id ? std::optional(static_cast<uint32_t>(*id)) : std::nullopt;
}

std::optional<std::vector<uint32_t>> node_ids(Napi::Value value) {
  if (!value.IsArray()) return {};
  const auto list = value.As<Napi::Array>();
  std::vector<uint32_t> ids(list.Length());
  for (uint32_t i = 0; i < ids.size(); i++) {
    const auto id = node_id(list.Get(i));
    if (!id) return {};
    ids[i] = *id;
  }
  return ids;
}

std::optional<netns::Endpoint> endpoint(Napi::Value address, Napi::Value port) {
  const auto number = whole_number(port, 1, UINT16_MAX);
  const auto dotted = ipv4(address);
  if (!number || !dotted) return {};
  return netns::Endpoint{*dotted, static_cast<uint16_t>(*number)};
}

std::optional<engine::Transport> transport_of(Napi::Value value) {
  const std::string name = value.IsString() ? value.As<Napi::String>().Utf8Value() : "";
  if (name == "tcp") return engine::Transport::tcp;
  if (name == "udp") return engine::Transport::udp;
  return {};
}

class LinksObject : public Napi::ObjectWrap<LinksObject> {
 public:
  static Napi::Function define(Napi::Env env) {
    return DefineClass(env, "Links",
                       {
                           InstanceMethod<&LinksObject::add_node>("addNode"),
                           InstanceMethod<&LinksObject::set_peers>("setPeers"),
                           InstanceMethod<&LinksObject::dial>("dial"),
                           InstanceMethod<&LinksObject::cancel_dial>("cancelDial"),
                           InstanceMethod<&LinksObject::remove_node>("removeNode"),
                           InstanceMethod<&LinksObject::send_token>("sendToken"),
                           InstanceMethod<&LinksObject::list>("list"),
                           InstanceAccessor<&LinksObject::ends_up>("endsUp"),
                           InstanceMethod<&LinksObject::close>("close"),
                       });
  }

  explicit LinksObject(const Napi::CallbackInfo& info);
  ~LinksObject() override;

 private:
  Napi::Value add_node(const Napi::CallbackInfo& info);
  void set_peers(const Napi::CallbackInfo& info);
  void dial(const Napi::CallbackInfo& info);
  void cancel_dial(const Napi::CallbackInfo& info);
  void remove_node(const Napi::CallbackInfo& info);
  void send_token(const Napi::CallbackInfo& info);
  Napi::Value list(const Napi::CallbackInfo& info);
  Napi::Value ends_up(const Napi::CallbackInfo& info);
  Napi::Value close(const Napi::CallbackInfo& info);

  void collect(Napi::Env env);
  void finish(Napi::Env env);
  /** Like a server that listens, an engine with nodes keeps itself and the event loop alive. */
  void hold(Napi::Env env);
  /** False, with a pending exception, after close(). */
  bool is_open(Napi::Env env);

  struct Pending {
    uint32_t node;
    Napi::Promise::Deferred deferred;
  };

  std::unique_ptr<engine::Links> engine_;
  /** The PacketEngine, if there is one: it goes on as long as this does. */
  Napi::ObjectReference packets_;
  std::shared_ptr<Mailbox> mailbox_;
  /** For letters, which may come after the object: null then. Read and written on the JavaScript thread. */
  std::shared_ptr<LinksObject*> self_ = std::make_shared<LinksObject*>(this);
  /** How the environment's end ends the engine; in place while there is one. */
  std::list<std::function<void()>>::iterator stopper_;
  Napi::FunctionReference on_events_;
  std::map<uint64_t, Pending> pending_;
  std::map<uint64_t, Napi::Promise::Deferred> listing_;
  uint64_t last_reply_ = 0;
  /** Nodes added and not removed, with the reply that tells whether they came to be. */
  std::map<uint32_t, uint64_t> nodes_;
  std::vector<Napi::Promise::Deferred> closing_;
  bool stopping_ = false;
  bool held_ = false;
};

LinksObject::LinksObject(const Napi::CallbackInfo& info) : ObjectWrap(info) {
  const Napi::Env env = info.Env();
  const auto silence_ms = info[2].IsUndefined() ? std::optional<uint64_t>(engine::kSilenceMs)
                                                : whole_number(info[2], kSilenceMsMin, INT32_MAX);
  const auto transport = info[4].IsUndefined() ? std::optional(engine::Transport::tcp) : transport_of(info[4]);
  if (info.Length() < 2 || !silence_ms || !transport || !info[0].IsTypedArray() ||
      info[0].As<Napi::TypedArray>().TypedArrayType() != napi_uint8_array ||
      info[0].As<Napi::Uint8Array>().ByteLength() != 16 || !info[1].IsFunction()) {
    throw_argument(env,
                   "new Links(runId: Uint8Array of 16 bytes, onEvents: function, silenceMs?: number from 2000, "
                   "engine?: PacketEngine, transport?: 'tcp' | 'udp')");
    return;
  }
  engine::RunId run_id;
  std::copy_n(info[0].As<Napi::Uint8Array>().Data(), run_id.size(), run_id.begin());
  on_events_ = Napi::Persistent(info[1].As<Napi::Function>());

  std::shared_ptr<engine::lanes::PacketEngine> packets;
  if (!info[3].IsUndefined()) {
    packets = engine_of(info[3]);
    if (!packets) return;
    packets_ = Napi::Persistent(info[3].As<Napi::Object>());
  }

  AddonState& state = state_of(env);
  mailbox_ = state.mailbox;
  const auto tell = [self = self_, mailbox = mailbox_] {
    mailbox->post([self](Napi::Env env) {
      if (*self && (*self)->engine_) (*self)->collect(env);
    });
  };
  auto engine =
      std::make_unique<engine::Links>(run_id, state.switch_log, tell, static_cast<uint32_t>(*silence_ms), *transport);
  if (packets) engine->hand_over_to(std::move(packets));
  if (const Status started = engine->start(); !started) {
    to_js(env, started.error()).ThrowAsJavaScriptException();
    return;
  }
  engine_ = std::move(engine);
  stopper_ = state.stoppers.insert(state.stoppers.end(), [this] { engine_.reset(); });
}

LinksObject::~LinksObject() {
  *self_ = nullptr;
  if (engine_) state_of(Env()).stoppers.erase(stopper_);
}

void LinksObject::collect(Napi::Env env) {
  // Held while it works, since its last node's end makes it collectable. Empty where it has been collected already.
  const Napi::Object held = Value();
  if (held.IsEmpty()) return;
  engine::Outbox outbox = engine_->collect();
  for (const engine::Reply& reply : outbox.replies) {
    const auto found = pending_.find(reply.id);
    if (found == pending_.end()) continue;
    const Pending pending = found->second;
    pending_.erase(found);
    if (reply.status.ok()) {
      pending.deferred.Resolve(env.Undefined());
    } else {
      // Unless the id has been removed and added again meanwhile.
      const auto node = nodes_.find(pending.node);
      if (node != nodes_.end() && node->second == reply.id) nodes_.erase(node);
      pending.deferred.Reject(to_js(env, reply.status.error()).Value());
    }
  }
  for (const engine::Listing& listing : outbox.listings) {
    const auto found = listing_.find(listing.id);
    if (found == listing_.end()) continue;
    const Napi::Promise::Deferred deferred = found->second;
    listing_.erase(found);
    deferred.Resolve(ends_to_js(env, listing.ends));
  }
  if (outbox.ended) finish(env);
  else hold(env);
  if (outbox.events.empty()) return;
  call_user(env, on_events_.Value(), {events_to_js(env, outbox.events)});
}

void LinksObject::finish(Napi::Env env) {
  state_of(env).stoppers.erase(stopper_);
  engine_.reset();
  packets_.Reset();
  nodes_.clear();
  hold(env);
  for (const auto& [id, pending] : std::exchange(pending_, {})) {
    const Status closed = Status::failed(ECANCELED, "addNode", "node " + std::to_string(pending.node));
    pending.deferred.Reject(to_js(env, closed.error()).Value());
  }
  for (const auto& [id, deferred] : std::exchange(listing_, {}))
    deferred.Reject(to_js(env, Status::failed(ECANCELED, "list", "links").error()).Value());
  for (const Napi::Promise::Deferred& deferred : std::exchange(closing_, {})) deferred.Resolve(env.Undefined());
}

void LinksObject::hold(Napi::Env env) {
  const bool needed = engine_ && (!nodes_.empty() || !pending_.empty() || !listing_.empty() || stopping_);
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

bool LinksObject::is_open(Napi::Env env) {
  if (engine_ && !stopping_) return true;
  to_js(env, Status::failed(EBADF, "Links", "process", "closed").error()).ThrowAsJavaScriptException();
  return false;
}

Napi::Value LinksObject::add_node(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  const auto bad = [&](const char* what) {
    throw_argument(env, what);
    return env.Undefined();
  };
  if (!is_open(env)) return env.Undefined();
  if (info.Length() != 1 || !info[0].IsObject()) return bad("addNode(node: object)");
  const auto node = info[0].As<Napi::Object>();
  const auto id = node_id(node.Get("nodeId"));
  if (!id) return bad("addNode: nodeId is a whole number from 1");
  const auto at = endpoint(node.Get("address"), node.Get("port"));
  if (!at) return bad("addNode: address and port are no IPv4 endpoint");
  const auto incarnation = whole_number(node.Get("incarnation"), 0, (uint64_t{1} << 53) - 1);
  if (!incarnation) return bad("addNode: incarnation is a whole number from 0");
  auto peers = node_ids(node.Get("peers"));
  if (!peers) return bad("addNode: peers is a list of node ids");
  SharedNetns netns = netns_of(node.Get("netns"));
  if (!netns) return env.Undefined();

  const uint64_t reply = ++last_reply_;
  const auto deferred = Napi::Promise::Deferred::New(env);
  // Refused by the engine too, but then the failure must not take the first one out of nodes_.
  if (!nodes_.emplace(*id, reply).second) {
    deferred.Reject(to_js(env, Status::failed(EEXIST, "addNode", "node " + std::to_string(*id)).error()).Value());
    return deferred.Promise();
  }
  pending_.emplace(reply, Pending{*id, deferred});
  engine_->post(engine::AddNode{reply, *id, std::move(netns), *at, *incarnation, std::move(*peers)});
  hold(env);
  return deferred.Promise();
}

void LinksObject::set_peers(const Napi::CallbackInfo& info) {
  if (!is_open(info.Env())) return;
  const auto node = node_id(info[0]);
  auto peers = node_ids(info[1]);
  if (!node || !peers) return throw_argument(info.Env(), "setPeers(nodeId: number, peers: number[])");
  engine_->post(engine::SetPeers{*node, std::move(*peers)});
}

void LinksObject::dial(const Napi::CallbackInfo& info) {
  if (!is_open(info.Env())) return;
  const auto node = node_id(info[0]), peer = node_id(info[1]);
  const auto to = endpoint(info[2], info[3]);
  if (!node || !peer || *node == *peer || !to)
    return throw_argument(info.Env(), "dial(nodeId: number, peerId: another number, address: string, port: number)");
  engine_->post(engine::Dial{*node, *peer, *to});
}

void LinksObject::cancel_dial(const Napi::CallbackInfo& info) {
  if (!is_open(info.Env())) return;
  const auto node = node_id(info[0]), peer = node_id(info[1]);
  if (!node || !peer) return throw_argument(info.Env(), "cancelDial(nodeId: number, peerId: number)");
  engine_->post(engine::CancelDial{*node, *peer});
}

void LinksObject::remove_node(const Napi::CallbackInfo& info) {
  if (!is_open(info.Env())) return;
  const auto node = node_id(info[0]);
  if (!node) return throw_argument(info.Env(), "removeNode(nodeId: number)");
  engine_->post(engine::RemoveNode{*node});
  nodes_.erase(*node);
  hold(info.Env());
}

void LinksObject::send_token(const Napi::CallbackInfo& info) {
  if (!is_open(info.Env())) return;
  const auto node = node_id(info[0]), peer = node_id(info[1]);
  const auto walk = whole_number(info[2], 0, UINT32_MAX), hops = whole_number(info[3], 0, UINT32_MAX);
  if (!node || !peer || !walk || !hops)
    return throw_argument(info.Env(), "sendToken(nodeId: number, peerId: number, walk: uint32, hops: uint32)");
  engine_->post(engine::SendToken{*node, *peer, static_cast<uint32_t>(*walk), static_cast<uint32_t>(*hops)});
}

Napi::Value LinksObject::list(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  if (!is_open(env)) return env.Undefined();
  const auto deferred = Napi::Promise::Deferred::New(env);
  const uint64_t id = ++last_reply_;
  listing_.emplace(id, deferred);
  engine_->post(engine::List{id});
  hold(env);
  return deferred.Promise();
}

Napi::Value LinksObject::ends_up(const Napi::CallbackInfo& info) {
  return Napi::Number::New(info.Env(), engine_ ? engine_->ends_up() : 0);
}

Napi::Value LinksObject::close(const Napi::CallbackInfo& info) {
  const auto deferred = Napi::Promise::Deferred::New(info.Env());
  if (!engine_) {
    deferred.Resolve(info.Env().Undefined());
    return deferred.Promise();
  }
  closing_.push_back(deferred);
  if (!std::exchange(stopping_, true)) engine_->post(engine::Stop{});
  hold(info.Env());
  return deferred.Promise();
}

}  // namespace

void init_links(Napi::Env env, Napi::Object exports) { exports.Set("Links", LinksObject::define(env)); }

}  // namespace nslab::binding
