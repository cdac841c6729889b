#include "engine/lossless/sha256.h"

#include <algorithm>
#include <bit>
#include <cstring>

#include "engine/packets/big_endian.h"

namespace nslab::engine::lossless {
namespace {

constexpr std::array<uint32_t, 64> kRounds{
    0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4, 0xab1c5ed5,
    0xd807aa98, 0x12835b01, 0x243185be, 0x550c7dc3, 0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174,
    0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc, 0x2de92c6f, 0x4a7484aa, 0x5cb0a9dc, 0x76f988da,
    0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7, 0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967,
    0x27b70a85, 0x2e1b2138, 0x4d2c6dfc, 0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85,
    0xa2bfe8a1, 0xa81a664b, 0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070,
    0x19a4c116, 0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f, 0x682e6ff3,
    0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2};

}  // namespace

void Sha256::block(const uint8_t* bytes) {
  std::array<uint32_t, 64> w;
  for (size_t i = 0; i < 16; i++) w[i] = read_u32(bytes + 4 * i);
  for (size_t i = 16; i < 64; i++) {
    const uint32_t one = std::rotr(w[i - 15], 7) ^ std::rotr(w[i - 15], 18) ^ w[i - 15] >> 3;
    const uint32_t two = std::rotr(w[i - 2], 17) ^ std::rotr(w[i - 2], 19) ^ w[i - 2] >> 10;
    w[i] = w[i - 16] + one + w[i - 7] + two;
  }
  auto [a, b, c, d, e, f, g, h] = state_;
  for (size_t i = 0; i < 64; i++) {
    const uint32_t big = std::rotr(e, 6) ^ std::rotr(e, 11) ^ std::rotr(e, 25);
    const uint32_t t1 = h + big + ((e & f) ^ (~e & g)) + kRounds[i] + w[i];
    const uint32_t t2 = (std::rotr(a, 2) ^ std::rotr(a, 13) ^ std::rotr(a, 22)) + ((a & b) ^ (a & c) ^ (b & c));
    h = g;
    g = f;
    f = e;
    e = d + t1;
    d = c;
    c = b;
    b = a;
    a = t1 + t2;
  }
  const std::array<uint32_t, 8> more{a, b, c, d, e, f, g, h};
  for (size_t i = 0; i < 8; i++) state_[i] += more[i];
}

void Sha256::add(std::span<const uint8_t> bytes) {
  size_t filled = count_ % 64;
  count_ += bytes.size();
  if (filled > 0) {
    const size_t take = std::min(64 - filled, bytes.size());
    std::memcpy(rest_.data() + filled, bytes.data(), take);
    bytes = bytes.subspan(take);
    filled += take;
    if (filled < 64) return;
    block(rest_.data());
  }
  for (; bytes.size() >= 64; bytes = bytes.subspan(64)) block(bytes.data());
  if (!bytes.empty()) std::memcpy(rest_.data(), bytes.data(), bytes.size());
}

Digest Sha256::finish() {
  const uint64_t bits = count_ * 8;
  constexpr uint8_t kOne = 0x80, kZero = 0;
  add({&kOne, 1});
  while (count_ % 64 != 56) add({&kZero, 1});
  std::array<uint8_t, 8> length;
  write_u32(length.data(), static_cast<uint32_t>(bits >> 32));
  write_u32(length.data() + 4, static_cast<uint32_t>(bits));
  add(length);
  Digest digest;
  for (size_t i = 0; i < 8; i++) write_u32(digest.data() + 4 * i, state_[i]);
  return digest;
}

}  // namespace nslab::engine::lossless
