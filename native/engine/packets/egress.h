// One direction of a link, before its socket: queue, scheduler, token bucket, impairments. Time is given, never asked
// for, and chance comes from a seed (mix.h): the same offers at the same times leave at the same times, however often
// and late take() is called. Only a link without rate and delay is served when the socket asks, and one whose socket
// does not ask stops when as many are under way as may be.
//
//   offer ─▶ queue (tail drop or RED; FIFO or deficit round robin by flow) ─▶ token bucket ─▶ loss, duplication,
//   corruption ─▶ delay, jitter, reordering ─▶ take
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <limits>
#include <memory>

#include "engine/packets/drop.h"
#include "engine/packets/pool.h"
#include "engine/packets/spares.h"

namespace nslab::engine {

enum class Discipline : uint8_t { fifo, wrr };
enum class DropStrategy : uint8_t { tail, red };

/** Random early detection. Source: Floyd and Jacobson 1993. Queue lengths as shares of the capacity. */
struct RedSetting {
  double low_ratio = 0.7;
  double high_ratio = 0.9;
  /** Of being dropped when the average is at `high_ratio`; beyond it all are. */
  double chance = 0.8;
  /** Of a new length in the moving average: 2^-9. */
  double weight = 1.0 / 512;
};

struct LinkSetting {
  Discipline discipline = Discipline::fifo;
  DropStrategy drop = DropStrategy::tail;
  RedSetting red;
  uint32_t queue_packets = 1000;
  /**
   * Bytes a second of packets (without header); 0: as fast as the socket takes them. Bucket: bytes, starts full; 0:
   * what comes in within 5 ms, and no less than the largest packet has.
   */
  uint64_t rate_bytes_per_s = 0;
  uint64_t bucket_bytes = 0;
  int64_t delay_ns = 0;
  /**
   * Uniform in delay ± jitter. Order is kept unless `reorder_ratio` says so: a packet waits for a slower one in front
   * of it, so that many close together are all nearly as late as the latest.
   */
  int64_t jitter_ns = 0;
  /** How many may be under way by delay and jitter. Those beyond wait in the queue. */
  uint32_t flight_packets = 10'000;
  double loss_ratio = 0;
  double duplicate_ratio = 0;
  /** One bit of the packet turned, past the header. */
  double corrupt_ratio = 0;
  /** Not delayed: in front of those that are. */
  double reorder_ratio = 0;
};

/** Past the bucket of a link without delay, until the socket takes them: a lane that comes late loses no rate. */
inline constexpr uint32_t kOutputPackets = 256;
/** Of delay and jitter each: an hour. What is longer counts as this. */
inline constexpr int64_t kDelayNsMax = 3'600'000'000'000;
inline constexpr int64_t kNever = std::numeric_limits<int64_t>::max();

class Egress {
 public:
  /** `spares`: where copies go, of packets that are corrupted and of those that wait. Outlives this. */
  Egress(const LinkSetting& setting, uint64_t seed, Spares& spares);
  ~Egress();

  /** Takes effect on what is not yet past its stage; nothing that waits is lost by it. */
  void configure(const LinkSetting& setting);
  /** Of chance, for packets that leave the queue from now on. */
  void set_seed(uint64_t seed);
  /** A flow's weight in round robin; 1 unless set. */
  void set_weight(uint32_t flow, uint32_t weight);

  /** Nothing to wait for, and nothing set that could hold or drop a packet: it may go past this to the socket. */
  [[nodiscard]] bool transparent() const;
  /** The queue takes no more, as set: what is offered now is dropped. Who lets packets wait asks before it offers. */
  [[nodiscard]] bool full() const;
  /** Counts what went past: come in and gone out. */
  void passed(uint64_t packets, uint64_t packet_bytes);
  /** None where it was taken. `flow` and packet bytes are those of its header. Counted in account(). */
  Drop offer(PacketRef packet, uint32_t flow, int64_t now_ns);
  /** Fills `out` with up to `room` packets that may leave now, in their order. */
  size_t take(PacketRef* out, size_t room, int64_t now_ns);
  /** When take() can give something; kNever where nothing waits. */
  [[nodiscard]] int64_t next_ns() const;
  /** Of those that wait in the queue (not those past the bucket), for which `is_stale` says so: dropped, withdrawn. */
  void withdraw(const std::function<bool(const uint8_t* frame)>& is_stale);
  /** Drops all that waits or is under way; `ended`. */
  void clear();
  [[nodiscard]] const Account& account() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace nslab::engine
