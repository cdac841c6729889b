// Dump requests and their filters.
#include "diag/request.h"

#include <linux/inet_diag.h>
#include <linux/sock_diag.h>
#include <netinet/in.h>
#include <sys/socket.h>

namespace nslab::diag {
namespace {

constexpr uint8_t extension(int attribute) { return static_cast<uint8_t>(1u << (attribute - 1)); }

/** CGROUP_ID and SHUTDOWN come without being asked for, MEMINFO is a part of SKMEMINFO. */
constexpr uint8_t kExtensions = extension(INET_DIAG_INFO) | extension(INET_DIAG_CONG) | extension(INET_DIAG_SKMEMINFO);

/**
 * A program for the kernel's filter machine: at each instruction it goes `yes` or `no` bytes on. Ending right behind
 * the last is a match, four bytes farther is none. A comparison of ports has the port in a second instruction.
 */
std::vector<inet_diag_bc_op> port_program(const std::vector<uint16_t>& ports) {
  constexpr uint16_t kStep = sizeof(inet_diag_bc_op);
  std::vector<inet_diag_bc_op> program;
  // Each end of each port: a comparison (2) and, but for the last, a jump to the end (1).
  const size_t total = ports.size() * 2 * 3 - 1;
  for (const uint16_t port : ports) {
    for (const uint8_t code : {INET_DIAG_BC_S_EQ, INET_DIAG_BC_D_EQ}) {
      program.push_back({code, 2 * kStep, 3 * kStep});
      program.push_back({0, 0, port});
      if (program.size() == total) break;
      const auto to_end = static_cast<uint16_t>((total - program.size()) * kStep);
      program.push_back({INET_DIAG_BC_JMP, kStep, to_end});
    }
  }
  return program;
}

}  // namespace

std::vector<std::byte> dump_request(const Filter& filter, Families families) {
  rtnl::Writer writer;
  size_t message = 0;
  if (families == Families::both) {
    // The older request, which asks for no family. struct inet_diag_req names states and extensions elsewhere.
    message = writer.begin_message(TCPDIAG_GETSOCK, NLM_F_DUMP, 0);
    inet_diag_req request{};
    request.idiag_ext = kExtensions;
    request.idiag_states = filter.states;
    writer.put_struct(request);
  } else {
    message = writer.begin_message(SOCK_DIAG_BY_FAMILY, NLM_F_DUMP, 0);
    inet_diag_req_v2 request{};
    request.sdiag_family = families == Families::ipv4 ? AF_INET : AF_INET6;
    request.sdiag_protocol = IPPROTO_TCP;
    request.idiag_ext = kExtensions;
    request.idiag_states = filter.states;
    writer.put_struct(request);
  }
  if (!filter.ports.empty()) {
    const auto program = port_program(filter.ports);
    writer.put_bytes(INET_DIAG_REQ_BYTECODE, program.data(), program.size() * sizeof program[0]);
  }
  writer.end_message(message);
  return {writer.bytes().begin(), writer.bytes().end()};
}

void set_sequence(std::vector<std::byte>& request, uint32_t sequence) {
  std::memcpy(request.data() + offsetof(nlmsghdr, nlmsg_seq), &sequence, sizeof sequence);
}

}  // namespace nslab::diag
