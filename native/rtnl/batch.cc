// The words for a request that failed, read back from its own bytes.
#include "rtnl/batch.h"

#include <arpa/inet.h>
#include <linux/if_addr.h>
#include <linux/if_link.h>
#include <linux/neighbour.h>

namespace nslab::rtnl {
namespace {

const char* type_name(uint16_t type) {
  switch (type) {
    case RTM_NEWLINK:
      return "RTM_NEWLINK";
    case RTM_SETLINK:
      return "RTM_SETLINK";
    case RTM_DELLINK:
      return "RTM_DELLINK";
    case RTM_GETLINK:
      return "RTM_GETLINK";
    case RTM_NEWADDR:
      return "RTM_NEWADDR";
    case RTM_NEWROUTE:
      return "RTM_NEWROUTE";
    case RTM_DELROUTE:
      return "RTM_DELROUTE";
    case RTM_NEWNEIGH:
      return "RTM_NEWNEIGH";
    case RTM_SETNEIGHTBL:
      return "RTM_SETNEIGHTBL";
    case RTM_NEWNSID:
      return "RTM_NEWNSID";
    case RTM_GETNSID:
      return "RTM_GETNSID";
    default:
      return "request";
  }
}

std::string address_text(std::span<const std::byte> attributes, uint16_t type) {
  const auto attribute = find_attribute(attributes, type);
  const auto address = attribute ? attribute->as<in_addr>() : std::nullopt;
  char buffer[INET_ADDRSTRLEN] = "default";
  if (address) ::inet_ntop(AF_INET, &*address, buffer, sizeof buffer);
  return buffer;
}

std::string link_text(const Message& message) {
  const auto name = find_attribute(message.attributes<ifinfomsg>(), IFLA_IFNAME);
  const auto body = message.body<ifinfomsg>();
  return name ? std::string(name->text()) : "index " + std::to_string(body ? body->ifi_index : 0);
}

}  // namespace

std::string Batch::describe(size_t index) const {
  MessageReader reader(bytes().subspan(offsets_[index]));
  Message message;
  if (!reader.next(message)) return "request";
  const std::string name = std::string(type_name(message.header.nlmsg_type)) + " ";
  switch (message.header.nlmsg_type) {
    case RTM_NEWADDR:
      return name + address_text(message.attributes<ifaddrmsg>(), IFA_LOCAL);
    case RTM_NEWROUTE:
    case RTM_DELROUTE:
      return name + address_text(message.attributes<rtmsg>(), RTA_DST);
    case RTM_NEWNEIGH:
      return name + address_text(message.attributes<ndmsg>(), NDA_DST);
    case RTM_NEWLINK:
    case RTM_SETLINK:
    case RTM_GETLINK:
    case RTM_DELLINK:
      return name + link_text(message);
    default:
      return name + "#" + std::to_string(index);
  }
}

}  // namespace nslab::rtnl
