#include "tun/tun.h"

#include <fcntl.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <sys/ioctl.h>

#include "base/sys.h"
#include "netns/setting.h"
#include "rtnl/address.h"
#include "rtnl/link.h"
#include "rtnl/route.h"
#include "rtnl/socket.h"

namespace nslab::tun {
namespace {

constexpr const char* kDevice = "/dev/net/tun";
/** TUN_F_USO4 and TUN_F_USO6, of Linux 6.2: segments of UDP. Later than the headers of Debian 12. */
constexpr unsigned kUdpSegments = 0x20 | 0x40;

Result<UniqueFd> open_device(const std::string& place) {
  UniqueFd fd(sys::call([] { return ::open(kDevice, O_RDWR | O_NONBLOCK | O_CLOEXEC); }));
  if (fd) return fd;
  const int number = errno;
  if (number == ENOENT || number == ENODEV)
    return Status::failed(number, std::string("open ") + kDevice, place,
                          "this kernel offers no TUN here: load its module (modprobe tun), and in a container pass the "
                          "device on");
  return Status::failed(number, std::string("open ") + kDevice, place);
}

/** The most that this kernel knows: one of before 6.2 refuses what it does not. */
Status set_offloads(int fd, const std::string& place) {
  constexpr unsigned kTcp = TUN_F_CSUM | TUN_F_TSO4 | TUN_F_TSO6 | TUN_F_TSO_ECN;
  for (const unsigned wanted : {kTcp | kUdpSegments, kTcp})
    if (sys::call([&] { return ::ioctl(fd, TUNSETOFFLOAD, wanted); }) == 0) return {};
  return Status::from_errno("TUNSETOFFLOAD", place);
}

}  // namespace

Result<UniqueFd> make(const netns::Netns& where, const TunLink& link, const std::string& place) {
  const netns::Visit visit;
  if (Status entered = netns::enter(where); !entered) return entered;
  // The interface is made where the device was opened.
  auto fd = open_device(place);
  if (!fd) return fd;
  struct ifreq request {};
  if (link.name.empty() || link.name.size() >= sizeof request.ifr_name)
    return Status::failed(ENAMETOOLONG, "TUNSETIFF " + link.name, place);
  link.name.copy(request.ifr_name, sizeof request.ifr_name - 1);
  request.ifr_flags = static_cast<short>(IFF_TUN | IFF_NO_PI | (link.offloads ? IFF_VNET_HDR : 0));
  if (sys::call([&] { return ::ioctl(fd->get(), TUNSETIFF, &request); }) != 0) {
    // EBUSY: another descriptor has it; EINVAL: there is such a name, and it is no TUN interface.
    const bool exists = (errno == EBUSY || errno == EINVAL) && ::if_nametoindex(link.name.c_str()) != 0;
    return exists ? Status::failed(EEXIST, "TUNSETIFF " + link.name, place)
                  : Status::from_errno("TUNSETIFF " + link.name, place);
  }
  if (link.offloads)
    if (Status set = set_offloads(fd->get(), place); !set) return set;
  const unsigned index = ::if_nametoindex(link.name.c_str());
  if (index == 0) return Status::from_errno("if_nametoindex " + link.name, place);
  const auto number = static_cast<int>(index);
  auto socket = rtnl::Socket::open(place);
  if (!socket) return socket.take_status();
  const auto ipv6 = netns::has_ipv6(place);
  if (!ipv6) return Status(ipv6.error());
  rtnl::Batch batch;
  // It would say hello to routers that are not there.
  if (*ipv6) rtnl::set_no_ipv6_address(batch, number);
  rtnl::set_mtu(batch, number, link.mtu);
  rtnl::add_address(batch, number, link.address, link.prefix_length);
  rtnl::set_up(batch, number);
  if (link.groups_prefix_length > 0) rtnl::add_link_route(batch, {link.groups, link.groups_prefix_length}, number);
  if (Status made = socket->execute(batch); !made) return made;
  return fd;
}

}  // namespace nslab::tun
