// libFuzzer target: messages of a lossless transfer, to both of its ends. The first byte says to which and whether the
// check is made right first, so that what lies behind it is reached. Nothing is read or written elsewhere, and whatever
// an end says afterwards is a whole message.

#include <cstdint>
#include <cstdlib>
#include <vector>

#include "engine/lossless/receiver.h"
#include "engine/lossless/sender.h"

namespace {

using namespace nslab::engine::lossless;

constexpr int64_t kStepNs = 3'000'000;

template <typename End>
void let_speak(End& end, int64_t& now_ns) {
  for (int i = 0; i < 100; i++) {
    const auto out = end.next(now_ns);
    if (!out) break;
    std::vector<uint8_t> message(out->message_bytes);
    end.write(message);
    Head head;
    if (!read_head(message, head)) std::abort();
    end.made(now_ns);
  }
  now_ns += kStepNs;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size < 1) return 0;
  const uint8_t choice = data[0];
  // Of its own, so that a byte too far is seen.
  std::vector<uint8_t> message(data + 1, data + size);
  if (choice & 1 && is_message(message)) seal(message);
  Head head;
  if (!is_message(message) || !read_head(message, head)) return 0;
  Poll poll;
  const bool is_poll = head.kind == Kind::poll && read_poll(message, poll);
  int64_t now_ns = kStepNs;
  const Cut cut{20'000, 64, 8, 0, 4, 0};
  TransferSetting setting;
  setting.flow = head.flow;
  setting.destination = 2;
  setting.receivers = {2};
  setting.cut = cut;
  Sender sender(1, setting, nullptr, head.start, now_ns);
  Receiver receiver(2, 1, head, cut, nullptr, now_ns);
  for (int turn = 0; turn < 4; turn++) {
    let_speak(sender, now_ns);
    (void)sender.take(2, head, message, now_ns);
    (void)receiver.take_symbol(head, message, now_ns);
    if (is_poll) (void)receiver.take_poll(head, {cut, 2, poll.digest}, now_ns);
    let_speak(receiver, now_ns);
  }
  // What a lane would make of the poll, where it has room.
  if (is_poll && poll.cut.parity_symbols == 0 && Receiver::bytes_of(poll.cut) <= 1 << 20) {
    Receiver other(2, 1, head, poll.cut, nullptr, now_ns);
    (void)other.take_poll(head, poll, now_ns);
    let_speak(other, now_ns);
  }
  return 0;
}
