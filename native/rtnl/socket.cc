// Requests and their answers.
#include "rtnl/socket.h"

#include <linux/netlink.h>
#include <sys/socket.h>

#include "base/sys.h"

namespace nslab::rtnl {
namespace {

/** The kernel sends datagrams of at most 32 KiB to a reader that offers as much (netlink_dump). */
constexpr size_t kDatagramBytes = 32 * 1024;
/** Listings change under the reader's eyes on a busy machine; after this many beginnings something else is wrong. */
constexpr int kDumpAttemptsMax = 100;

/** The kernel's own words (NLMSGERR_ATTR_MSG) of an error answer. */
std::string extended_words(const Message& message) {
  if ((message.header.nlmsg_flags & NLM_F_ACK_TLVS) == 0) return {};
  const auto body = message.body<nlmsgerr>();
  if (!body) return {};
  size_t skip = sizeof(nlmsgerr);
  // Without NLM_F_CAPPED the whole request is repeated before the attributes.
  if ((message.header.nlmsg_flags & NLM_F_CAPPED) == 0) skip += NLMSG_ALIGN(body->msg.nlmsg_len) - sizeof(nlmsghdr);
  if (message.payload.size() < skip) return {};
  const auto words = find_attribute(message.payload.subspan(skip), NLMSGERR_ATTR_MSG);
  return words ? std::string(words->text()) : std::string();
}

}  // namespace

Result<size_t> receive_datagram(int fd, std::vector<std::byte>& buffer, const std::string& operation,
                                const std::string& where) {
  if (buffer.size() < kDatagramBytes) buffer.resize(kDatagramBytes);
  for (;;) {
    sockaddr_nl sender{};
    iovec part{buffer.data(), buffer.size()};
    msghdr message{};
    message.msg_name = &sender;
    message.msg_namelen = sizeof sender;
    message.msg_iov = &part;
    message.msg_iovlen = 1;
    const ssize_t size = sys::call([&] { return ::recvmsg(fd, &message, MSG_DONTWAIT); });
    if (size < 0) return Status::from_errno(operation, where);
    if ((message.msg_flags & MSG_TRUNC) != 0) return Status::failed(EMSGSIZE, operation, where);
    // Any process may send to a netlink socket: only the kernel (port 0) is believed.
    if (sender.nl_pid == 0) return static_cast<size_t>(size);
  }
}

Result<Socket> Socket::open(std::string where) {
  UniqueFd fd(sys::call([] { return ::socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE); }));
  if (!fd) return Status::from_errno("socket NETLINK_ROUTE", where);
  return adopt(std::move(fd), std::move(where));
}

Result<Socket> Socket::adopt(UniqueFd fd, std::string where) {
  const int on = 1;
  // Extended words, answers without a copy of the request, and listings whose filters are checked.
  for (const int option : {NETLINK_EXT_ACK, NETLINK_CAP_ACK, NETLINK_GET_STRICT_CHK})
    if (sys::call([&] { return ::setsockopt(fd.get(), SOL_NETLINK, option, &on, sizeof on); }) != 0)
      return Status::from_errno("setsockopt SOL_NETLINK " + std::to_string(option), where);
  return Socket(std::move(fd), std::move(where));
}

Status Socket::send(std::span<const std::byte> bytes, const std::string& operation) {
  sockaddr_nl kernel{};
  kernel.nl_family = AF_NETLINK;
  const ssize_t sent = sys::call([&] {
    return ::sendto(fd_.get(), bytes.data(), bytes.size(), 0, reinterpret_cast<const sockaddr*>(&kernel),
                    sizeof kernel);
  });
  return sent == static_cast<ssize_t>(bytes.size()) ? Status() : Status::from_errno(operation, where_);
}

Result<std::span<const std::byte>> Socket::receive(const std::string& operation) {
  auto size = receive_datagram(fd_.get(), buffer_, operation, where_);
  if (!size) return size.take_status();
  return std::span<const std::byte>(buffer_.data(), *size);
}

Status Socket::execute(Batch& batch) {
  if (batch.empty()) return {};
  const uint32_t first = sequence_ + 1;
  sequence_ += static_cast<uint32_t>(batch.size());
  Status outcome;
  for (size_t index = 0; index < batch.size(); ++index) {
    nlmsghdr header = batch.header(index);
    header.nlmsg_seq = first + static_cast<uint32_t>(index);
    // Failures are always answered; success only of the last, which says that all are done.
    if (index + 1 == batch.size()) header.nlmsg_flags |= NLM_F_ACK;
    if (const int injected = sys::count_call(); injected != 0) {
      if (outcome.ok()) outcome = Status::failed(injected, batch.describe(index), where_);
      header.nlmsg_type = NLMSG_NOOP;
    }
    batch.set_header(index, header);
  }
  const auto finish = [&](Status status) {
    batch.clear();
    return status;
  };
  if (Status sent = send(batch.bytes(), "sendmsg " + batch.describe(0)); !sent) return finish(std::move(sent));
  for (;;) {
    auto datagram = receive("recvmsg netlink");
    if (!datagram) return finish(datagram.take_status());
    MessageReader reader(*datagram);
    for (Message message; reader.next(message);) {
      const auto answer = message.body<nlmsgerr>();
      const uint32_t index = message.header.nlmsg_seq - first;
      // Answers of an earlier batch whose reading failed are still there: not ours.
      if (message.header.nlmsg_type != NLMSG_ERROR || !answer || index >= batch.size()) continue;
      if (answer->error != 0 && outcome.ok())
        outcome = Status::failed(-answer->error, batch.describe(index), where_, extended_words(message));
      if (index + 1 == batch.size()) return finish(std::move(outcome));
    }
  }
}

Status Socket::dump(Batch& request, const std::function<void(const Message&)>& take,
                    const std::function<void()>& restart) {
  const std::string operation = request.describe(0);
  for (int attempt = 0; attempt < kDumpAttemptsMax; ++attempt) {
    nlmsghdr header = request.header(0);
    header.nlmsg_seq = ++sequence_;
    header.nlmsg_flags |= NLM_F_DUMP;
    request.set_header(0, header);
    if (Status sent = send(request.bytes(), operation); !sent) return sent;
    bool interrupted = false;
    for (bool done = false; !done;) {
      auto datagram = receive(operation);
      if (!datagram) return datagram.take_status();
      MessageReader reader(*datagram);
      for (Message message; !done && reader.next(message);) {
        if (message.header.nlmsg_seq != sequence_) continue;
        interrupted = interrupted || (message.header.nlmsg_flags & NLM_F_DUMP_INTR) != 0;
        if (message.header.nlmsg_type == NLMSG_ERROR) {
          const auto answer = message.body<nlmsgerr>();
          return Status::failed(answer ? -answer->error : EPROTO, operation, where_, extended_words(message));
        }
        done = message.header.nlmsg_type == NLMSG_DONE;
        if (!done) take(message);
      }
    }
    if (!interrupted) return {};
    restart();
  }
  return Status::failed(EAGAIN, operation, where_, "the listing changed too often to be read");
}

}  // namespace nslab::rtnl
