// Uplinks for JavaScript: each call is a task of a native thread of its own, since it may wait for a carrier.
#include "binding/uplink.h"

#include <functional>
#include <utility>

#include "binding/addon.h"
#include "binding/arguments.h"
#include "binding/errors.h"
#include "uplink/uplink.h"

namespace nslab::binding {
namespace {

/** An IPv4 link must carry 68 bytes (RFC 791); veth takes at most 65,535. */
constexpr uint64_t kMtuMin = 68;
constexpr uint64_t kMtuMax = 65535;

std::optional<uint64_t> mtu_of(Napi::Value value) { return whole_number(value, kMtuMin, kMtuMax); }

Napi::Value wrong(const Napi::CallbackInfo& info, const char* what) {
  throw_argument(info.Env(), what);
  return info.Env().Undefined();
}

/** Runs `work` on `where` in a thread of its own. */
Napi::Value start(const Napi::CallbackInfo& info, const char* operation, SharedNetns where,
                  std::function<Status(const netns::Netns&)> work) {
  AddonState& state = state_of(info.Env());
  const Settler settler(info.Env(), state.mailbox);
  if (!where) {
    settler.reject(Status::failed(EBADF, operation, "network namespace", "it was closed").take_error());
    return settler.promise();
  }
  Status started = state.tasks.run([settler, where = std::move(where), work = std::move(work), log = state.switch_log] {
    const netns::RecordSwitches recorded(log);
    settler.settle(work(*where));
  });
  if (!started) settler.reject(started.take_error());
  return settler.promise();
}

/** "172.16.12.0/22" */
std::optional<rtnl::Network> network(Napi::Value value) {
  const auto dotted = text(value);
  const size_t slash = dotted ? dotted->find('/') : std::string::npos;
  if (slash == std::string::npos) return std::nullopt;
  const std::string digits = dotted->substr(slash + 1);
  rtnl::Network network;
  if (digits.empty() || digits.size() > 2 || digits.find_first_not_of("0123456789") != std::string::npos ||
      std::stoi(digits) > 32 || ::inet_pton(AF_INET, dotted->substr(0, slash).c_str(), &network.address) != 1)
    return std::nullopt;
  network.prefix_length = static_cast<uint8_t>(std::stoi(digits));
  return network;
}

std::optional<std::vector<uplink::Route>> routes_of(Napi::Value value) {
  if (!value.IsArray()) return std::nullopt;
  const auto list = value.As<Napi::Array>();
  std::vector<uplink::Route> routes;
  for (uint32_t i = 0; i < list.Length(); ++i) {
    if (!list.Get(i).IsObject()) return std::nullopt;
    const auto fields = list.Get(i).As<Napi::Object>();
    const auto to = network(fields.Get("to"));
    const auto via = fields.Get("via").IsNull() ? std::optional(in_addr{}) : ipv4(fields.Get("via"));
    if (!to || !via) return std::nullopt;
    routes.push_back({*to, *via});
  }
  return routes;
}

/** Reads the half of a specification that says where the interface comes from; what is wrong with it, or null. */
const char* read_source(Napi::Value value, uplink::Spec& spec) {
  if (!value.IsObject()) return "uplink.from is no object";
  const auto from = value.As<Napi::Object>();
  const auto kind = text(from.Get("kind"));
  if (kind == "move") {
    const auto moved = text(from.Get("interface"));
    if (!moved || moved->empty()) return "uplink.from.interface";
    spec.moved = *moved;
    return nullptr;
  }
  if (kind != "veth") return "uplink.from.kind";
  const auto bridge = text(from.Get("bridge"));
  const auto port = text(from.Get("port"));
  if (!bridge || !port || port->empty()) return "uplink.from: bridge and port";
  spec.bridge = *bridge;
  spec.port = *port;
  return nullptr;
}

}  // namespace

Napi::Value add_uplink(const Napi::CallbackInfo& info, SharedNetns where) {
  if (info.Length() != 1 || !info[0].IsObject()) return wrong(info, "addUplink(uplink)");
  const auto fields = info[0].As<Napi::Object>();
  const auto name = text(fields.Get("name"));
  const auto hardware = mac(fields.Get("mac"));
  const auto address = ipv4(fields.Get("address"));
  const auto prefix_length = whole_number(fields.Get("prefixLength"), 1, 32);
  const auto mtu = mtu_of(fields.Get("mtu"));
  auto routes = routes_of(fields.Get("routes"));
  if (!name || name->empty()) return wrong(info, "uplink.name");
  if (!hardware) return wrong(info, "uplink.mac");
  if (!address) return wrong(info, "uplink.address");
  if (!prefix_length) return wrong(info, "uplink.prefixLength");
  if (!mtu) return wrong(info, "uplink.mtu");
  if (!routes) return wrong(info, "uplink.routes: [{to: '172.16.12.0/22', via: '198.18.0.2'}]");
  uplink::Spec spec;
  spec.name = *name;
  spec.mac = *hardware;
  spec.address = *address;
  spec.prefix_length = static_cast<uint8_t>(*prefix_length);
  spec.mtu = static_cast<uint32_t>(*mtu);
  spec.routes = std::move(*routes);
  if (const char* bad = read_source(fields.Get("from"), spec)) return wrong(info, bad);
  if (spec.moved.empty()) {
    spec.segment = netns_of(fields.Get("from").As<Napi::Object>().Get("segment"));
    if (!spec.segment) return info.Env().Undefined();
  }
  return start(info, "addUplink", std::move(where),
               [spec = std::move(spec)](const netns::Netns& root) { return uplink::add(root, spec); });
}

Napi::Value remove_uplink(const Napi::CallbackInfo& info, SharedNetns where) {
  const auto name = text(info[0]);
  if (!name || name->empty()) return wrong(info, "removeUplink(name: string)");
  return start(info, "removeUplink", std::move(where),
               [name = *name](const netns::Netns& root) { return uplink::remove(root, name); });
}

Napi::Value add_routes(const Napi::CallbackInfo& info, SharedNetns where) {
  auto routes = routes_of(info[0]);
  if (!routes) return wrong(info, "addRoutes([{to: '172.16.12.0/22', via: '198.18.0.2'}])");
  return start(info, "addRoutes", std::move(where),
               [routes = std::move(*routes)](const netns::Netns& root) { return uplink::add_routes(root, routes); });
}

Napi::Value remove_routes(const Napi::CallbackInfo& info, SharedNetns where) {
  auto routes = routes_of(info[0]);
  if (!routes) return wrong(info, "removeRoutes([{to: '172.16.12.0/22', via: '198.18.0.2'}])");
  return start(info, "removeRoutes", std::move(where),
               [routes = std::move(*routes)](const netns::Netns& root) { return uplink::remove_routes(root, routes); });
}

Napi::Value add_bridge(const Napi::CallbackInfo& info, SharedNetns where) {
  const auto name = text(info[0]);
  const auto mtu = mtu_of(info[1]);
  if (!name || name->empty() || !mtu) return wrong(info, "addBridge(name: string, mtu: number)");
  return start(info, "addBridge", std::move(where), [name = *name, mtu = *mtu](const netns::Netns& segment) {
    return uplink::add_bridge(segment, name, static_cast<uint32_t>(mtu));
  });
}

Napi::Value set_bridge_port(const Napi::CallbackInfo& info, SharedNetns where) {
  const auto port = text(info[0]);
  if (!port || port->empty() || !info[1].IsBoolean())
    return wrong(info, "setBridgePort(port: string, carries: boolean)");
  const bool carries = info[1].As<Napi::Boolean>();
  return start(info, "setBridgePort", std::move(where), [port = *port, carries](const netns::Netns& segment) {
    return uplink::set_bridge_port(segment, port, carries);
  });
}

}  // namespace nslab::binding
