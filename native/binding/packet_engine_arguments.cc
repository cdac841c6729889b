// What the packet engine is asked, from values of JavaScript.
#include <fcntl.h>
#include <net/if.h>
#include <sched.h>

#include <algorithm>
#include <array>
#include <string>
#include <thread>
#include <utility>

#include "binding/fields.h"
#include "binding/packet_engine_values.h"
#include "engine/lanes/flow.h"
#include "engine/lanes/limits.h"
#include "engine/lossless/parity.h"
#include "engine/packets/drr_queue.h"
#include "engine/packets/frame.h"

namespace nslab::binding {
namespace {

namespace lanes = engine::lanes;

constexpr const char* kWhere = "packet engine";
constexpr uint64_t kExactMax = (uint64_t{1} << 53) - 1;
/** 8 Tbit/s. */
constexpr uint64_t kRateMax = 1'000'000'000'000;
/** Each takes at least 232 bytes. */
constexpr uint32_t kQueuePacketsMax = 1'000'000;
/** As many lanes serve one fleet unless more are asked for: the rest of the machine is for its programs. */
constexpr uint32_t kLanesUsual = 4;
constexpr size_t kIdsMax = 65'536;
/** An IPv4 link must carry so many bytes (RFC 791). */
constexpr uint32_t kMtuMin = 68;

/** Cores that this process may use. */
uint32_t own_cores() {
  cpu_set_t cores;
  CPU_ZERO(&cores);
  if (::sched_getaffinity(0, sizeof cores, &cores) != 0) return std::max(1U, std::thread::hardware_concurrency());
  return static_cast<uint32_t>(std::max(1, CPU_COUNT(&cores)));
}

/** A list of whole numbers. */
std::vector<uint32_t> numbers(Fields& fields, const char* name, uint32_t min) {
  std::vector<uint32_t> list;
  const Napi::Value value = fields.get(name);
  if (!value.IsArray()) {
    fields.fail(name, "a list of whole numbers is wanted");
    return list;
  }
  const auto array = value.As<Napi::Array>();
  list.reserve(array.Length());
  for (uint32_t i = 0; i < array.Length() && fields.ok(); i++) {
    const Napi::HandleScope scope(array.Env());
    const auto number = whole_number(array.Get(i), min, UINT32_MAX);
    if (!number) fields.fail(name, "item " + std::to_string(i) + " is no whole number from " + std::to_string(min));
    else list.push_back(static_cast<uint32_t>(*number));
  }
  return list;
}

/** Calls for each object of a list. */
template <typename Take>
void each_of(Fields& fields, const char* name, const std::string& operation, Take take) {
  const Napi::Value value = fields.get(name);
  if (!value.IsArray()) return fields.fail(name, "a list is wanted");
  const auto array = value.As<Napi::Array>();
  if (array.Length() > kIdsMax) return fields.fail(name, "at most 65536 items are taken");
  for (uint32_t i = 0; i < array.Length() && fields.ok(); i++) {
    const Napi::HandleScope scope(array.Env());
    Fields item(array.Get(i), operation + " " + name + "[" + std::to_string(i) + "]", kWhere);
    take(item);
    if (!item.ok()) fields.take_over(item.take_status());
  }
}

lanes::RouteChange route_change(Fields& fields, const std::string& operation) {
  const auto kind = text(fields.get("change"));
  if (kind == "install") {
    lanes::Install install{fields.whole32("source", 1, UINT32_MAX), fields.whole32("destination", 1, UINT32_MAX), {}};
    each_of(fields, "routes", operation, [&](Fields& route) {
      const uint32_t id = route.whole32("id", 0, UINT32_MAX);
      install.routes.push_back({id, install.source, install.destination, numbers(route, "nextHops", 1)});
    });
    return install;
  }
  if (kind == "install_trees") {
    lanes::InstallTrees install{
        fields.whole32("source", 1, UINT32_MAX), fields.whole32("group", 1, lanes::kGroupMax), {}};
    each_of(fields, "trees", operation, [&](Fields& tree) {
      const auto number = static_cast<uint16_t>(tree.whole("number", 0, UINT16_MAX));
      install.trees.push_back({number, numbers(tree, "nextHops", 1)});
    });
    return install;
  }
  if (kind == "derive") {
    const std::vector<uint32_t> runs = numbers(fields, "runs", 0);
    if (runs.size() % 2 != 0) fields.fail("runs", "pairs of count and next hop are wanted");
    return lanes::Derive{engine::DerivedRoutes(runs)};
  }
  if (kind == "member") return lanes::SetMember{fields.whole32("group", 1, lanes::kGroupMax), fields.flag("member")};
  if (kind == "pin") {
    const uint32_t source = fields.whole32("source", 1, UINT32_MAX);
    const uint32_t destination = fields.whole32("destination", 1, UINT32_MAX);
    const uint32_t flow = fields.whole32("flow", 0, lanes::kFlowMax);
    // Of a built-in flow: its packets have the number's hash.
    return lanes::Pin{source, destination, lanes::flow_hash(flow), fields.whole32("route", 0, UINT32_MAX)};
  }
  if (kind == "send_over") {
    const uint32_t flow = fields.whole32("flow", 0, lanes::kFlowMax);
    return lanes::SendOver{lanes::flow_hash(flow), fields.whole32("nextHop", 0, UINT32_MAX)};
  }
  fields.fail("change", "install, install_trees, derive, member, pin or send_over is wanted");
  return lanes::SetMember{};
}

}  // namespace

Result<SeededSetting> link_setting(Napi::Value value, const char* operation) {
  Fields fields(value, operation, kWhere);
  SeededSetting read;
  engine::LinkSetting& to = read.setting;
  if (fields.second_word("discipline", "fifo", "wrr")) to.discipline = engine::Discipline::wrr;
  if (fields.second_word("dropStrategy", "taildrop", "red")) to.drop = engine::DropStrategy::red;
  to.queue_packets = fields.whole32("queuePackets", 1, kQueuePacketsMax, to.queue_packets);
  to.rate_bytes_per_s = fields.whole("rateBytesPerS", 1, kRateMax, 0);
  to.bucket_bytes = fields.whole("bucketBytes", 1, kRateMax, 0);
  to.delay_ns = static_cast<int64_t>(fields.whole("delayNs", 0, engine::kDelayNsMax, 0));
  to.jitter_ns = static_cast<int64_t>(fields.whole("jitterNs", 0, engine::kDelayNsMax, 0));
  to.loss_ratio = fields.ratio("lossRatio");
  to.duplicate_ratio = fields.ratio("duplicateRatio");
  to.corrupt_ratio = fields.ratio("corruptRatio");
  to.reorder_ratio = fields.ratio("reorderRatio");
  if (fields.has("seed")) read.seed = fields.whole("seed", 0, UINT32_MAX);
  if (!fields.ok()) return fields.take_status();
  return read;
}

Result<lanes::Options> engine_options(Napi::Object options, uint32_t& base) {
  Fields fields(options, "PacketEngine", kWhere);
  lanes::Options read;
  const uint32_t usual = std::min(own_cores(), kLanesUsual);
  read.lanes = fields.whole32("lanes", 0, 64, 0);
  if (read.lanes == 0) read.lanes = usual;
  read.processors = fields.whole32("processors", 1, UINT32_MAX, 1);
  read.concurrent = fields.flag("concurrent");
  read.channel_capacity = fields.whole32("channelCapacity", 1, kQueuePacketsMax, read.channel_capacity);
  read.backpressure = fields.flag("backpressure");
  const auto address = fields.has("baseAddress") ? ipv4(fields.get("baseAddress")) : in_addr{htonl(0x0a00'0000)};
  if (!address) fields.fail("baseAddress", "a dotted IPv4 address is wanted");
  if (!fields.ok()) return fields.take_status();
  if (fields.has("links")) {
    auto links = link_setting(fields.get("links"), "PacketEngine links");
    if (!links) return links.take_status();
    read.link = links->setting;
  }
  base = ntohl(address->s_addr);
  return read;
}

Result<std::vector<lanes::RouteChange>> route_changes(Napi::Value value) {
  if (!value.IsArray()) return Status::failed(EINVAL, "changeRoutes changes", kWhere, "a list is wanted");
  const auto array = value.As<Napi::Array>();
  std::vector<lanes::RouteChange> changes;
  changes.reserve(array.Length());
  for (uint32_t i = 0; i < array.Length(); i++) {
    const Napi::HandleScope scope(array.Env());
    const std::string operation = "changeRoutes changes[" + std::to_string(i) + "]";
    Fields fields(array.Get(i), operation, kWhere);
    changes.push_back(route_change(fields, operation));
    if (!fields.ok()) return fields.take_status();
  }
  return changes;
}

Result<lanes::FlowSetting> flow_setting(Napi::Value value, uint32_t base) {
  Fields fields(value, "startFlow", kWhere);
  lanes::FlowSetting flow;
  flow.flow = fields.whole32("flow", 0, lanes::kFlowMax);
  flow.is_group = fields.flag("isGroup");
  flow.destination = fields.whole32("destination", 1, flow.is_group ? lanes::kGroupMax : UINT32_MAX);
  flow.packet_bytes = fields.whole32("packetBytes", lanes::kFlowPacketMin, engine::kPacketBytesMax, flow.packet_bytes);
  flow.bytes = fields.whole("bytes", 1, kExactMax, 0);
  flow.duration_ns = static_cast<int64_t>(fields.whole("durationNs", 1, kExactMax, 0));
  flow.rate_bytes_per_s = fields.whole("rateBytesPerS", 1, kRateMax, 0);
  flow.weight = fields.whole32("weight", 1, engine::DrrQueue::kWeightMax, 1);
  const auto own_base = fields.has("baseAddress") ? ipv4(fields.get("baseAddress")) : in_addr{htonl(base)};
  if (!own_base) fields.fail("baseAddress", "a dotted IPv4 address is wanted");
  else flow.base = ntohl(own_base->s_addr);
  if ((flow.bytes == 0) == (flow.duration_ns == 0)) fields.fail("bytes", "either bytes or durationNs is wanted");
  if (!fields.ok()) return fields.take_status();
  return flow;
}

Result<lanes::StartTransfer> transfer_command(Napi::Value value, uint32_t node, uint32_t base) {
  Fields fields(value, "startTransfer", kWhere);
  lanes::StartTransfer command;
  command.node = node;
  engine::lossless::TransferSetting& to = command.setting;
  to.flow = fields.whole32("flow", 0, lanes::kFlowMax);
  to.is_group = fields.flag("isGroup");
  to.destination = fields.whole32("destination", 1, to.is_group ? lanes::kGroupMax : UINT32_MAX);
  to.receivers = numbers(fields, "receivers", 1);
  if (to.receivers.size() > engine::lossless::kReceiversMax) fields.fail("receivers", "at most 65536 are taken");
  if (fields.has("trees"))
    each_of(fields, "trees", "startTransfer", [&](Fields& tree) {
      to.trees.push_back({static_cast<uint16_t>(tree.whole("number", 0, UINT16_MAX)),
                          tree.whole32("weight", 1, engine::DrrQueue::kWeightMax, 1)});
    });
  to.payload_seed = fields.whole("payloadSeed", 0, kExactMax, 0);
  to.cut.payload_bytes = fields.whole("payloadBytes", 1, kExactMax);
  to.cut.symbol_bytes = fields.whole32("symbolBytes", 1, lanes::kSymbolBytesMax);
  to.cut.source_symbols = fields.whole32("sourceSymbols", 1, engine::lossless::kSymbolsMax);
  to.cut.parity_symbols = fields.whole32("paritySymbols", 0, engine::lossless::kSymbolsMax - 1, 0);
  if (to.cut.source_symbols + to.cut.parity_symbols > engine::lossless::kSymbolsMax)
    fields.fail("paritySymbols", "a block has at most 255 symbols, source and parity together");
  to.cut.group = to.is_group ? to.destination : 0;
  to.rate_bytes_per_s = fields.whole("rateBytesPerS", 1, kRateMax, 0);
  to.silence_ns = static_cast<int64_t>(fields.whole("silenceNs", 1, kExactMax, engine::lossless::kSilenceNs));
  const auto own_base = fields.has("baseAddress") ? ipv4(fields.get("baseAddress")) : in_addr{htonl(base)};
  if (!own_base) fields.fail("baseAddress", "a dotted IPv4 address is wanted");
  else command.base = ntohl(own_base->s_addr);
  if (!fields.ok()) return fields.take_status();
  return command;
}

Result<TunRequest> tun_request(Napi::Value value, uint32_t node) {
  Fields fields(value, "attachTun", kWhere);
  TunRequest read;
  read.link.name = text(fields.get("name")).value_or("");
  const bool is_name = !read.link.name.empty() && read.link.name.size() < IFNAMSIZ && read.link.name != "." &&
                       read.link.name != ".." && read.link.name.find_first_of("/: \t\n%") == std::string::npos;
  if (!is_name) fields.fail("name", "the name of an interface is wanted, of 1 to 15 bytes");
  const auto base = ipv4(fields.get("baseAddress"));
  if (!base) fields.fail("baseAddress", "a dotted IPv4 address is wanted");
  read.link.prefix_length = static_cast<uint8_t>(fields.whole("prefixLength", 1, 32));
  read.link.mtu = fields.whole32("mtu", kMtuMin, engine::kPacketBytesMax);
  read.nodes_max = fields.whole32("nodesMax", 1, UINT32_MAX);
  read.link.offloads = fields.flag("offloads");
  if (node > read.nodes_max) fields.fail("nodesMax", "it is below the node's own id");
  if (!fields.ok()) return fields.take_status();
  read.base = ntohl(base->s_addr);
  read.link.address = in_addr{htonl(read.base + node)};
  read.link.groups = in_addr{htonl(lanes::kGroupBase)};
  read.link.groups_prefix_length = 16;
  return read;
}

Result<lanes::Capture> capture_command(const Napi::CallbackInfo& info) {
  const auto node = whole_number(info[0], 1, UINT32_MAX), peer = whole_number(info[1], 0, UINT32_MAX);
  if (!node) return Status::failed(EINVAL, "capture nodeId", kWhere, "a whole number from 1 is wanted");
  if (!peer) return Status::failed(EINVAL, "capture peerId", kWhere, "a whole number from 0 is wanted");
  lanes::Capture capture{static_cast<uint32_t>(*node), static_cast<uint32_t>(*peer), nullptr, kExactMax};
  if (info[2].IsNull()) return capture;
  const auto fd = whole_number(info[2], 0, INT32_MAX);
  if (!fd) return Status::failed(EINVAL, "capture fd", kWhere, "a descriptor or null is wanted");
  if (!info[3].IsUndefined()) {
    const auto bytes = whole_number(info[3], 0, kExactMax);
    if (!bytes) return Status::failed(EINVAL, "capture bytesMax", kWhere, "a whole number from 0 is wanted");
    capture.bytes_max = *bytes;
  }
  if (::fcntl(static_cast<int>(*fd), F_GETFD) < 0) return Status::from_errno("capture fd", kWhere);
  capture.fd = std::make_shared<const UniqueFd>(static_cast<int>(*fd));
  return capture;
}

}  // namespace nslab::binding
