// Reading a fabric's specification.
#include "binding/spec.h"

#include <string>

#include "binding/arguments.h"

namespace nslab::binding {
namespace {

Status invalid(const std::string& what) { return Status::failed(EINVAL, "read", "FabricSpec", what); }

/** Reads fields of one object; remembers the first that is not as it should be. */
class Fields {
 public:
  Fields(Napi::Value value, std::string name) : name_(std::move(name)) {
    if (value.IsObject()) object_ = value.As<Napi::Object>();
    else bad_ = name_;
  }

  template <typename T, typename Read>
  void take(const char* key, T& into, Read read) {
    if (!bad_.empty()) return;
    const auto value = read(object_.Get(key));
    if (value) into = static_cast<T>(*value);
    else bad_ = name_ + "." + key;
  }
  [[nodiscard]] Status status() const { return bad_.empty() ? Status() : invalid(bad_); }

 private:
  Napi::Object object_;
  std::string name_;
  std::string bad_;
};

auto number(uint64_t min, uint64_t max) {
  return [=](Napi::Value value) { return whole_number(value, min, max); };
}

/** False where it is left out. */
std::optional<bool> flag(Napi::Value value) {
  if (value.IsUndefined()) return false;
  return value.IsBoolean() ? std::optional(value.As<Napi::Boolean>().Value()) : std::nullopt;
}

Result<fabric::BridgeSpec> read_bridge(Napi::Value value, uint32_t index) {
  fabric::BridgeSpec bridge;
  Fields fields(value, "bridges[" + std::to_string(index) + "]");
  fields.take("name", bridge.name, text);
  fields.take("mac", bridge.mac, mac);
  fields.take("address", bridge.address, ipv4);
  fields.take("prefixLength", bridge.prefix_length, number(1, 32));
  fields.take("proxyArp", bridge.proxy_arp, flag);
  if (Status read = fields.status(); !read) return read;
  return bridge;
}

Result<fabric::NodeSpec> read_node(Napi::Value value, uint32_t index) {
  fabric::NodeSpec node;
  Fields fields(value, "nodes[" + std::to_string(index) + "]");
  fields.take("nodeId", node.node_id, number(1, UINT32_MAX));
  fields.take("bridge", node.bridge, number(0, UINT32_MAX));
  fields.take("hostInterface", node.host_interface, text);
  fields.take("nodeInterface", node.node_interface, text);
  fields.take("mac", node.mac, mac);
  fields.take("address", node.address, ipv4);
  fields.take("prefixLength", node.prefix_length, number(1, 32));
  fields.take("gateway", node.gateway, ipv4);
  if (Status read = fields.status(); !read) return read;
  return node;
}

Result<std::vector<uint32_t>> read_neighbours(Napi::Value value, uint32_t index) {
  const std::string name = "neighbours[" + std::to_string(index) + "]";
  if (!value.IsArray()) return invalid(name);
  const auto list = value.As<Napi::Array>();
  std::vector<uint32_t> neighbours;
  for (uint32_t i = 0; i < list.Length(); ++i) {
    const auto neighbour = whole_number(list.Get(i), 0, UINT32_MAX);
    if (!neighbour) return invalid(name);
    neighbours.push_back(static_cast<uint32_t>(*neighbour));
  }
  return neighbours;
}

template <typename T, typename Read>
Status read_list(Napi::Env env, Napi::Value value, const char* name, std::vector<T>& into, Read read) {
  if (!value.IsArray()) return invalid(name);
  const auto list = value.As<Napi::Array>();
  into.reserve(list.Length());
  for (uint32_t i = 0; i < list.Length(); ++i) {
    // A scope each: ten thousand nodes have a hundred thousand values.
    const Napi::HandleScope scope(env);
    auto item = read(list.Get(i), i);
    if (!item) return item.take_status();
    into.push_back(std::move(*item));
  }
  return {};
}

}  // namespace

Result<fabric::Spec> read_spec(Napi::Value value) {
  if (!value.IsObject()) return invalid("spec");
  const auto object = value.As<Napi::Object>();
  const Napi::Env env = value.Env();
  fabric::Spec spec;
  if (Status read = read_list(env, object.Get("bridges"), "bridges", spec.bridges, read_bridge); !read) return read;
  if (Status read = read_list(env, object.Get("nodes"), "nodes", spec.nodes, read_node); !read) return read;
  if (Status read = read_list(env, object.Get("neighbours"), "neighbours", spec.neighbours, read_neighbours); !read)
    return read;
  const auto mtu = whole_number(object.Get("mtu"), 0, UINT32_MAX);
  if (!mtu) return invalid("mtu");
  spec.mtu = static_cast<uint32_t>(*mtu);
  if (Status checked = fabric::check(spec); !checked) return checked;
  return spec;
}

}  // namespace nslab::binding
