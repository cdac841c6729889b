// Errors across the border.
#include "binding/errors.h"

namespace nslab::binding {

Napi::Error to_js(Napi::Env env, const Error& error) {
  Napi::Error js = Napi::Error::New(env, error.message());
  Napi::Object value = js.Value();
  value.Set("code", errno_name(error.number));
  value.Set("errno", error.number);
  value.Set("operation", error.operation);
  value.Set("where", error.where);
  value.Set("reason", error.reason);
  return js;
}

void throw_argument(Napi::Env env, const char* what) {
  Napi::TypeError error = Napi::TypeError::New(env, what);
  error.Value().Set("code", "EINVAL");
  error.ThrowAsJavaScriptException();
}

}  // namespace nslab::binding
