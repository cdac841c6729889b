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

Result<bool> has_netns_id(Socket& socket, int32_t id) {
  Batch batch;
  {
    Batch::Request request(batch, RTM_GETNSID, 0);
    request->put_struct(rtgenmsg{});
    request->put<int32_t>(NETNSA_NSID, id);
  }
  Status known = socket.execute(batch);
  if (known) return true;
  // Nobody's, or that of a namespace whose last reference is gone.
  if (known.error().number == ENOENT) return false;
  return known;
}

std::optional<int32_t> read_removed_netns_id(const Message& message) {
  if (message.header.nlmsg_type != RTM_DELNSID) return std::nullopt;
  const auto id = find_attribute(message.attributes<rtgenmsg>(), NETNSA_NSID);
  return id ? id->as<int32_t>() : std::nullopt;
}

}  // namespace nslab::rtnl
