// Neighbour entries, as messages.
#include "rtnl/neighbour.h"

#include <linux/neighbour.h>

namespace nslab::rtnl {

void set_neighbour(Batch& batch, int index, in_addr address, const Mac& mac) {
  Batch::Request request(batch, RTM_NEWNEIGH, NLM_F_CREATE | NLM_F_REPLACE);
  ndmsg header{};
  header.ndm_family = AF_INET;
  header.ndm_ifindex = index;
  header.ndm_state = NUD_PERMANENT;
  request->put_struct(header);
  request->put(NDA_DST, address);
  request->put(NDA_LLADDR, mac);
}

}  // namespace nslab::rtnl
