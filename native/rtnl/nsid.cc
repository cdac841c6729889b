// Namespace ids, as messages.
#include "rtnl/nsid.h"

#include <linux/net_namespace.h>

namespace nslab::rtnl {

void set_netns_id(Batch& batch, int fd, int32_t id) {
  Batch::Request request(batch, RTM_NEWNSID, 0);
  request->put_struct(rtgenmsg{});
  request->put<uint32_t>(NETNSA_FD, static_cast<uint32_t>(fd));
  request->put<int32_t>(NETNSA_NSID, id);
}

void list_netns_ids(Batch& batch) {
  Batch::Request request(batch, RTM_GETNSID, 0);
  request->put_struct(rtgenmsg{});
}

void ask_netns_id(Batch& batch, int32_t id) {
  Batch::Request request(batch, RTM_GETNSID, 0);
  request->put_struct(rtgenmsg{});
  request->put<int32_t>(NETNSA_NSID, id);
}

static std::optional<int32_t> id_of(const Message& message, uint16_t type) {
  if (message.header.nlmsg_type != type) return std::nullopt;
  const auto id = find_attribute(message.attributes<rtgenmsg>(), NETNSA_NSID);
  return id ? id->as<int32_t>() : std::nullopt;
}

std::optional<int32_t> read_netns_id(const Message& message) { return id_of(message, RTM_NEWNSID); }

std::optional<int32_t> read_removed_netns_id(const Message& message) { return id_of(message, RTM_DELNSID); }

}  // namespace nslab::rtnl
