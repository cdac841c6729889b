// What the packet engine tells, as values of JavaScript.
#include "binding/packet_engine_values.h"

#include <array>
#include <cstdio>
#include <string>

#include "engine/packets/drop.h"

namespace nslab::binding {
namespace {

namespace lanes = engine::lanes;
namespace lossless = engine::lossless;

/** Numbers of packets and bytes are exact up to 2^53. */
Napi::Number number(Napi::Env env, uint64_t value) { return Napi::Number::New(env, static_cast<double>(value)); }
Napi::BigInt nanoseconds(Napi::Env env, int64_t value) { return Napi::BigInt::New(env, value); }

Napi::Object account_to_js(Napi::Env env, const engine::Account& account) {
  Napi::Object to = Napi::Object::New(env);
  to.Set("inPackets", number(env, account.in_packets));
  to.Set("inBytes", number(env, account.in_bytes));
  to.Set("outPackets", number(env, account.out_packets));
  to.Set("outBytes", number(env, account.out_bytes));
  to.Set("madePackets", number(env, account.made_packets));
  Napi::Object dropped = Napi::Object::New(env);
  for (size_t i = 0; i < engine::kDropReasons; i++)
    if (account.dropped[i] > 0)
      dropped.Set(engine::drop_name(static_cast<engine::Drop>(i)), number(env, account.dropped[i]));
  to.Set("dropped", dropped);
  to.Set("heldPackets", number(env, account.held_packets));
  return to;
}

/** Hex digits; null where there is none yet. */
Napi::Value digest_to_js(Napi::Env env, const std::optional<lossless::Digest>& digest) {
  if (!digest) return env.Null();
  std::string text;
  for (const uint8_t byte : *digest) {
    text += "0123456789abcdef"[byte >> 4];
    text += "0123456789abcdef"[byte & 15];
  }
  return Napi::String::New(env, text);
}

/** The published id of a flow: addresses and ports in network order, and 32 zero bits; hex digits. */
std::string flow_id(const engine::AppFlowKey& key) {
  const uint32_t ports = uint32_t{key.source_port} << 16 | key.destination_port;
  std::array<char, 25> digits;
  (void)std::snprintf(digits.data(), digits.size(), "%08x%08x%08x", key.source_address, key.destination_address, ports);
  return std::string(digits.data()) + "00000000";
}

Napi::Object app_flow_to_js(Napi::Env env, const lanes::AppFlowNews& news) {
  const auto& [is_new, has_ended, has_route, flow] = news.taken;
  Napi::Object to = Napi::Object::New(env);
  to.Set("nodeId", number(env, news.node));
  to.Set("remoteId", number(env, flow.remote));
  to.Set("end", flow.key.is_sink ? "sink" : "source");
  to.Set("flowId", flow_id(flow.key));
  to.Set("protocol", number(env, flow.key.protocol));
  to.Set("packets", number(env, flow.packets));
  to.Set("bytes", number(env, flow.bytes));
  to.Set("firstNs", nanoseconds(env, flow.first_ns));
  to.Set("lastNs", nanoseconds(env, flow.last_ns));
  to.Set("endedNs", nanoseconds(env, flow.ended_ns));
  to.Set("isNew", Napi::Boolean::New(env, is_new));
  to.Set("hasEnded", Napi::Boolean::New(env, has_ended));
  if (has_route && flow.route) to.Set("routeId", number(env, *flow.route));
  return to;
}

/** Makes a list of what `make` makes of each; its own values end with each. */
template <typename List, typename Make>
Napi::Array list_to_js(Napi::Env env, const List& list, Make make) {
  Napi::Array to = Napi::Array::New(env, list.size());
  uint32_t at = 0;
  for (const auto& item : list) {
    const Napi::HandleScope scope(env);
    to.Set(at++, make(item));
  }
  return to;
}

}  // namespace

Napi::Object counts_to_js(Napi::Env env, const lanes::Counts& counts) {
  Napi::Object to = Napi::Object::New(env);
  to.Set("streams", list_to_js(env, counts.streams, [&](const auto& entry) {
           const lanes::LinkCount& count = entry.second;
           Napi::Object streams = Napi::Object::New(env);
           streams.Set("nodeId", number(env, entry.first));
           streams.Set("up", Napi::Boolean::New(env, count.up));
           streams.Set("breaks", number(env, count.breaks));
           streams.Set("receivedPackets", number(env, count.received_packets));
           streams.Set("receivedBytes", number(env, count.received_bytes));
           streams.Set("sent", account_to_js(env, count.sent));
           return streams;
         }));
  to.Set("links", list_to_js(env, counts.links, [&](const auto& entry) {
           const auto& [ends, count] = entry;
           Napi::Object link = Napi::Object::New(env);
           link.Set("nodeId", number(env, ends.first));
           link.Set("peerId", number(env, ends.second));
           link.Set("up", Napi::Boolean::New(env, count.up));
           link.Set("breaks", number(env, count.breaks));
           link.Set("receivedPackets", number(env, count.received_packets));
           link.Set("receivedBytes", number(env, count.received_bytes));
           link.Set("sent", account_to_js(env, count.sent));
           link.Set("lostPackets", number(env, count.lost_packets));
           link.Set("lostDatagrams", number(env, count.lost_datagrams));
           link.Set("duplicateDatagrams", number(env, count.duplicate_datagrams));
           link.Set("reorderedDatagrams", number(env, count.reordered_datagrams));
           link.Set("ignoredDatagrams", number(env, count.ignored_datagrams));
           return link;
         }));
  to.Set("nodes", list_to_js(env, counts.nodes, [&](const auto& entry) {
           Napi::Object node = Napi::Object::New(env);
           node.Set("nodeId", number(env, entry.first));
           node.Set("account", account_to_js(env, entry.second));
           return node;
         }));
  to.Set("sources", list_to_js(env, counts.sources, [&](const lanes::SourceStats& stats) {
           Napi::Object source = Napi::Object::New(env);
           source.Set("nodeId", number(env, stats.node));
           source.Set("flow", number(env, stats.flow));
           source.Set("sentPackets", number(env, stats.sent_packets));
           source.Set("sentBytes", number(env, stats.sent_bytes));
           source.Set("firstNs", nanoseconds(env, stats.first_ns));
           source.Set("lastNs", nanoseconds(env, stats.last_ns));
           source.Set("finished", Napi::Boolean::New(env, stats.finished));
           return source;
         }));
  to.Set("sinks", list_to_js(env, counts.sinks, [&](const lanes::SinkStats& stats) {
           Napi::Object sink = Napi::Object::New(env);
           sink.Set("nodeId", number(env, stats.node));
           sink.Set("flow", number(env, stats.flow));
           sink.Set("receivedPackets", number(env, stats.received_packets));
           sink.Set("receivedBytes", number(env, stats.received_bytes));
           sink.Set("duplicatePackets", number(env, stats.duplicate_packets));
           sink.Set("reorderedPackets", number(env, stats.reordered_packets));
           sink.Set("tooLatePackets", number(env, stats.too_late_packets));
           sink.Set("sentPackets", number(env, stats.sent_packets));
           sink.Set("finished", Napi::Boolean::New(env, stats.finished));
           sink.Set("firstNs", nanoseconds(env, stats.first_ns));
           sink.Set("lastNs", nanoseconds(env, stats.last_ns));
           sink.Set("latencyP50Ns", number(env, stats.latency_p50_ns));
           sink.Set("latencyP99Ns", number(env, stats.latency_p99_ns));
           sink.Set("latencyMaxNs", number(env, stats.latency_max_ns));
           return sink;
         }));
  to.Set("senders", list_to_js(env, counts.senders, [&](const lossless::SenderStats& stats) {
           Napi::Object sender = Napi::Object::New(env);
           sender.Set("nodeId", number(env, stats.node));
           sender.Set("flow", number(env, stats.flow));
           sender.Set("payloadBytes", number(env, stats.payload_bytes));
           sender.Set("sentPackets", number(env, stats.sent_packets));
           sender.Set("sentBytes", number(env, stats.sent_bytes));
           sender.Set("paritySymbols", number(env, stats.parity_symbols));
           sender.Set("repairedSymbols", number(env, stats.repaired_symbols));
           sender.Set("firstNs", nanoseconds(env, stats.first_ns));
           sender.Set("lastNs", nanoseconds(env, stats.last_ns));
           sender.Set("finished", Napi::Boolean::New(env, stats.finished));
           sender.Set("sha256", digest_to_js(env, stats.digest));
           sender.Set("receivers", list_to_js(env, stats.peers, [&](const lossless::PeerStats& peer) {
                        Napi::Object to_peer = Napi::Object::New(env);
                        to_peer.Set("nodeId", number(env, peer.node));
                        to_peer.Set("outcome", lossless::outcome_name(peer.outcome));
                        to_peer.Set("acknowledgedBytes", number(env, peer.acknowledged_bytes));
                        return to_peer;
                      }));
           return sender;
         }));
  to.Set("receivers", list_to_js(env, counts.receivers, [&](const lossless::ReceiverStats& stats) {
           Napi::Object receiver = Napi::Object::New(env);
           receiver.Set("nodeId", number(env, stats.node));
           receiver.Set("flow", number(env, stats.flow));
           receiver.Set("sourceId", number(env, stats.source));
           receiver.Set("outcome", lossless::outcome_name(stats.outcome));
           receiver.Set("payloadBytes", number(env, stats.payload_bytes));
           receiver.Set("receivedBytes", number(env, stats.whole_bytes));
           receiver.Set("receivedSymbols", number(env, stats.received_symbols));
           receiver.Set("spareSymbols", number(env, stats.spare_symbols));
           receiver.Set("decodedBlocks", number(env, stats.decoded_blocks));
           receiver.Set("askedBlocks", number(env, stats.asked_blocks));
           receiver.Set("firstNs", nanoseconds(env, stats.first_ns));
           receiver.Set("lastNs", nanoseconds(env, stats.last_ns));
           receiver.Set("sha256", digest_to_js(env, stats.digest));
           return receiver;
         }));
  if (!counts.app_flows.empty())
    to.Set("appFlows", list_to_js(env, counts.app_flows,
                                  [&](const lanes::AppFlowNews& news) { return app_flow_to_js(env, news); }));
  if (!counts.app_excess.empty())
    to.Set("appFlowsExcess", list_to_js(env, counts.app_excess, [&](const auto& entry) {
             Napi::Object excess = Napi::Object::New(env);
             excess.Set("nodeId", number(env, entry.first));
             excess.Set("packets", number(env, entry.second.packets));
             excess.Set("bytes", number(env, entry.second.bytes));
             return excess;
           }));
  return to;
}

Napi::Array finished_to_js(Napi::Env env, const std::vector<lanes::FlowFinished>& flows) {
  return list_to_js(env, flows, [&](const lanes::FlowFinished& flow) {
    Napi::Object finished = Napi::Object::New(env);
    finished.Set("nodeId", number(env, flow.node));
    finished.Set("flow", number(env, flow.flow));
    finished.Set("end", flow.is_source ? "source" : "sink");
    return finished;
  });
}

Napi::Array missed_to_js(Napi::Env env, const std::vector<lanes::RouteMissed>& missed) {
  return list_to_js(env, missed, [&](const lanes::RouteMissed& one) {
    Napi::Object miss = Napi::Object::New(env);
    miss.Set("nodeId", number(env, one.node));
    miss.Set("source", number(env, one.source));
    miss.Set("destination", number(env, one.destination));
    miss.Set("isGroup", Napi::Boolean::New(env, one.is_group));
    miss.Set("packets", number(env, one.packets));
    return miss;
  });
}

}  // namespace nslab::binding
