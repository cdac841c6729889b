// Descriptors that another process opens for this one: sent over a socket whose one end it inherited.
#include <sys/socket.h>

#include <cstring>

#include "base/fd.h"
#include "base/status.h"
#include "base/sys.h"
#include "binding/addon.h"
#include "binding/arguments.h"
#include "binding/errors.h"

namespace nslab::binding {
namespace {

/** Takes the one descriptor of a message that is there already. */
Result<UniqueFd> receive_descriptor(int socket) {
  char byte = 0;
  iovec part{&byte, sizeof byte};
  int fd = -1;
  alignas(cmsghdr) char control[CMSG_SPACE(sizeof fd)] = {};
  msghdr message{};
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  message.msg_control = control;
  message.msg_controllen = sizeof control;
  const ssize_t size = sys::call([&] { return ::recvmsg(socket, &message, MSG_DONTWAIT | MSG_CMSG_CLOEXEC); });
  if (size < 0) return Status::from_errno("recvmsg SCM_RIGHTS", "descriptor socket");
  const cmsghdr* header = CMSG_FIRSTHDR(&message);
  if (header == nullptr || header->cmsg_type != SCM_RIGHTS || header->cmsg_len != CMSG_LEN(sizeof fd))
    return Status::failed(ENOMSG, "recvmsg SCM_RIGHTS", "descriptor socket", "no descriptor in the message");
  std::memcpy(&fd, CMSG_DATA(header), sizeof fd);
  return UniqueFd(fd);
}

Napi::Value js_descriptor_sockets(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  int ends[2];
  if (sys::call([&] { return ::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends); }) != 0) {
    to_js(env, Status::from_errno("socketpair", "process").error()).ThrowAsJavaScriptException();
    return env.Undefined();
  }
  Napi::Array pair = Napi::Array::New(env, 2);
  for (uint32_t i = 0; i < 2; i++) pair.Set(i, Napi::Number::New(env, ends[i]));
  return pair;
}

Napi::Value js_receive_descriptor(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  const auto socket = info.Length() == 1 ? whole_number(info[0], 0, INT32_MAX) : std::nullopt;
  if (!socket) {
    throw_argument(env, "receiveDescriptor(socket: number)");
    return env.Undefined();
  }
  auto fd = receive_descriptor(static_cast<int>(*socket));
  if (fd) return Napi::Number::New(env, fd->release());
  to_js(env, fd.error()).ThrowAsJavaScriptException();
  return env.Undefined();
}

}  // namespace

void init_descriptors(Napi::Env env, Napi::Object exports) {
  exports.Set("descriptorSockets", Napi::Function::New<js_descriptor_sockets>(env, "descriptorSockets"));
  exports.Set("receiveDescriptor", Napi::Function::New<js_receive_descriptor>(env, "receiveDescriptor"));
}

}  // namespace nslab::binding
