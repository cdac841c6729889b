// Tests of the bytes of socket dumps: requests with their filters, answers good, refusing and damaged. Prints TAP. Run
// by test/native/diag.test.ts.
//
// diag-test SEED   the seed of the filters and of the damage

#include <cerrno>
#include <cstdlib>
#include <random>
#include <vector>

#include "diag/reply.h"
#include "diag/request.h"
#include "test/diag_parts.h"

namespace {

using namespace nslab;
using namespace nslab::test;

/** What the kernel's filter machine makes of a program, by hand. */
bool matches(std::span<const std::byte> program, uint16_t source, uint16_t destination) {
  auto length = static_cast<int>(program.size());
  const std::byte* at = program.data();
  while (length > 0) {
    inet_diag_bc_op op[2] = {};
    std::memcpy(op, at, static_cast<size_t>(length) < sizeof op ? sizeof op[0] : sizeof op);
    bool yes = true;
    if (op->code == INET_DIAG_BC_S_EQ) yes = source == op[1].no;
    if (op->code == INET_DIAG_BC_D_EQ) yes = destination == op[1].no;
    if (op->code == INET_DIAG_BC_JMP) yes = false;
    const int step = yes ? op->yes : op->no;
    if (step == 0) return false;
    length -= step;
    at += step;
  }
  return length == 0;
}

void requests(std::mt19937& random) {
  auto both = diag::dump_request({1 << 10, {}}, diag::Families::both);
  diag::set_sequence(both, 77);
  rtnl::MessageReader reader(both);
  rtnl::Message message;
  check(reader.next(message) && message.header.nlmsg_type == TCPDIAG_GETSOCK && message.header.nlmsg_seq == 77 &&
            message.body<inet_diag_req>()->idiag_states == 1 << 10 &&
            message.header.nlmsg_flags == (NLM_F_REQUEST | NLM_F_DUMP),
        "a request for both families is the older one, with its states and its number");
  size_t wrong = 0;
  for (size_t count = 1; count <= diag::kPortsMax; ++count) {
    diag::Filter filter;
    for (size_t i = 0; i < count; ++i) filter.ports.push_back(static_cast<uint16_t>(random() % 200 + 1));
    const auto request = diag::dump_request(filter, diag::Families::ipv6);
    rtnl::MessageReader one(request);
    (void)one.next(message);
    const auto program = rtnl::find_attribute(message.attributes<inet_diag_req_v2>(), INET_DIAG_REQ_BYTECODE);
    for (int round = 0; round < 50; ++round) {
      const auto source = static_cast<uint16_t>(random() % 220), destination = static_cast<uint16_t>(random() % 220);
      bool wanted = false;
      for (const uint16_t port : filter.ports) wanted = wanted || port == source || port == destination;
      if (!program || matches(program->payload, source, destination) != wanted) ++wrong;
    }
  }
  check(wrong == 0, "the filter's program lets pass what has one of its ports at either end, and nothing else");
}

void answers() {
  diag::SeenCookies seen;
  std::vector<diag::Row> rows(8);
  diag::RowWriter to{rows.data(), rows.data() + rows.size(), seen, 5, 6, 0x1'0000'0007};
  rtnl::Writer writer;
  put_socket(writer, 9, 0xabcdef0123456789);
  put_socket(writer, 8, 2);
  put_socket(writer, 9, 0xabcdef0123456789);
  put_done(writer, 8);
  auto reply = diag::read_reply(writer.bytes(), 9, 0, to);
  check(reply.rows == 1 && reply.doubled == 1 && !reply.done && !reply.malformed,
        "of another sequence nothing is taken, and a socket is a row once");
  std::printf("# row ");
  for (size_t i = 0; i < sizeof(diag::Row); ++i) std::printf("%02x", reinterpret_cast<const uint8_t*>(rows.data())[i]);
  std::printf("\n");
  check(rows[0].info_size == 2 * sizeof(tcp_info), "tcp_info may be longer than is known here");
  check(diag::read_reply(writer.bytes(), 8, 1, to).rows == 0, "what is for another port is not ours");
  writer.clear();
  put_done(writer, 9, -ENOMEM);
  check(diag::read_reply(writer.bytes(), 9, 0, to).error == ENOMEM, "an end that says an error is one");
  writer.clear();
  put_error(writer, 9, EPERM);
  reply = diag::read_reply(writer.bytes(), 9, 0, to);
  check(reply.done && reply.error == EPERM, "a refusal ends the dump");
  writer.clear();
  writer.end_message(writer.begin_message(NLMSG_OVERRUN, 0, 9));
  put_done(writer, 9, 0, NLM_F_DUMP_INTR);
  reply = diag::read_reply(writer.bytes(), 9, 0, to);
  check(reply.done && reply.overrun && reply.interrupted && reply.error == 0,
        "an overrun and an interruption are told");
  writer.clear();
  writer.end_message(writer.begin_message(SOCK_DIAG_BY_FAMILY, NLM_F_MULTI, 9));
  check(diag::read_reply(writer.bytes(), 9, 0, to).malformed, "a socket without a body is malformed");
  diag::RowWriter none{nullptr, nullptr, seen, 0, 0, 0};
  writer.clear();
  put_socket(writer, 9, 3);
  check(diag::read_reply(writer.bytes(), 9, 0, none).rows == 0, "without room no row is written");
  diag::SeenCookies many;
  bool once = true;
  for (uint64_t cookie = 1; cookie <= 100'000; ++cookie) once = once && many.insert(cookie * 0x1'0000'0000);
  for (uint64_t cookie = 1; cookie <= 100'000; ++cookie) once = once && !many.insert(cookie * 0x1'0000'0000);
  many.clear();
  check(once && many.insert(0x1'0000'0000), "a hundred thousand cookies are each new once, and again after clearing");
}

/** Lengths that lie and bytes that are missing: the reader stays within its buffer (AddressSanitizer watches). */
void damaged(std::mt19937& random) {
  rtnl::Writer whole;
  put_socket(whole, 9, 1);
  const size_t first = whole.bytes().size();
  put_socket(whole, 9, 2);
  const size_t second = whole.bytes().size();
  put_done(whole, 9);
  size_t malformed = 0, silent = 0;
  for (int round = 0; round < 20'000; ++round) {
    std::vector<std::byte> bytes(whole.bytes().begin(), whole.bytes().end());
    const size_t damages = random() % 6;
    for (size_t i = 0; i < damages; ++i) bytes[random() % bytes.size()] = static_cast<std::byte>(random());
    bytes.resize(random() % (bytes.size() + 1));
    const std::vector<std::byte> exact(bytes);
    diag::SeenCookies seen;
    std::vector<diag::Row> rows(2);
    diag::RowWriter to{rows.data(), rows.data() + rows.size(), seen, 0, 0, 0};
    if (diag::read_reply(exact, 9, 0, to).malformed) ++malformed;
  }
  for (size_t size = 1; size < whole.bytes().size(); ++size) {
    const std::vector<std::byte> cut(whole.bytes().begin(), whole.bytes().begin() + static_cast<std::ptrdiff_t>(size));
    diag::SeenCookies seen;
    std::vector<diag::Row> rows(2);
    diag::RowWriter to{rows.data(), rows.data() + rows.size(), seen, 0, 0, 0};
    const auto reply = diag::read_reply(cut, 9, 0, to);
    if (!reply.malformed && size != first && size != second) ++silent;
  }
  check(malformed > 1000, "damaged answers are told as such");
  check(silent == 0, "an answer that was cut anywhere but between messages is told as such");
}

}  // namespace

int main(int count, char** words) {
  const unsigned seed = count > 1 ? static_cast<unsigned>(std::strtoul(words[1], nullptr, 10)) : 1;
  std::printf("TAP version 14\n# seed %u\n", seed);
  std::mt19937 random(seed);
  requests(random);
  answers();
  damaged(random);
  return end_checks();
}
