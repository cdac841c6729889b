// nslab-tap MTU: keeps a segment of tap devices for as long as its standard input is open. It makes the bridge in the
// namespaces that it was started in (nslab-launch gives it new ones), says so, and then obeys, a line of words each:
//   port NAME · open NAME · join NAME · cut NAME · totals
//   impair NAME DELAY_NS JITTER_NS LOSS RATE_BYTES_PER_S · clear NAME
// open hands a descriptor of the port over on descriptor 3, a socket, before it is answered.
// Each line, and the start, is answered by one line of JSON: {"ok":…} or {"error":{…}}.

#include <sys/socket.h>

#include <charconv>
#include <cstdlib>
#include <cstring>
#include <iostream>
#include <optional>
#include <sstream>

#include "base/sys.h"
#include "tap/segment.h"

namespace nslab::tap {
namespace {

constexpr int kExitUsage = 2;
constexpr int kExitRefused = 6;
/** Given by whoever starts us. */
constexpr int kHandOverFd = 3;

std::string quoted(const std::string& text) {
  std::string result = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') result += '\\';
    // The words of a kernel and of our own have no control characters; one from elsewhere must not end the line.
    result += static_cast<unsigned char>(c) < ' ' ? ' ' : c;
  }
  return result + '"';
}

std::string error_line(const Error& error) {
  return "{\"error\":{\"operation\":" + quoted(error.operation) + ",\"errno\":" + quoted(errno_name(error.number)) +
         ",\"reason\":" + quoted(error.reason) + "}}";
}

std::string answer_to(const Status& status) { return status ? "{\"ok\":true}" : error_line(status.error()); }

std::string answer_to(const Result<std::vector<PortTotals>>& totals) {
  if (!totals) return error_line(totals.error());
  std::ostringstream line;
  line << "{\"ok\":{";
  const char* separator = "";
  for (const PortTotals& port : *totals) {
    line << separator << quoted(port.name) << ":{\"received\":{\"frames\":" << port.received_frames
         << ",\"bytes\":" << port.received_bytes << "},\"sent\":{\"frames\":" << port.sent_frames
         << ",\"bytes\":" << port.sent_bytes << "},\"droppedFrames\":" << port.dropped_frames << '}';
    separator = ",";
  }
  line << "}}";
  return line.str();
}

Status unknown(const std::string& line) { return Status::failed(EINVAL, line, "segment"); }

Status hand_over(int fd) {
  char byte = 0;
  iovec part{&byte, sizeof byte};
  alignas(cmsghdr) char control[CMSG_SPACE(sizeof fd)] = {};
  msghdr message{};
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  message.msg_control = control;
  message.msg_controllen = sizeof control;
  cmsghdr* header = CMSG_FIRSTHDR(&message);
  header->cmsg_level = SOL_SOCKET;
  header->cmsg_type = SCM_RIGHTS;
  header->cmsg_len = CMSG_LEN(sizeof fd);
  std::memcpy(CMSG_DATA(header), &fd, sizeof fd);
  if (sys::call([&] { return ::sendmsg(kHandOverFd, &message, MSG_NOSIGNAL); }) < 0)
    return Status::from_errno("sendmsg SCM_RIGHTS", "segment");
  return {};
}

Status open_port(Segment& segment, const std::string& name) {
  auto fd = segment.open_port(name);
  return fd ? hand_over(fd->get()) : fd.take_status();
}

std::string obey(Segment& segment, const std::string& line) {
  std::istringstream words(line);
  std::string verb, name;
  words >> verb;
  if (verb == "totals") return answer_to(segment.totals());
  if (!(words >> name)) return answer_to(unknown(line));
  if (verb == "port") return answer_to(segment.add_port(name));
  if (verb == "open") return answer_to(open_port(segment, name));
  if (verb == "join" || verb == "cut") return answer_to(segment.set_joined(name, verb == "join"));
  if (verb == "clear") return answer_to(segment.clear(name));
  Impairment impairment;
  words >> impairment.delay_ns >> impairment.jitter_ns >> impairment.loss >> impairment.rate_bytes_per_s;
  if (verb != "impair" || !words) return answer_to(unknown(line));
  return answer_to(segment.impair(name, impairment));
}

/** The one argument; what the kernel thinks of the number shows with the first device. */
std::optional<uint32_t> mtu_of(int argc, char** argv) {
  if (argc != 2) return std::nullopt;
  uint32_t mtu = 0;
  const std::string_view word = argv[1];
  const auto [end, error] = std::from_chars(word.data(), word.data() + word.size(), mtu);
  if (error != std::errc() || end != word.data() + word.size()) return std::nullopt;
  return mtu;
}

int serve(uint32_t mtu) {
  auto segment = Segment::make(mtu);
  if (!segment) {
    std::cout << error_line(segment.error()) << std::endl;
    return kExitRefused;
  }
  std::cout << "{\"ok\":true}" << std::endl;
  for (std::string line; std::getline(std::cin, line);) std::cout << obey(*segment, line) << std::endl;
  return EXIT_SUCCESS;
}

}  // namespace
}  // namespace nslab::tap

int main(int argc, char** argv) {
  const auto mtu = nslab::tap::mtu_of(argc, argv);
  if (mtu) return nslab::tap::serve(*mtu);
  std::cerr << "usage: nslab-tap MTU" << std::endl;
  return nslab::tap::kExitUsage;
}
