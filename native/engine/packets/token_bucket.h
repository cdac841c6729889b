// The rate of a link: a bucket of bytes that starts full. Whole numbers throughout: no rounding adds up.
#pragma once

#include <algorithm>
#include <cstdint>

namespace nslab::engine {

class TokenBucket {
 public:
  /** Of a bucket that is given as 0: what comes in during this time, and no less than the largest packet has. */
  static constexpr int64_t kUsualDepthNs = 5'000'000;
  static constexpr uint64_t kLargestPacket = 65'535;
  /** So that bytes times nanoseconds fit 63 bits. */
  static constexpr uint64_t kBytesMax = 1ULL << 33;
  /** No link has more; it fits 63 bits. */
  static constexpr uint64_t kRateMax = 1ULL << 62;

  /** What is in it stays, as far as it fits; where there was no rate it is full. Rate 0: no limit. */
  void configure(uint64_t rate_bytes_per_s, uint64_t bucket_bytes, int64_t now_ns) {
    rate_bytes_per_s = std::min(rate_bytes_per_s, kRateMax);
    const bool starts = rate_ == 0;
    if (!starts) fill(now_ns);
    if (bucket_bytes == 0 && rate_bytes_per_s > 0) {
      const auto usual = static_cast<unsigned __int128>(rate_bytes_per_s) * kUsualDepthNs / kSecondNs;
      bucket_bytes =
          std::max<uint64_t>(kLargestPacket, static_cast<uint64_t>(std::min<unsigned __int128>(usual, kBytesMax)));
    }
    rate_ = rate_bytes_per_s;
    bucket_ = std::min(bucket_bytes, kBytesMax);
    const int64_t full = static_cast<int64_t>(bucket_) * kSecondNs;
    tokens_ = starts ? full : std::min(tokens_, full);
    filled_ns_ = now_ns;
  }

  [[nodiscard]] bool limits() const { return rate_ != 0; }
  /** Would wait for ever. */
  [[nodiscard]] bool never(uint32_t bytes) const { return limits() && bytes > bucket_; }
  /** When there is enough for so many, from `now_ns` on. Not for what is never. */
  [[nodiscard]] int64_t ready_ns(uint32_t bytes, int64_t now_ns) const {
    if (!limits()) return now_ns;
    const int64_t missing = int64_t{bytes} * kSecondNs - tokens_;
    if (missing <= 0) return std::max(now_ns, filled_ns_);
    const int64_t wait = missing / static_cast<int64_t>(rate_) + (missing % static_cast<int64_t>(rate_) != 0);
    return std::max(now_ns, filled_ns_ + wait);
  }
  /** At a time that ready_ns() gave, or later. */
  void spend(uint32_t bytes, int64_t now_ns) {
    if (!limits()) return;
    fill(now_ns);
    tokens_ -= int64_t{bytes} * kSecondNs;
  }

 private:
  static constexpr int64_t kSecondNs = 1'000'000'000;

  void fill(int64_t now_ns) {
    if (now_ns <= filled_ns_) return;
    const int64_t full = static_cast<int64_t>(bucket_) * kSecondNs;
    const auto more = static_cast<__int128>(rate_) * (now_ns - filled_ns_);
    tokens_ = static_cast<int64_t>(std::min<__int128>(full, more + tokens_));
    filled_ns_ = now_ns;
  }

  uint64_t rate_ = 0;
  uint64_t bucket_ = 0;
  /** Bytes times nanoseconds of a second: what a nanosecond brings is `rate_`. */
  int64_t tokens_ = 0;
  int64_t filled_ns_ = 0;
};

}  // namespace nslab::engine
