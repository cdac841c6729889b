// The Netns class of JavaScript, for the parts that take one as an argument.
#pragma once

#include <napi.h>

#include <memory>

#include "netns/netns.h"

namespace nslab::binding {

using SharedNetns = std::shared_ptr<const netns::Netns>;

/** The namespace behind a JavaScript Netns; null (with a pending TypeError) where `value` is none or was closed. */
[[nodiscard]] SharedNetns netns_of(Napi::Value value);

/** NetnsIdentity of src/native/netns.ts. */
[[nodiscard]] Napi::Object identity_to_js(Napi::Env env, const netns::Identity& identity);

/** A JavaScript Netns that borrows `netns`: it does not keep the namespace alive, and is as good as closed once it is
 * gone. */
[[nodiscard]] Napi::Value netns_to_js(Napi::Env env, const SharedNetns& netns);

/** A JavaScript Netns that keeps the namespace alive, with others that share it, until it is closed. */
[[nodiscard]] Napi::Value own_netns_to_js(Napi::Env env, SharedNetns netns);

}  // namespace nslab::binding
