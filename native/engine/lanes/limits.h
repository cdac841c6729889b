// The packet engine's numbers, each with its reason.
#pragma once

#include <cstddef>
#include <cstdint>

namespace nslab::engine::lanes {

/** What one read may bring. The kernel moves 64 KiB in about 15 µs; more would keep the other links waiting. */
inline constexpr uint32_t kReadBytes = 64 * 1024;
/** Blocks that are read into hold several reads, and the largest frame after the rest of another. */
inline constexpr uint32_t kBlockBytes = 4 * kReadBytes;
/** 16 MiB a lane, touched only as far as needed. */
inline constexpr uint32_t kReadBlocks = 64;
/** What waits long is packed into blocks of about this size (largest frame), so that it keeps no block of many. */
inline constexpr uint32_t kParkBytes = 65'536 + 64;
/** Four times what is read into: below half, nothing more may wait for peers that don't read. */
inline constexpr uint32_t kParkBlocks = 1024;

/** Slices handed to the kernel in one write: 64 runs of a read each are more than a socket's buffer takes. */
inline constexpr int kIovecs = 64;
/** Packets taken from a link's shaper at once. */
inline constexpr size_t kTakeBatch = 64;
/** Packets that another lane's queue gives in a turn, before links are looked at again. */
inline constexpr size_t kCrossBatch = 256;
/** Packets that a flow makes in a turn. */
inline constexpr uint32_t kFlowBatch = 64;
/** Flows whose packets are due within this are served together: 20,000 wakes a second at most. */
inline constexpr int64_t kPaceGapNs = 50'000;
/** A flow that has no way to go looks again after this. */
inline constexpr int64_t kNoWayPauseNs = 1'000'000;
/** While blocks are missing that other lanes hold: nothing tells when one comes back. */
inline constexpr int kStarvedWaitMs = 1;

/** One thread that turns all lanes gives them up where it rests for less than a quarter of so long. */
inline constexpr int64_t kBusyWindowNs = 4'000'000;
inline constexpr int64_t kRestDivisor = 4;
/** They are gathered again when for 100 ms all of them together had to do for less than two fifths of one thread. */
inline constexpr int kCalmWindowMs = 20;
inline constexpr int64_t kCalmFifths = 2;
inline constexpr int kCalmWindows = 5;

/** Between two packets without a route that a lane tells of. */
inline constexpr int64_t kMissGapNs = 1'000'000'000;

/** Runs that wait when a token is no longer taken to wait with them. */
inline constexpr uint32_t kControlRunsMax = 4096;

inline constexpr int kEpollBatch = 256;
/** Lanes fit into one word of bits. */
inline constexpr uint32_t kLanesMax = 64;

/** A closing packet is said so often, so far apart: to a sink that hears none, its owner says that it is over. */
inline constexpr uint32_t kClosings = 5;
inline constexpr int64_t kClosingGapNs = 50'000'000;

/** Sinks of an engine that open by themselves: a program in a node can make such packets, too. About 5 KiB each. */
inline constexpr uint32_t kSinksMax = 65'536;
/** Of blocks in flight at one end of a lossless transfer, and at all receivers of an engine; who has no room is silent.
 */
inline constexpr uint64_t kTransferBytesMax = uint64_t{64} << 20;
inline constexpr uint64_t kTransfersBytesMax = uint64_t{1} << 30;
/** With headers and message it still is a packet. */
inline constexpr uint32_t kSymbolBytesMax = 65'535 - 52;
/** Of a node: packets that come after their flow was stopped are told from a flow that starts anew. */
inline constexpr size_t kStoppedMax = 64;
/** Of a node: flows that leave in streams of their own, and streams that end there. Each has a descriptor. */
inline constexpr size_t kStreamsMax = 1024;
inline constexpr size_t kStreamsInMax = 4096;
/** One that was quiet for so long may make room for another. */
inline constexpr int64_t kStreamIdleNs = 1'000'000'000;
/** Before one that broke within the second is opened again: doubles. */
inline constexpr uint32_t kStreamPauseMinMs = 50;
inline constexpr uint32_t kStreamPauseMaxMs = 1000;

/** Tokens not yet collected beyond this are dropped: a hostile peer can send them without end. */
inline constexpr size_t kPendingTokensMax = 65'536;

}  // namespace nslab::engine::lanes
