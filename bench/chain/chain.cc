// A chain of three nodes in namespaces of their own, with one relay: the packet engine and what it is held against, one
// way a run.
//
// chain WAY [SECONDS] [PACKET_BYTES]   prints one line of JSON

#include <csignal>
#include <cstdlib>
#include <string>

#include "floor.h"
#include "lanes.h"
#include "site.h"

namespace {

using namespace nslab::bench;

/** A packet each, when latency is asked for: the relay is idle nearly all the time. */
constexpr int64_t kGapNs = 1'000'000;
/** Of a frame's header. */
constexpr uint32_t kHeaderBytes = nslab::engine::kPacketHeaderBytes;

int run(const std::string& way, double seconds, uint32_t packet_bytes) {
  const Site site(way == "forward" || way == "forward-latency" || way == "iperf3");
  if (way == "engine" || way == "engine-held" || way == "max") {
    Lanes(site, way != "engine", way == "max").pass(way.c_str(), seconds, packet_bytes);
  } else if (way == "engine-latency") {
    Lanes(site, false, false).latency(seconds, kGapNs, packet_bytes);
  } else if (way == "relay") {
    Floor(site).relay("relay", RelayKind::read_write, seconds);
  } else if (way == "splice") {
    Floor(site).relay("splice", RelayKind::splice, seconds);
  } else if (way == "forward") {
    Floor(site).forward(seconds);
  } else if (way == "forward-latency") {
    Floor(site).latency(seconds, kGapNs, packet_bytes + kHeaderBytes);
  } else if (way == "socat") {
    Floor(site).socat(seconds);
  } else if (way == "iperf3") {
    Floor(site).iperf3(seconds);
  } else {
    return 2;
  }
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  (void)::signal(SIGPIPE, SIG_IGN);
  const double seconds = argc > 2 ? std::atof(argv[2]) : 1;
  const auto packet_bytes = static_cast<uint32_t>(argc > 3 ? std::atoi(argv[3]) : 1400);
  if (argc > 1) return run(argv[1], seconds, packet_bytes);
  std::fprintf(stderr, "usage: chain WAY [SECONDS] [PACKET_BYTES]\n");
  return 2;
}
