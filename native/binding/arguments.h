// Reading arguments: each returns a value in range, or nothing.
#pragma once

#include <arpa/inet.h>
#include <napi.h>

#include <cmath>
#include <optional>
#include <string>

#include "rtnl/link.h"

namespace nslab::binding {

/** Least time after which a silent peer counts as gone: the kernel asks a second apart, once at least. */
inline constexpr uint64_t kSilenceMsMin = 2000;

[[nodiscard]] inline std::optional<uint64_t> whole_number(Napi::Value value, uint64_t min, uint64_t max) {
  if (!value.IsNumber()) return std::nullopt;
  const double number = value.As<Napi::Number>().DoubleValue();
  if (!(number >= static_cast<double>(min) && number <= static_cast<double>(max)) || number != std::floor(number))
    return std::nullopt;
  return static_cast<uint64_t>(number);
}

[[nodiscard]] inline std::optional<std::string> text(Napi::Value value) {
  return value.IsString() ? std::optional(value.As<Napi::String>().Utf8Value()) : std::nullopt;
}

/** A dotted IPv4 address. */
[[nodiscard]] inline std::optional<in_addr> ipv4(Napi::Value value) {
  const auto dotted = text(value);
  in_addr address{};
  if (!dotted || ::inet_pton(AF_INET, dotted->c_str(), &address) != 1) return std::nullopt;
  return address;
}

/** "02:6e:ac:10:08:02" */
[[nodiscard]] inline std::optional<rtnl::Mac> mac(Napi::Value value) {
  const auto digits = text(value);
  if (!digits || digits->size() != 17) return std::nullopt;
  rtnl::Mac mac{};
  for (size_t i = 0; i < mac.size(); ++i) {
    const std::string pair = digits->substr(3 * i, 2);
    if (pair.find_first_not_of("0123456789abcdefABCDEF") != std::string::npos) return std::nullopt;
    if (i + 1 < mac.size() && (*digits)[3 * i + 2] != ':') return std::nullopt;
    mac[i] = static_cast<uint8_t>(std::stoul(pair, nullptr, 16));
  }
  return mac;
}

}  // namespace nslab::binding
