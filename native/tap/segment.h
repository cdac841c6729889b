// A segment between microVMs made by the kernel: a bridge with a tap device a port, in the namespace of this process.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/fd.h"
#include "base/status.h"
#include "rtnl/socket.h"

namespace nslab::tap {

/** What is done to frames on their way to a port. 0 changes nothing. */
struct Impairment {
  uint64_t delay_ns = 0;
  uint64_t jitter_ns = 0;
  /** Share of frames lost, of 2^32 - 1. */
  uint32_t loss = 0;
  uint64_t rate_bytes_per_s = 0;
};

/** Of one port; received is from the VM. A frame that the VM left to be segmented counts as one. */
struct PortTotals {
  std::string name;
  uint64_t received_frames = 0;
  uint64_t received_bytes = 0;
  uint64_t sent_frames = 0;
  uint64_t sent_bytes = 0;
  uint64_t dropped_frames = 0;
};

/** For one thread. Everything ends with the namespace, which this process and each QEMU in it keep alive. */
class Segment {
 public:
  /** Makes the bridge in the calling thread's namespace. EEXIST where there is one. `mtu`: of it and of its ports. */
  static Result<Segment> make(uint32_t mtu);

  /**
   * Makes a tap device that stays when nobody has it open, so that what is set for a port outlives its VM.
   * Equivalent to: `ip tuntap add NAME mode tap vnet_hdr`, `ip link set NAME mtu MTU`, `ip link set NAME master BRIDGE
   * up`. EINVAL where the kernel's tap devices can't have that MTU.
   */
  Status add_port(const std::string& name);
  /**
   * A descriptor to send and get the port's frames by, for one at a time: EBUSY where another is open. The port passes
   * frames when this returns; ETIMEDOUT where it never does.
   */
  Result<UniqueFd> open_port(const std::string& name);
  /**
   * Off the bridge nothing passes either way, and the VM sees nothing of it. In force when this returns, which it would
   * not be if the device went down and up: the kernel looks at such changes later. Equivalent to: `ip link set NAME
   * master BRIDGE|nomaster`
   */
  Status set_joined(const std::string& name, bool joined);
  /** Equivalent to: `tc qdisc replace dev NAME root netem …`. ENOENT where the kernel has no netem. */
  Status impair(const std::string& name, const Impairment& impairment);
  /** Equivalent to: `tc qdisc del dev NAME root`; nothing to do is no error. */
  Status clear(const std::string& name);
  Result<std::vector<PortTotals>> totals();

 private:
  Segment(rtnl::Socket socket, uint32_t mtu) : socket_(std::move(socket)), mtu_(mtu) {}

  /** Waits for the bridge to see that the device is open. */
  Status await_passing(int port);

  rtnl::Socket socket_;
  uint32_t mtu_;
};

}  // namespace nslab::tap
