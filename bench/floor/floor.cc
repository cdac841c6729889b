// The floor: the kernel objects of a fleet made by a small plain program with nothing around it. Every figure of nslab
// about fabrics is held against this. It shares no code with native/, and makes the same objects: a root namespace with
// a bridge for each 1,020 nodes; for each node a namespace, a veth pair, an address, a default route, permanent
// neighbours (the gateway, both neighbours on a ring, and the node itself in the root); all up, and every bridge port
// forwarding.
//
// floor [--nodes N] [--threads T]   prints one line of JSON. T is 1 (default) or 2: then one thread makes namespaces
// and the other links, the split that is fastest (a thread for each half of the nodes gains nothing: they wait for one
// lock).

#include <arpa/inet.h>
#include <fcntl.h>
#include <linux/if_addr.h>
#include <linux/if_bridge.h>
#include <linux/if_link.h>
#include <linux/neighbour.h>
#include <linux/rtnetlink.h>
#include <linux/veth.h>
#include <net/if.h>
#include <poll.h>
#include <sched.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include <condition_variable>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <deque>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

namespace {

constexpr int kNodesPerBridge = 1020;
constexpr int kBridgeIndex = 0x8000;
constexpr int kHostIndex = 0x10000;
constexpr int kNodeIndex = 2;
constexpr uint32_t kBase = 0xac100800;  // 172.16.8.0

[[noreturn]] void die(const std::string& what) {
  std::fprintf(stderr, "floor: %s: %s\n", what.c_str(), std::strerror(errno));
  std::exit(1);
}
int need(int result, const char* what) {
  if (result < 0) die(what);
  return result;
}

double now() {
  timespec time{};
  clock_gettime(CLOCK_MONOTONIC, &time);
  return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_nsec) / 1e9;
}

uint32_t gateway_of(int node) { return htonl(kBase + 1024 * (node / kNodesPerBridge) + 1); }
uint32_t address_of(int node) { return htonl(kBase + 1024 * (node / kNodesPerBridge) + 2 + node % kNodesPerBridge); }

/** Requests that leave in one send. */
class Batch {
 public:
  template <typename Body>
  void begin(int type, int flags, const Body& body) {
    start_ = bytes_.size();
    nlmsghdr header{};
    header.nlmsg_type = static_cast<uint16_t>(type);
    header.nlmsg_flags = static_cast<uint16_t>(NLM_F_REQUEST | flags);
    add(&header, sizeof header);
    add(&body, sizeof body);
  }
  void end() { set<uint32_t>(start_, static_cast<uint32_t>(bytes_.size() - start_)); }
  void attribute(int type, const void* data, size_t size) {
    const nlattr header{static_cast<uint16_t>(NLA_HDRLEN + size), static_cast<uint16_t>(type)};
    add(&header, sizeof header);
    add(data, size);
  }
  template <typename T>
  void value(int type, T value) {
    attribute(type, &value, sizeof value);
  }
  void text(int type, const std::string& text) { attribute(type, text.c_str(), text.size() + 1); }
  void mac(int type, int kind, uint32_t address) {
    uint8_t mac[6] = {2, static_cast<uint8_t>(kind)};
    std::memcpy(mac + 2, &address, 4);
    attribute(type, mac, sizeof mac);
  }
  size_t nest(int type) {
    attribute(type | NLA_F_NESTED, nullptr, 0);
    return bytes_.size() - NLA_HDRLEN;
  }
  void close(size_t nest) { set<uint16_t>(nest, static_cast<uint16_t>(bytes_.size() - nest)); }
  template <typename Body>
  void add_body(const Body& body) {
    add(&body, sizeof body);
  }

  /** Sends and checks; the last request asks for an answer, failed ones answer anyhow. */
  void send(int socket, const char* what) {
    uint16_t flags;
    std::memcpy(&flags, bytes_.data() + start_ + offsetof(nlmsghdr, nlmsg_flags), sizeof flags);
    set<uint16_t>(start_ + offsetof(nlmsghdr, nlmsg_flags), static_cast<uint16_t>(flags | NLM_F_ACK));
    need(static_cast<int>(::send(socket, bytes_.data(), bytes_.size(), 0)), what);
    bytes_.clear();
    char answer[8192];
    const ssize_t size = recv(socket, answer, sizeof answer, 0);
    if (size < static_cast<ssize_t>(NLMSG_LENGTH(sizeof(nlmsgerr)))) die(what);
    const auto* error = static_cast<nlmsgerr*>(NLMSG_DATA(reinterpret_cast<nlmsghdr*>(answer)));
    errno = -error->error;
    if (error->error != 0) die(what);
  }

 private:
  void add(const void* data, size_t size) {
    const size_t at = bytes_.size();
    bytes_.resize(at + NLMSG_ALIGN(size));
    if (size != 0) std::memcpy(bytes_.data() + at, data, size);
  }
  template <typename T>
  void set(size_t at, T value) {
    std::memcpy(bytes_.data() + at, &value, sizeof value);
  }

  std::vector<char> bytes_;
  size_t start_ = 0;
};

ifinfomsg link_of(int index, unsigned flags = 0) {
  ifinfomsg link{};
  link.ifi_index = index;
  link.ifi_flags = link.ifi_change = flags;
  return link;
}
void raise(Batch& batch, int index) {
  batch.begin(RTM_NEWLINK, 0, link_of(index, IFF_UP));
  batch.end();
}
void add_address(Batch& batch, int index, uint32_t address) {
  ifaddrmsg header{};
  header.ifa_family = AF_INET;
  header.ifa_prefixlen = 22;
  header.ifa_index = static_cast<uint32_t>(index);
  batch.begin(RTM_NEWADDR, NLM_F_CREATE | NLM_F_EXCL, header);
  batch.value(IFA_LOCAL, address);
  batch.value(IFA_ADDRESS, address);
  batch.value(IFA_BROADCAST, address | htonl(1023));
  batch.end();
}
void add_neighbour(Batch& batch, int index, uint32_t address, int kind) {
  ndmsg header{};
  header.ndm_family = AF_INET;
  header.ndm_ifindex = index;
  header.ndm_state = NUD_PERMANENT;
  batch.begin(RTM_NEWNEIGH, NLM_F_CREATE | NLM_F_REPLACE, header);
  batch.value(NDA_DST, address);
  batch.mac(NDA_LLADDR, kind, address);
  batch.end();
}
void one_queue(Batch& batch) {
  batch.value<uint32_t>(IFLA_NUM_TX_QUEUES, 1);
  batch.value<uint32_t>(IFLA_NUM_RX_QUEUES, 1);
}
void add_bridge(Batch& batch, int bridge) {
  const uint32_t gateway = gateway_of(bridge * kNodesPerBridge);
  batch.begin(RTM_NEWLINK, NLM_F_CREATE | NLM_F_EXCL, link_of(kBridgeIndex + bridge));
  batch.text(IFLA_IFNAME, "isobr" + std::to_string(bridge));
  batch.mac(IFLA_ADDRESS, 0x6f, gateway);
  const size_t info = batch.nest(IFLA_LINKINFO);
  batch.attribute(IFLA_INFO_KIND, "bridge", 6);
  const size_t data = batch.nest(IFLA_INFO_DATA);
  batch.value<uint32_t>(IFLA_BR_FORWARD_DELAY, 0);
  batch.value<uint8_t>(IFLA_BR_MCAST_SNOOPING, 0);
  batch.close(data);
  batch.close(info);
  batch.end();
  add_address(batch, kBridgeIndex + bridge, gateway);
  raise(batch, kBridgeIndex + bridge);
}
void add_pair(Batch& batch, int node, int netns) {
  const int bridge = kBridgeIndex + node / kNodesPerBridge;
  batch.begin(RTM_NEWLINK, NLM_F_CREATE | NLM_F_EXCL, link_of(kHostIndex + node));
  batch.text(IFLA_IFNAME, "veth" + std::to_string(node) + "a");
  batch.mac(IFLA_ADDRESS, 0x70, address_of(node));
  batch.value<uint32_t>(IFLA_MASTER, static_cast<uint32_t>(bridge));
  one_queue(batch);
  const size_t info = batch.nest(IFLA_LINKINFO);
  batch.attribute(IFLA_INFO_KIND, "veth", 4);
  const size_t data = batch.nest(IFLA_INFO_DATA);
  const size_t peer = batch.nest(VETH_INFO_PEER);
  batch.add_body(link_of(kNodeIndex));
  batch.text(IFLA_IFNAME, "veth" + std::to_string(node) + "b");
  batch.mac(IFLA_ADDRESS, 0x6e, address_of(node));
  batch.value<uint32_t>(IFLA_NET_NS_FD, static_cast<uint32_t>(netns));
  one_queue(batch);
  batch.close(peer);
  batch.close(data);
  batch.close(info);
  batch.end();
  raise(batch, kHostIndex + node);
  add_neighbour(batch, bridge, address_of(node), 0x6e);
}
void configure(Batch& batch, int node, int nodes) {
  raise(batch, 1);
  batch.begin(RTM_SETLINK, 0, link_of(kNodeIndex));
  const size_t families = batch.nest(IFLA_AF_SPEC);
  const size_t ipv6 = batch.nest(AF_INET6);
  batch.value<uint8_t>(IFLA_INET6_ADDR_GEN_MODE, IN6_ADDR_GEN_MODE_NONE);
  batch.close(ipv6);
  batch.close(families);
  batch.end();
  add_address(batch, kNodeIndex, address_of(node));
  raise(batch, kNodeIndex);
  rtmsg route{};
  route.rtm_family = AF_INET;
  route.rtm_table = RT_TABLE_MAIN;
  route.rtm_protocol = RTPROT_STATIC;
  route.rtm_type = RTN_UNICAST;
  batch.begin(RTM_NEWROUTE, NLM_F_CREATE | NLM_F_EXCL, route);
  batch.value(RTA_GATEWAY, gateway_of(node));
  batch.value<uint32_t>(RTA_OIF, kNodeIndex);
  batch.end();
  add_neighbour(batch, kNodeIndex, gateway_of(node), 0x6f);
  for (const int other : {(node + 1) % nodes, (node + nodes - 1) % nodes})
    if (other != node && gateway_of(other) == gateway_of(node))
      add_neighbour(batch, kNodeIndex, address_of(other), 0x6e);
}

int netlink() { return need(socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE), "socket"); }
int own_netns() {
  return need(open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC), "open /proc/thread-self/ns/net");
}
void write_setting(const char* path) {
  const int fd = need(open(path, O_WRONLY | O_CLOEXEC), path);
  need(static_cast<int>(write(fd, "1", 1)), path);
  close(fd);
}

struct Made {
  int netns;
  int socket;
};
Made make_netns() {
  need(unshare(CLONE_NEWNET), "unshare");
  return {own_netns(), netlink()};
}

/** Namespaces made ahead by a second thread. */
class Supply {
 public:
  explicit Supply(int nodes)
      : thread_([this, nodes] {
          for (int node = 0; node < nodes; ++node) give(make_netns());
        }) {}
  ~Supply() { thread_.join(); }
  Made take() {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [this] { return !made_.empty(); });
    const Made made = made_.front();
    made_.pop_front();
    return made;
  }

 private:
  void give(Made made) {
    const std::lock_guard lock(mutex_);
    made_.push_back(made);
    changed_.notify_one();
  }
  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<Made> made_;
  std::thread thread_;
};

/** The root's sockets: one for requests, one that hears of links. */
struct Root {
  int requests;
  int news;
};
Root make_root(int nodes) {
  need(unshare(CLONE_NEWNET), "unshare");
  write_setting("/proc/sys/net/ipv6/conf/all/disable_ipv6");
  write_setting("/proc/sys/net/ipv6/conf/default/disable_ipv6");
  write_setting("/proc/sys/net/ipv4/ip_forward");
  const Root root{netlink(), netlink()};
  const int bytes = 64 << 20;
  need(setsockopt(root.news, SOL_SOCKET, SO_RCVBUFFORCE, &bytes, sizeof bytes), "SO_RCVBUFFORCE");
  sockaddr_nl group{};
  group.nl_family = AF_NETLINK;
  group.nl_groups = RTMGRP_LINK;
  need(bind(root.news, reinterpret_cast<sockaddr*>(&group), sizeof group), "bind");
  Batch batch;
  raise(batch, 1);
  for (int bridge = 0; bridge * kNodesPerBridge < nodes; ++bridge) add_bridge(batch, bridge);
  batch.send(root.requests, "bridges");
  return root;
}

/** Whether a port of a bridge forwards, by an AF_BRIDGE message. */
bool forwards(ifinfomsg* link, int size) {
  for (auto* one = IFLA_RTA(link); RTA_OK(one, size); one = RTA_NEXT(one, size)) {
    if ((one->rta_type & NLA_TYPE_MASK) != IFLA_PROTINFO) continue;
    int left = static_cast<int>(RTA_PAYLOAD(one));
    for (auto* part = static_cast<rtattr*>(RTA_DATA(one)); RTA_OK(part, left); part = RTA_NEXT(part, left))
      if (part->rta_type == IFLA_BRPORT_STATE) return *static_cast<uint8_t*>(RTA_DATA(part)) == BR_STATE_FORWARDING;
  }
  return false;
}

/** Reads news until `count` nodes were seen forwarding, or (`gone`) removed. */
void await_news(int news, int count, int nodes, bool gone) {
  std::vector<char> seen(static_cast<size_t>(nodes));
  std::vector<char> buffer(1 << 18);
  while (count > 0) {
    pollfd fd{news, POLLIN, 0};
    if (poll(&fd, 1, 30'000) <= 0) die(gone ? "links did not go" : "links did not come up");
    int size = need(static_cast<int>(recv(news, buffer.data(), buffer.size(), 0)), "recv");
    for (auto* message = reinterpret_cast<nlmsghdr*>(buffer.data()); NLMSG_OK(message, static_cast<unsigned>(size));
         message = NLMSG_NEXT(message, size)) {
      auto* link = static_cast<ifinfomsg*>(NLMSG_DATA(message));
      const int node = link->ifi_index - kHostIndex;
      if (node < 0 || node >= nodes || seen[node]) continue;
      const bool met = gone ? message->nlmsg_type == RTM_DELLINK && link->ifi_family == AF_UNSPEC
                            : link->ifi_family == AF_BRIDGE && forwards(link, static_cast<int>(IFLA_PAYLOAD(message)));
      if (met) --count;
      seen[node] = met;
    }
  }
}

}  // namespace

int main(int count, char** words) {
  int nodes = 800, threads = 1;
  for (int i = 1; i + 1 < count; i += 2) {
    if (std::strcmp(words[i], "--nodes") == 0) nodes = std::atoi(words[i + 1]);
    else if (std::strcmp(words[i], "--threads") == 0) threads = std::atoi(words[i + 1]);
  }
  if (nodes < 1 || count % 2 == 0) {
    std::fprintf(stderr, "usage: floor [--nodes N] [--threads 1|2]\n");
    return 2;
  }
  std::vector<int> netns;
  const double started = now();
  const Root root = make_root(nodes);
  {
    Supply* supply = threads > 1 ? new Supply(nodes) : nullptr;
    Batch batch;
    for (int node = 0; node < nodes; ++node) {
      const Made made = supply ? supply->take() : make_netns();
      netns.push_back(made.netns);
      add_pair(batch, node, made.netns);
      batch.send(root.requests, "veth pair");
      configure(batch, node, nodes);
      batch.send(made.socket, "node");
      close(made.socket);
    }
    delete supply;
  }
  const double made = now();
  await_news(root.news, nodes, nodes, false);
  const double ready = now();
  // The thread itself holds the last namespace: it leaves for a new one.
  need(unshare(CLONE_NEWNET), "unshare");
  const double stopping = now();
  for (const int fd : netns) close(fd);
  await_news(root.news, nodes, nodes, true);
  std::printf("{\"nodes\":%d,\"threads\":%d,\"seconds\":%.6f,\"carrier_s\":%.6f,\"teardown_s\":%.6f}\n", nodes, threads,
              ready - started, ready - made, now() - stopping);
}
