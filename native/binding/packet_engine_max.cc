#include "binding/packet_engine_max.h"

#include <algorithm>

#include "binding/arguments.h"
#include "binding/errors.h"
#include "binding/fields.h"
#include "binding/packet_engine_object.h"

namespace nslab::binding {
namespace {

using engine::max::MaxStreams;

constexpr const char* kWhere = "packet engine";

}  // namespace

Result<std::unique_ptr<MaxMode>> MaxMode::make(Napi::Object options) {
  Fields fields(options, "PacketEngine", kWhere);
  auto made = std::make_unique<MaxMode>();
  made->silence_ms_ = fields.whole32("silenceMs", kSilenceMsMin, INT32_MAX, engine::kSilenceMs);
  if (fields.has("runId")) {
    const Napi::Value value = fields.get("runId");
    const bool is_id = value.IsTypedArray() && value.As<Napi::TypedArray>().TypedArrayType() == napi_uint8_array &&
                       value.As<Napi::Uint8Array>().ByteLength() == 16;
    if (!is_id) fields.fail("runId", "a Uint8Array of 16 bytes is wanted");
    else std::copy_n(value.As<Napi::Uint8Array>().Data(), 16, made->run_id_.emplace().begin());
  }
  if (!fields.ok()) return fields.take_status();
  return made;
}

Result<MaxStreams*> MaxMode::open(const std::shared_ptr<engine::lanes::PacketEngine>& engine,
                                  const std::shared_ptr<netns::SwitchLog>& log) {
  if (streams_) return streams_.get();
  if (!run_id_) return Status::failed(EINVAL, "serveMax", kWhere, "the engine was made without a runId");
  auto streams = std::make_unique<MaxStreams>(*run_id_, engine, log, silence_ms_);
  if (Status started = streams->start(); !started) return started;
  streams_ = std::move(streams);
  return streams_.get();
}

void MaxMode::stop() {
  if (streams_) streams_->stop();
}

void MaxMode::count(Napi::Object counts) const {
  const Napi::Env env = counts.Env();
  Napi::Object to = Napi::Object::New(env);
  const auto set = [&](const char* name, const std::atomic<uint64_t> engine::max::Counters::*counter) {
    const uint64_t value = streams_ ? (streams_->counters().*counter).load(std::memory_order_relaxed) : 0;
    to.Set(name, Napi::Number::New(env, static_cast<double>(value)));
  };
  set("opened", &engine::max::Counters::opened);
  set("failed", &engine::max::Counters::failed);
  set("refused", &engine::max::Counters::refused);
  set("relayed", &engine::max::Counters::relayed);
  set("broken", &engine::max::Counters::broken);
  set("relays", &engine::max::Counters::relays);
  counts.Set("max", to);
}

Result<netns::Endpoint> max_endpoint(Napi::Value address, Napi::Value port, const char* operation) {
  const auto dotted = ipv4(address);
  if (!dotted)
    return Status::failed(EINVAL, std::string(operation) + " address", kWhere, "a dotted IPv4 address is wanted");
  const auto number = whole_number(port, 1, UINT16_MAX);
  if (!number) return Status::failed(EINVAL, std::string(operation) + " port", kWhere, "a port is wanted");
  return netns::Endpoint{*dotted, static_cast<uint16_t>(*number)};
}

Napi::Value PacketEngineObject::serve_max(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  const auto node = node_id(info[0], "serveMax nodeId");
  if (!node) return rejected(env, Status(node.error()));
  SharedNetns netns = netns_of(info[1]);
  if (!netns) return env.Undefined();
  const auto at = max_endpoint(info[2], info[3], "serveMax");
  if (!at) return rejected(env, Status(at.error()));
  if (!engine_ || stopping_) return rejected(env, ended());
  const auto streams = max_->open(engine_, state_of(env).switch_log);
  if (!streams) return rejected(env, Status(streams.error()));
  uint64_t id = 0;
  const Napi::Value promise = await(env, id);
  (*streams)->serve(*node, std::move(netns), *at, [self = self_, mailbox = mailbox_, id](Status status) {
    answer_later(mailbox, self, id, std::move(status));
  });
  return promise;
}

Napi::Value PacketEngineObject::set_max_peer(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  const auto node = node_id(info[0], "setMaxPeer nodeId"), peer = node_id(info[1], "setMaxPeer peerId");
  if (!node) return rejected(env, Status(node.error()));
  if (!peer) return rejected(env, Status(peer.error()));
  netns::Endpoint at;
  if (!info[2].IsNull()) {
    const auto read = max_endpoint(info[2], info[3], "setMaxPeer");
    if (!read) return rejected(env, Status(read.error()));
    at = *read;
  }
  if (!engine_ || stopping_) return rejected(env, ended());
  if (!max_->streams())
    return rejected(env, Status::failed(ENOENT, "setMaxPeer", "node " + std::to_string(*node), "it has no server"));
  uint64_t id = 0;
  const Napi::Value promise = await(env, id);
  max_->streams()->set_peer(*node, *peer, at, id);
  return promise;
}

void PacketEngineObject::stop_max(const Napi::CallbackInfo& info) {
  const auto node = whole_number(info[0], 1, UINT32_MAX);
  if (!node) return throw_argument(info.Env(), "stopMax(nodeId: number)");
  if (engine_ && !stopping_ && max_->streams()) max_->streams()->remove_node(static_cast<uint32_t>(*node));
}

}  // namespace nslab::binding
