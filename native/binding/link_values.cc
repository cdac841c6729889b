#include "binding/link_values.h"

#include <map>

namespace nslab::binding {
namespace {

const char* kind_name(engine::EventKind kind) {
  switch (kind) {
    case engine::EventKind::up:
      return "up";
    case engine::EventKind::down:
      return "down";
    case engine::EventKind::refused:
      return "refused";
    case engine::EventKind::dial_failed:
      return "dial_failed";
    case engine::EventKind::token:
      return "token";
    case engine::EventKind::token_unsent:
      return "token_unsent";
  }
  return "";
}

/** Strings of events, made once a batch: most of it repeats a few of them. */
class Words {
 public:
  explicit Words(Napi::Env env) : env_(env) {}

  /** `text` is static: its address is its name. */
  Napi::String of(const char* text) {
    const auto found = words_.find(text);
    if (found != words_.end()) return found->second;
    return words_.emplace(text, Napi::String::New(env_, text)).first->second;
  }

 private:
  Napi::Env env_;
  std::map<const char*, Napi::String> words_;
};

constexpr size_t kNumbersAnEnd = 6;

}  // namespace

Napi::Array events_to_js(Napi::Env env, const std::vector<engine::LinkEvent>& events) {
  Words words(env);
  const Napi::String kind = words.of("kind"), node = words.of("nodeId"), peer = words.of("peerId");
  const Napi::String reason = words.of("reason"), at = words.of("atNs");
  const Napi::String walk = words.of("walk"), hops = words.of("hops");
  Napi::Array list = Napi::Array::New(env, events.size());
  for (uint32_t i = 0; i < events.size(); i++) {
    // Words stay outside of the scope that each event's own values end with.
    const Napi::String kind_word = words.of(kind_name(events[i].kind)), reason_word = words.of(events[i].reason);
    const Napi::HandleScope scope(env);
    Napi::Object event = Napi::Object::New(env);
    event.Set(kind, kind_word);
    event.Set(node, Napi::Number::New(env, events[i].node));
    event.Set(peer, Napi::Number::New(env, events[i].peer));
    event.Set(reason, reason_word);
    event.Set(at, Napi::BigInt::New(env, events[i].at_ns));
    if (events[i].kind == engine::EventKind::token || events[i].kind == engine::EventKind::token_unsent) {
      event.Set(walk, Napi::Number::New(env, events[i].walk));
      event.Set(hops, Napi::Number::New(env, events[i].hops));
    }
    list.Set(i, event);
  }
  return list;
}

Napi::Uint32Array ends_to_js(Napi::Env env, const std::vector<engine::LinkEnd>& ends) {
  Napi::Uint32Array numbers = Napi::Uint32Array::New(env, kNumbersAnEnd * ends.size());
  uint32_t* at = numbers.Data();
  for (const engine::LinkEnd& end : ends)
    for (const uint32_t number : {end.node, end.peer, ntohl(end.local.address.s_addr), uint32_t{end.local.port},
                                  ntohl(end.remote.address.s_addr), uint32_t{end.remote.port}})
      *at++ = number;
  return numbers;
}

}  // namespace nslab::binding
