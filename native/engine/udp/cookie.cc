#include "engine/udp/cookie.h"

#include <sys/random.h>

#include "base/sys.h"

namespace nslab::engine::udp {

std::optional<uint64_t> draw_key() {
  uint64_t key = 0;
  if (sys::call([&] { return ::getrandom(&key, sizeof key, 0); }) != sizeof key) return {};
  // 0 says that there is none.
  return key == 0 ? 1 : key;
}

uint64_t Cookies::at(const Of& of, int64_t period) const {
  const uint64_t where = uint64_t{of.from.address.s_addr} << 16 | of.from.port;
  return siphash(secret_, std::array<uint64_t, 4>{where, uint64_t{of.sender} << 32 | of.node, of.key,
                                                  static_cast<uint64_t>(period)});
}

}  // namespace nslab::engine::udp
