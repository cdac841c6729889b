// Random early detection: drops by a moving average of the queue's length, before the queue is full. Source: Floyd and
// Jacobson, "Random Early Detection Gateways for Congestion Avoidance", 1993, figure 2; names in brackets are theirs.
#pragma once

#include <algorithm>
#include <cstdint>

namespace nslab::engine {

class Red {
 public:
  struct Setting {
    /** Packets (min_th, max_th). */
    double low = 0;
    double high = 0;
    /** (max_p, w_q) */
    double chance = 0;
    double weight = 0;
  };
  /** A packet takes so long to leave where no rate says so: what an idle time means to the average. */
  static constexpr int64_t kUsualPacketNs = 1'000;

  void configure(const Setting& setting) { setting_ = setting; }

  /**
   * Whether an arriving packet is to be dropped. `queued`: packets that wait; `idle_packets`: how many could have left
   * while none waited, 0 where some did; `draw`: uniform from 0 to below 1.
   */
  [[nodiscard]] bool drops(uint32_t queued, uint64_t idle_packets, double draw) {
    if (queued == 0) average_ *= power(1 - setting_.weight, idle_packets);
    else average_ += setting_.weight * (queued - average_);
    if (average_ < setting_.low) {
      since_ = -1;
      return false;
    }
    if (average_ >= setting_.high) {
      since_ = 0;
      return true;
    }
    since_++;
    // (p_b, and p_a: drops come at even distances and not in bunches)
    const double base = setting_.chance * (average_ - setting_.low) / (setting_.high - setting_.low);
    const double left = 1 - static_cast<double>(since_) * base;
    if (left > 0 && draw * left >= base) return false;
    since_ = 0;
    return true;
  }
  [[nodiscard]] double average() const { return average_; }

 private:
  /** By squaring: the same on every machine, which std::pow is not. */
  static double power(double base, uint64_t exponent) {
    double result = 1;
    for (; exponent > 0 && result > 0; exponent >>= 1) {
      if (exponent & 1) result *= base;
      base *= base;
    }
    return result;
  }

  Setting setting_;
  /** (avg) */
  double average_ = 0;
  /** Packets since the last one that was dropped, while the average is between both; -1: none came yet (count). */
  int64_t since_ = -1;
};

}  // namespace nslab::engine
