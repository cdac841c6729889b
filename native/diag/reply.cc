// Reading dumps. Every length is checked: nothing a socket says is believed before.
#include "diag/reply.h"

#include <linux/inet_diag.h>
#include <linux/sock_diag.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "rtnl/wire.h"

namespace nslab::diag {
namespace {

void copy_prefix(void* to, size_t room, std::span<const std::byte> from) {
  std::memcpy(to, from.data(), std::min(room, from.size()));
}

void take_attribute(Row& row, const rtnl::Attribute& attribute) {
  switch (attribute.type) {
    case INET_DIAG_INFO:
      copy_prefix(row.info, sizeof row.info, attribute.payload);
      row.info_size = static_cast<uint16_t>(attribute.payload.size());
      row.has |= kHasInfo;
      break;
    case INET_DIAG_SKMEMINFO:
      copy_prefix(row.memory, sizeof row.memory, attribute.payload);
      row.has |= kHasMemory;
      break;
    case INET_DIAG_CONG:
      copy_prefix(row.congestion, sizeof row.congestion, attribute.payload);
      row.has |= kHasCongestion;
      break;
    case INET_DIAG_CGROUP_ID:
      if (const auto id = attribute.as<uint64_t>()) {
        row.cgroup_id = *id;
        row.has |= kHasCgroup;
      }
      break;
    case INET_DIAG_SHUTDOWN:
      if (const auto shutdown = attribute.as<uint8_t>()) row.shutdown = *shutdown;
      break;
    default:
      break;
  }
}

/** False where the message is not what it should be; the row is then unfinished. */
bool read_socket(const rtnl::Message& message, Row& row) {
  const auto body = message.body<inet_diag_msg>();
  if (!body || (body->idiag_family != AF_INET && body->idiag_family != AF_INET6)) return false;
  std::memset(&row, 0, sizeof row);
  row.family = body->idiag_family == AF_INET ? 4 : 6;
  row.state = body->idiag_state;
  row.timer = body->idiag_timer;
  row.retransmits = body->idiag_retrans;
  row.expires_ms = body->idiag_expires;
  row.receive_queue = body->idiag_rqueue;
  row.send_queue = body->idiag_wqueue;
  row.uid = body->idiag_uid;
  row.inode = body->idiag_inode;
  row.source_port = ntohs(body->id.idiag_sport);
  row.destination_port = ntohs(body->id.idiag_dport);
  row.interface_index = body->id.idiag_if;
  row.cookie = body->id.idiag_cookie[0] | static_cast<uint64_t>(body->id.idiag_cookie[1]) << 32;
  // Of IPv4 the kernel leaves the rest as it was in its buffer.
  const size_t address_size = row.family == 4 ? 4 : 16;
  std::memcpy(row.source, body->id.idiag_src, address_size);
  std::memcpy(row.destination, body->id.idiag_dst, address_size);
  rtnl::AttributeReader attributes(message.attributes<inet_diag_msg>());
  for (rtnl::Attribute attribute; attributes.next(attribute);) take_attribute(row, attribute);
  return !attributes.damaged();
}

}  // namespace

Reply read_reply(std::span<const std::byte> datagram, uint32_t sequence, uint32_t port, RowWriter& writer) {
  Reply reply;
  rtnl::MessageReader messages(datagram);
  for (rtnl::Message message; !reply.done && messages.next(message);) {
    if (message.header.nlmsg_seq != sequence || message.header.nlmsg_pid != port) continue;
    reply.interrupted |= (message.header.nlmsg_flags & NLM_F_DUMP_INTR) != 0;
    switch (message.header.nlmsg_type) {
      case NLMSG_NOOP:
        break;
      case NLMSG_OVERRUN:
        reply.overrun = true;
        break;
      case NLMSG_DONE: {
        // Its payload is the errno, negative; older kernels have none.
        const auto result = message.body<int32_t>();
        reply.done = true;
        reply.error = result && *result < 0 && *result > INT32_MIN ? -*result : 0;
        break;
      }
      case NLMSG_ERROR: {
        const auto answer = message.body<nlmsgerr>();
        reply.done = true;
        reply.error = answer && answer->error < 0 && answer->error > INT32_MIN ? -answer->error : EPROTO;
        break;
      }
      case SOCK_DIAG_BY_FAMILY:
      case TCPDIAG_GETSOCK: {
        if (writer.next == writer.end) {
          reply.malformed = true;
          break;
        }
        Row& row = *writer.next;
        if (!read_socket(message, row)) {
          reply.malformed = true;
          break;
        }
        if (!writer.seen.insert(row.cookie)) {
          ++reply.doubled;
          break;
        }
        row.poll = writer.poll;
        row.slot = writer.slot;
        row.seen_ns = writer.seen_ns;
        ++writer.next;
        ++reply.rows;
        break;
      }
      default:
        reply.malformed = true;
    }
  }
  reply.malformed |= messages.damaged();
  return reply;
}

}  // namespace nslab::diag
