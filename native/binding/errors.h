// Errors across the border: native Error → JavaScript Error with code, operation, where, errno, reason.
#pragma once

#include <napi.h>

#include "base/status.h"

namespace nslab::binding {

/** A JavaScript Error: message as Error::message(); code (errno name), errno, operation, where, reason. */
[[nodiscard]] Napi::Error to_js(Napi::Env env, const Error& error);

/** Throws a TypeError with code EINVAL; the caller returns. */
void throw_argument(Napi::Env env, const char* what);

}  // namespace nslab::binding
