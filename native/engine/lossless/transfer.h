// What is asked of a lossless transfer, and what its ends count.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "engine/lossless/message.h"

namespace nslab::engine::lossless {

inline constexpr int64_t kNeverNs = INT64_MAX;

/** Packets that are under way at most: half of what a link's queue has room for. */
inline constexpr uint32_t kWindowPackets = 512;
inline constexpr uint32_t kWindowBlocksMax = 32;
/** What each end keeps of blocks in flight. */
inline constexpr uint64_t kWindowBytes = uint64_t{4} << 20;
/** Who was not heard of for so long is asked, and then after twice as long, up to the longest. */
inline constexpr int64_t kPollFirstNs = 50'000'000;
inline constexpr int64_t kPollLongestNs = 1'000'000'000;
/** A block of which nothing has come for so long is asked for; again after twice as long, up to the longest. */
inline constexpr int64_t kAskFirstNs = 10'000'000;
inline constexpr int64_t kAskLongestNs = 500'000'000;
/** What is whole is told at the latest after this. */
inline constexpr int64_t kTellNs = 5'000'000;
/** A symbol that several receivers ask for within this goes once. */
inline constexpr int64_t kOnceNs = 5'000'000;
/** A transfer begins without receivers that have not answered for so long. */
inline constexpr int64_t kGraceNs = 1'500'000'000;
/** A receiver that says nothing for so long is given up, unless asked otherwise. */
inline constexpr int64_t kSilenceNs = 15'000'000'000;
/** A receiver that hears nothing of its source for so long asks no more. */
inline constexpr int64_t kAbandonedNs = 60'000'000'000;
/** Repairs that wait at a source; what is beyond is asked for again. */
inline constexpr size_t kRepairsMax = 4096;
inline constexpr size_t kReceiversMax = 65'536;

struct TreeShare {
  uint16_t tree = 0;
  /** Of the symbols, beside those of the others. */
  uint32_t weight = 1;
};

struct TransferSetting {
  uint32_t flow = 0;
  /** A node, or with `is_group` a group. */
  uint32_t destination = 0;
  bool is_group = false;
  /** The group's members now: each has to have the payload. Of a node: itself. */
  std::vector<uint32_t> receivers;
  /** Of the group; none: whichever the routes take. */
  std::vector<TreeShare> trees;
  /** Made from this: the same bytes for the same seed. */
  uint64_t payload_seed = 0;
  /** window_blocks 0: as many as there is room for. */
  Cut cut;
  /** Bytes a second of packets; 0: as fast as receivers and first links take them. */
  uint64_t rate_bytes_per_s = 0;
  int64_t silence_ns = kSilenceNs;
  /** Of packets beside their message: headers. */
  uint32_t overhead_bytes = 28;
};

/** What became of it at a receiver. Delivered: SHA-256 of all its bytes is that of the payload. */
enum class Outcome : uint8_t { pending, delivered, mismatch, left, silent, stopped };
[[nodiscard]] const char* outcome_name(Outcome outcome);

struct PeerStats {
  uint32_t node = 0;
  Outcome outcome = Outcome::pending;
  /** It has acknowledged so many, from the first on without a gap. */
  uint64_t acknowledged_bytes = 0;
  int64_t last_ns = 0;
};

struct SenderStats {
  uint32_t node = 0;
  uint32_t flow = 0;
  uint64_t payload_bytes = 0;
  /** Of packets, repairs with them, polls not. */
  uint64_t sent_packets = 0;
  uint64_t sent_bytes = 0;
  uint64_t parity_symbols = 0;
  uint64_t repaired_symbols = 0;
  uint64_t polls = 0;
  int64_t first_ns = 0;
  int64_t last_ns = 0;
  bool finished = false;
  /** Of the payload, once all was sent. */
  std::optional<Digest> digest;
  std::vector<PeerStats> peers;
};

struct ReceiverStats {
  uint32_t node = 0;
  uint32_t flow = 0;
  uint32_t source = 0;
  Outcome outcome = Outcome::pending;
  uint64_t payload_bytes = 0;
  /** Whole from the first on, without a gap. */
  uint64_t whole_bytes = 0;
  uint64_t received_symbols = 0;
  /** More than once, or of a block that was whole already. */
  uint64_t spare_symbols = 0;
  /** Blocks of which symbols were made from parity. */
  uint64_t decoded_blocks = 0;
  /** How often a block was asked for. */
  uint64_t asked_blocks = 0;
  int64_t first_ns = 0;
  int64_t last_ns = 0;
  /** Of what came, once it was whole. */
  std::optional<Digest> digest;
};

/** The next packet that an end wants to send. */
struct Outgoing {
  uint32_t destination = 0;
  bool is_group = false;
  std::optional<uint16_t> tree;
  uint32_t message_bytes = 0;
};

/** So many that both ends have room for them and no queue is filled. */
[[nodiscard]] uint32_t window_of(const Cut& cut);
/** Bytes of the payload from `offset`, a multiple of 8. */
void make_payload(uint64_t seed, uint64_t offset, uint8_t* to, uint32_t bytes);

}  // namespace nslab::engine::lossless
