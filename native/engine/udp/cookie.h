// What a listener gives away in place of keeping state: proof that somebody can read what is sent to an address.
#pragma once

#include <array>
#include <cstdint>
#include <optional>

#include "netns/socket.h"

namespace nslab::engine::udp {

/** A number that nobody can guess; nothing where the kernel gives none. */
[[nodiscard]] std::optional<uint64_t> draw_key();

class Cookies {
 public:
  /** Good in the period that it was made in and the one after. */
  static constexpr int64_t kPeriodNs = 5'000'000'000;
  using Secret = std::array<uint64_t, 2>;

  Cookies() = default;
  explicit Cookies(const Secret& secret) : secret_(secret) {}

  struct Of {
    netns::Endpoint from;
    uint32_t sender = 0;
    uint32_t node = 0;
    uint64_t key = 0;
  };
  [[nodiscard]] uint64_t make(const Of& of, int64_t now_ns) const { return at(of, now_ns / kPeriodNs); }
  [[nodiscard]] bool holds(uint64_t cookie, const Of& of, int64_t now_ns) const {
    return cookie == at(of, now_ns / kPeriodNs) || cookie == at(of, now_ns / kPeriodNs - 1);
  }

 private:
  [[nodiscard]] uint64_t at(const Of& of, int64_t period) const;

  Secret secret_{};
};

/** SipHash-2-4 of whole words. Source: Aumasson and Bernstein 2012; `words` are those of its message, but for its last,
 * which is the length's. */
template <size_t N>
[[nodiscard]] uint64_t siphash(const Cookies::Secret& secret, const std::array<uint64_t, N>& words) {
  std::array<uint64_t, 4> v{secret[0] ^ 0x736f6d6570736575, secret[1] ^ 0x646f72616e646f6d,
                            secret[0] ^ 0x6c7967656e657261, secret[1] ^ 0x7465646279746573};
  const auto turn = [](uint64_t value, int by) { return value << by | value >> (64 - by); };
  const auto round = [&] {
    v[0] += v[1], v[1] = turn(v[1], 13) ^ v[0], v[0] = turn(v[0], 32);
    v[2] += v[3], v[3] = turn(v[3], 16) ^ v[2];
    v[0] += v[3], v[3] = turn(v[3], 21) ^ v[0];
    v[2] += v[1], v[1] = turn(v[1], 17) ^ v[2], v[2] = turn(v[2], 32);
  };
  const auto take = [&](uint64_t word) {
    v[3] ^= word;
    round(), round();
    v[0] ^= word;
  };
  for (const uint64_t word : words) take(word);
  take(uint64_t{8 * N} << 56);
  v[2] ^= 0xff;
  round(), round(), round(), round();
  return v[0] ^ v[1] ^ v[2] ^ v[3];
}

}  // namespace nslab::engine::udp
