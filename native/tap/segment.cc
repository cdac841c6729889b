// Bridge, taps and queueing disciplines, as messages.
#include "tap/segment.h"

#include <fcntl.h>
#include <linux/if_tun.h>
#include <linux/pkt_sched.h>
#include <net/if.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include <cstring>

#include "base/sys.h"
#include "rtnl/link.h"

namespace nslab::tap {
namespace {

constexpr char kWhere[] = "segment";
constexpr char kBridge[] = "br0";
/** Locally administered; VMs have others. */
constexpr rtnl::Mac kBridgeMac = {0x02, 0x6e, 0x73, 0x6c, 0x61, 0x62};
/** Frames that netem holds: at 1,000, its default, a delay of 10 ms would lose most of a gigabit a second. */
constexpr uint32_t kNetemFramesMax = 16'384;

/** IF_OPER_UP of linux/if.h, which can't be had beside net/if.h. */
constexpr uint8_t kOperUp = 6;
/** A bridge's port that forwards: linux/if_bridge.h. */
constexpr uint8_t kForwarding = 3;
/** The kernel tells a bridge of an opened device within milliseconds, and at most once a second where it is busy. */
constexpr int kPassingSteps = 5000;
constexpr useconds_t kPassingStepUs = 1000;

Result<int> index_of(const std::string& name) {
  const unsigned index = if_nametoindex(name.c_str());
  if (index == 0) return Status::from_errno("if_nametoindex " + name, kWhere);
  return static_cast<int>(index);
}

ifinfomsg header_of(int index) {
  ifinfomsg header{};
  header.ifi_index = index;
  return header;
}

/** 0: none. */
void set_master(rtnl::Batch& batch, int port, int bridge) {
  rtnl::Batch::Request request(batch, RTM_NEWLINK, 0);
  request->put_struct(header_of(port));
  request->put<uint32_t>(IFLA_MASTER, static_cast<uint32_t>(bridge));
}

tcmsg root_of(int index) {
  tcmsg header{};
  header.tcm_ifindex = index;
  header.tcm_parent = TC_H_ROOT;
  return header;
}

/** Queueing disciplines have no name of their own in a message: said here instead. */
Status renamed(Status status, const std::string& operation) {
  if (status) return status;
  Error error = status.take_error();
  error.operation = operation;
  return Status(std::move(error));
}

/** Each frame has a header before it that lets QEMU pass large ones in one piece. */
constexpr short kTapFlags = IFF_TAP | IFF_NO_PI | IFF_VNET_HDR;

Result<UniqueFd> open_tap(const std::string& name, short more_flags) {
  // A longer one would be cut off, and could then be another port's.
  if (name.empty() || name.size() >= IFNAMSIZ) return Status::failed(ENAMETOOLONG, "TUNSETIFF " + name, kWhere);
  UniqueFd fd(sys::call([] { return ::open("/dev/net/tun", O_RDWR | O_CLOEXEC); }));
  if (!fd) return Status::from_errno("open /dev/net/tun", kWhere);
  struct ifreq request {};
  name.copy(request.ifr_name, sizeof request.ifr_name - 1);
  request.ifr_flags = static_cast<short>(kTapFlags | more_flags);
  if (sys::call([&] { return ::ioctl(fd.get(), TUNSETIFF, &request); }) != 0)
    return Status::from_errno("TUNSETIFF " + name, kWhere);
  return fd;
}

Status make_tap(const std::string& name) {
  auto fd = open_tap(name, static_cast<short>(IFF_TUN_EXCL));
  if (!fd) return fd.take_status();
  if (sys::call([&] { return ::ioctl(fd->get(), TUNSETPERSIST, 1); }) != 0)
    return Status::from_errno("TUNSETPERSIST " + name, kWhere);
  return {};
}

/** IPv6 would make the host's ends talk on a segment that is not theirs. */
void raise(rtnl::Batch& batch, int index) {
  rtnl::set_no_ipv6_address(batch, index);
  rtnl::set_up(batch, index);
}

PortTotals totals_of(std::string_view name, const rtnl_link_stats64& stats) {
  return {std::string(name), stats.rx_packets, stats.rx_bytes, stats.tx_packets, stats.tx_bytes, stats.tx_dropped};
}

}  // namespace

Result<Segment> Segment::make(uint32_t mtu) {
  auto socket = rtnl::Socket::open(kWhere);
  if (!socket) return socket.take_status();
  rtnl::Batch batch;
  rtnl::add_bridge(batch, {.index = 0, .name = kBridge, .mac = kBridgeMac, .mtu = mtu});
  if (Status added = socket->execute(batch); !added) return added;
  const auto bridge = index_of(kBridge);
  if (!bridge) return Status::failed(ENODEV, std::string("if_nametoindex ") + kBridge, kWhere);
  raise(batch, *bridge);
  if (Status raised = socket->execute(batch); !raised) return raised;
  return Segment(std::move(*socket), mtu);
}

Status Segment::add_port(const std::string& name) {
  if (Status made = make_tap(name); !made) return made;
  auto port = index_of(name);
  if (!port) return port.take_status();
  auto bridge = index_of(kBridge);
  if (!bridge) return bridge.take_status();
  rtnl::Batch batch;
  // First: a bridge that gets a port takes over the least MTU of its ports.
  rtnl::set_mtu(batch, *port, mtu_);
  set_master(batch, *port, *bridge);
  raise(batch, *port);
  return socket_.execute(batch);
}

Result<UniqueFd> Segment::open_port(const std::string& name) {
  // Without this the kernel would make a device that is on no bridge.
  auto port = index_of(name);
  if (!port) return port.take_status();
  auto fd = open_tap(name, 0);
  if (!fd) return fd;
  if (Status passing = await_passing(*port); !passing) return passing;
  return fd;
}

Status Segment::await_passing(int port) {
  for (int step = 0; step < kPassingSteps; step++) {
    bool passes = false;
    const auto take = [&](const rtnl::Message& message) {
      const auto news = rtnl::read_link(message);
      if (!news || news->index != port) return;
      const auto attributes = message.attributes<ifinfomsg>();
      // Of a device just made the bridge may think well too early: the kernel's state of it and its queue tell more.
      const auto state = rtnl::find_attribute(attributes, IFLA_OPERSTATE);
      const auto queue = rtnl::find_attribute(attributes, IFLA_QDISC);
      if (!state || state->as<uint8_t>() != kOperUp || !queue || queue->text() == "noop") return;
      passes = news->port_state == kForwarding || !rtnl::find_attribute(attributes, IFLA_MASTER);
    };
    rtnl::Batch request;
    rtnl::list_links(request);
    if (Status listed = socket_.dump(request, take, [] {}); !listed) return listed;
    if (passes) return {};
    ::usleep(kPassingStepUs);
  }
  return Status::failed(ETIMEDOUT, "bridge port " + std::to_string(port), kWhere, "it does not forward");
}

Status Segment::set_joined(const std::string& name, bool joined) {
  auto port = index_of(name);
  if (!port) return port.take_status();
  auto bridge = index_of(kBridge);
  if (!bridge) return bridge.take_status();
  rtnl::Batch batch;
  set_master(batch, *port, joined ? *bridge : 0);
  return socket_.execute(batch);
}

Status Segment::impair(const std::string& name, const Impairment& impairment) {
  auto port = index_of(name);
  if (!port) return port.take_status();
  tc_netem_qopt options{};
  options.limit = kNetemFramesMax;
  options.loss = impairment.loss;
  rtnl::Writer details;
  rtnl::Batch batch;
  {
    rtnl::Batch::Request request(batch, RTM_NEWQDISC, NLM_F_CREATE | NLM_F_REPLACE);
    request->put_struct(root_of(*port));
    request->put_string(TCA_KIND, "netem");
    // A fixed part with attributes behind it, which is no nest to the kernel: source net/sched/sch_netem.c, parse_attr.
    const size_t nest = request->begin_nest(TCA_OPTIONS);
    request->put_struct(options);
    request->put<int64_t>(TCA_NETEM_LATENCY64, static_cast<int64_t>(impairment.delay_ns));
    request->put<int64_t>(TCA_NETEM_JITTER64, static_cast<int64_t>(impairment.jitter_ns));
    // Also where there is none: one that was set before would stay.
    tc_netem_rate rate{};
    rate.rate = static_cast<uint32_t>(std::min<uint64_t>(impairment.rate_bytes_per_s, UINT32_MAX));
    if (impairment.rate_bytes_per_s > UINT32_MAX) request->put<uint64_t>(TCA_NETEM_RATE64, impairment.rate_bytes_per_s);
    request->put_bytes(TCA_NETEM_RATE, &rate, sizeof rate);
    request->end_nest(nest);
  }
  return renamed(socket_.execute(batch), "RTM_NEWQDISC netem on " + name);
}

Status Segment::clear(const std::string& name) {
  auto port = index_of(name);
  if (!port) return port.take_status();
  rtnl::Batch batch;
  rtnl::Batch::Request(batch, RTM_DELQDISC, 0)->put_struct(root_of(*port));
  Status cleared = socket_.execute(batch);
  // What a device has from the start can't be removed.
  if (!cleared && cleared.error().number == ENOENT) return {};
  return renamed(std::move(cleared), "RTM_DELQDISC on " + name);
}

Result<std::vector<PortTotals>> Segment::totals() {
  std::vector<PortTotals> ports;
  const auto take = [&](const rtnl::Message& message) {
    const auto attributes = message.attributes<ifinfomsg>();
    const auto info = rtnl::find_attribute(attributes, IFLA_LINKINFO);
    const auto kind = info ? rtnl::find_attribute(info->payload, IFLA_INFO_KIND) : std::nullopt;
    const auto name = rtnl::find_attribute(attributes, IFLA_IFNAME);
    const auto stats = rtnl::find_attribute(attributes, IFLA_STATS64);
    if (!kind || kind->text() != "tun" || !name || !stats) return;
    // Newer kernels have more numbers behind those known here.
    rtnl_link_stats64 known{};
    std::memcpy(&known, stats->payload.data(), std::min(sizeof known, stats->payload.size()));
    ports.push_back(totals_of(name->text(), known));
  };
  rtnl::Batch request;
  rtnl::list_links(request);
  if (Status listed = socket_.dump(request, take, [&] { ports.clear(); }); !listed) return listed;
  return ports;
}

}  // namespace nslab::tap
