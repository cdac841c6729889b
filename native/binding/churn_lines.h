// Churn across the border: operations of JavaScript, and lines for it, with the keys of src/protocol/churn.ts.
#pragma once

#include <napi.h>

#include <cstdint>
#include <optional>
#include <vector>

#include "churn/operation.h"
#include "churn/worker.h"

namespace nslab::binding {

/** Nothing where `list` has something that is no operation. `begin_ns`: what `due_s` counts from. */
[[nodiscard]] std::optional<std::vector<churn::Operation>> read_operations(Napi::Value list, int64_t begin_ns);

/** What is wrong with `value`, or null. */
[[nodiscard]] const char* read_churn_options(Napi::Value value, churn::Options& options);

/** An array of ChurnLine. `origin_ns`: what times count from. */
[[nodiscard]] Napi::Array lines_to_js(Napi::Env env, const std::vector<churn::Line>& lines, int64_t origin_ns);

}  // namespace nslab::binding
