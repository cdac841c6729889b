// Numbers in network byte order, at any address.
#pragma once

#include <bit>
#include <cstdint>
#include <cstring>

namespace nslab::engine {

static_assert(std::endian::native == std::endian::little, "the loads below turn bytes around");

[[nodiscard]] inline uint16_t read_u16(const uint8_t* bytes) {
  uint16_t value;
  std::memcpy(&value, bytes, sizeof value);
  return __builtin_bswap16(value);
}
[[nodiscard]] inline uint32_t read_u32(const uint8_t* bytes) {
  uint32_t value;
  std::memcpy(&value, bytes, sizeof value);
  return __builtin_bswap32(value);
}
inline void write_u16(uint8_t* bytes, uint16_t value) {
  value = __builtin_bswap16(value);
  std::memcpy(bytes, &value, sizeof value);
}
inline void write_u32(uint8_t* bytes, uint32_t value) {
  value = __builtin_bswap32(value);
  std::memcpy(bytes, &value, sizeof value);
}

}  // namespace nslab::engine
