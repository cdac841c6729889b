// An object's fields, read one after another; the first that is wrong is remembered.
#pragma once

#include <napi.h>

#include <optional>
#include <string>
#include <utility>

#include "base/status.h"
#include "binding/arguments.h"

namespace nslab::binding {

class Fields {
 public:
  /** `operation` and `where`: of the error. A value that is no object has none of the fields. */
  Fields(Napi::Value value, std::string operation, std::string where)
      : value_(value), operation_(std::move(operation)), where_(std::move(where)) {
    if (!value.IsObject()) fail("", "an object is wanted");
  }

  [[nodiscard]] bool has(const char* name) const { return !get(name).IsUndefined(); }
  [[nodiscard]] Napi::Value get(const char* name) const {
    return value_.IsObject() ? value_.As<Napi::Object>().Get(name) : value_.Env().Undefined();
  }
  /** A whole number; `absent` where there is none. */
  uint64_t whole(const char* name, uint64_t min, uint64_t max, std::optional<uint64_t> absent = {}) {
    if (absent && !has(name)) return *absent;
    const auto number = whole_number(get(name), min, max);
    if (!number) fail(name, "a whole number from " + std::to_string(min) + " to " + std::to_string(max) + " is wanted");
    return number.value_or(min);
  }
  uint32_t whole32(const char* name, uint32_t min, uint32_t max, std::optional<uint64_t> absent = {}) {
    return static_cast<uint32_t>(whole(name, min, max, absent));
  }
  /** 0 where there is none. */
  double ratio(const char* name) {
    if (!has(name)) return 0;
    const Napi::Value value = get(name);
    const double number = value.IsNumber() ? value.As<Napi::Number>().DoubleValue() : -1;
    if (!(number >= 0 && number <= 1)) fail(name, "a number from 0 to 1 is wanted");
    return number;
  }
  /** False where there is none. */
  bool flag(const char* name) {
    if (!has(name)) return false;
    const Napi::Value value = get(name);
    if (!value.IsBoolean()) fail(name, "true or false is wanted");
    return value.IsBoolean() && value.As<Napi::Boolean>();
  }
  /** Whether it is the second of two words; the first where there is none. */
  bool second_word(const char* name, const char* first, const char* second) {
    if (!has(name)) return false;
    const auto word = text(get(name));
    if (word != first && word != second) fail(name, std::string(first) + " or " + second + " is wanted");
    return word == second;
  }
  void fail(const std::string& name, std::string what) {
    if (!wrong_.ok()) return;
    wrong_ = Status::failed(EINVAL, name.empty() ? operation_ : operation_ + " " + name, where_, std::move(what));
  }

  /** Of something within. */
  void take_over(Status wrong) {
    if (wrong_.ok()) wrong_ = std::move(wrong);
  }

  [[nodiscard]] bool ok() const { return wrong_.ok(); }
  [[nodiscard]] Status take_status() { return std::move(wrong_); }

 private:
  const Napi::Value value_;
  const std::string operation_;
  const std::string where_;
  Status wrong_;
};

}  // namespace nslab::binding
