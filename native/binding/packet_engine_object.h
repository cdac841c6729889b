// The PacketEngine class of JavaScript (src/native/engine.ts), for the files that define it: packet_engine.cc, and
// packet_engine_max.cc for max mode.
#pragma once

#include <napi.h>

#include <functional>
#include <list>
#include <map>
#include <memory>
#include <set>
#include <vector>

#include "base/closer.h"
#include "binding/addon.h"
#include "binding/packet_engine_max.h"
#include "engine/lanes/engine.h"

namespace nslab::binding {

namespace lanes = engine::lanes;

class PacketEngineObject : public Napi::ObjectWrap<PacketEngineObject> {
 public:
  static Napi::Function define(Napi::Env env) {
    return DefineClass(env, "PacketEngine",
                       {
                           InstanceMethod<&PacketEngineObject::set_link>("setLink"),
                           InstanceMethod<&PacketEngineObject::set_links>("setLinks"),
                           InstanceMethod<&PacketEngineObject::change_routes>("changeRoutes"),
                           InstanceMethod<&PacketEngineObject::start_flow>("startFlow"),
                           InstanceMethod<&PacketEngineObject::start_transfer>("startTransfer"),
                           InstanceMethod<&PacketEngineObject::stop_flow>("stopFlow"),
                           InstanceMethod<&PacketEngineObject::stop_sources>("stopSources"),
                           InstanceMethod<&PacketEngineObject::attach_tun>("attachTun"),
                           InstanceMethod<&PacketEngineObject::detach_tun>("detachTun"),
                           InstanceMethod<&PacketEngineObject::serve_max>("serveMax"),
                           InstanceMethod<&PacketEngineObject::set_max_peer>("setMaxPeer"),
                           InstanceMethod<&PacketEngineObject::stop_max>("stopMax"),
                           InstanceMethod<&PacketEngineObject::capture>("capture"),
                           InstanceMethod<&PacketEngineObject::count>("count"),
                           InstanceAccessor<&PacketEngineObject::lanes_of>("lanes"),
                           InstanceMethod<&PacketEngineObject::close>("close"),
                       });
  }

  explicit PacketEngineObject(const Napi::CallbackInfo& info);
  ~PacketEngineObject() override;

  [[nodiscard]] std::shared_ptr<lanes::PacketEngine> share() const { return stopping_ ? nullptr : engine_; }

 private:
  Napi::Value set_link(const Napi::CallbackInfo& info);
  Napi::Value set_links(const Napi::CallbackInfo& info);
  Napi::Value change_routes(const Napi::CallbackInfo& info);
  Napi::Value start_flow(const Napi::CallbackInfo& info);
  Napi::Value start_transfer(const Napi::CallbackInfo& info);
  Napi::Value stop_flow(const Napi::CallbackInfo& info);
  Napi::Value stop_sources(const Napi::CallbackInfo& info);
  Napi::Value attach_tun(const Napi::CallbackInfo& info);
  Napi::Value detach_tun(const Napi::CallbackInfo& info);
  Napi::Value serve_max(const Napi::CallbackInfo& info);
  Napi::Value set_max_peer(const Napi::CallbackInfo& info);
  void stop_max(const Napi::CallbackInfo& info);
  Napi::Value capture(const Napi::CallbackInfo& info);
  Napi::Value count(const Napi::CallbackInfo& info);
  Napi::Value lanes_of(const Napi::CallbackInfo& info);
  Napi::Value close(const Napi::CallbackInfo& info);

  /** Posts the command; the promise is settled with the lanes' answer. */
  Napi::Value ask(Napi::Env env, lanes::Command command);
  /** A promise that is settled with the answer to `id`. */
  Napi::Value await(Napi::Env env, uint64_t& id);
  /** Settles the promise of `id`, unless it was. */
  void answer(Napi::Env env, lanes::Reply&& reply);
  /** The same from any thread. */
  static void answer_later(const std::shared_ptr<Mailbox>& mailbox, std::shared_ptr<PacketEngineObject*> self,
                           uint64_t id, Status status);
  static Napi::Value rejected(Napi::Env env, Status status);
  static Status ended() { return Status::failed(ECANCELED, "PacketEngine", "packet engine", "it has ended"); }
  /** A node's id, or that it is none. */
  static Result<uint32_t> node_id(Napi::Value value, const char* operation);

  void collect(Napi::Env env);
  void finish(Napi::Env env);
  /** The event loop waits for answers; an engine that only forwards is kept alive by its Links. */
  void hold(Napi::Env env);

  std::shared_ptr<lanes::PacketEngine> engine_;
  std::shared_ptr<MaxMode> max_;
  /** Of TUN interfaces: lanes don't wait for their end. */
  std::shared_ptr<Closer> closer_ = std::make_shared<Closer>();
  std::shared_ptr<Mailbox> mailbox_;
  /** For letters, which may come after the object: null then. Read and written on the JavaScript thread. */
  std::shared_ptr<PacketEngineObject*> self_ = std::make_shared<PacketEngineObject*>(this);
  std::list<std::function<void()>>::iterator stopper_;
  Napi::FunctionReference on_finished_;
  /** Empty where nobody wants to know. */
  Napi::FunctionReference on_missed_;
  std::map<uint64_t, Napi::Promise::Deferred> pending_;
  /** Answers to these wait until what lanes have let go of is closed. */
  std::set<uint64_t> closing_fds_;
  uint64_t last_reply_ = 0;
  uint32_t base_ = 0;
  uint32_t lanes_ = 0;
  std::vector<Napi::Promise::Deferred> closing_;
  bool stopping_ = false;
  bool held_ = false;
};

}  // namespace nslab::binding
