// The link engine's numbers, each with its reason.
#pragma once

#include <cstdint>

namespace nslab::engine {

/** From accept or start of a dial to up. Also HANDSHAKE_DEADLINE_MS in src/protocol/link-handshake.ts. */
inline constexpr int64_t kHandshakeDeadlineNs = 5'000'000'000;

/** A dial that met nobody tries again soon, then doubles: a peer that starts is met at once, one that is away costs
 * little. */
inline constexpr uint32_t kDialPauseMinMs = 50;
inline constexpr uint32_t kDialPauseMaxMs = 1000;

/** Until accepting is tried again when descriptors or memory ran out. The backlog keeps who comes meanwhile. */
inline constexpr int64_t kAcceptPauseNs = 100'000'000;

/** A full mesh of 1,000 may dial one node at once; net.core.somaxconn (4,096) caps it. */
inline constexpr int kBacklog = 1024;

/**
 * A peer that vanished without a word (no FIN or RST) is given up 8 s after its last sign, unless the owner says
 * otherwise: the kernel asks after 5 s of silence, then each second. Asking each second would find it in two, but costs
 * every idle link end two packets a second: 3,200 for a ring of 800, 20,000 for a full mesh of 100. Within a fleet
 * nobody waits for this: the fabric's monitor sees a lost interface at once, and removal of a node closes its links at
 * both ends. It is how the loss of another host, and a cut between hosts, is noticed.
 */
inline constexpr uint32_t kSilenceMs = 8000;

/** Refusals not yet collected beyond this are dropped: a hostile peer can cause them without end. */
inline constexpr size_t kPendingRefusalsMax = 65'536;

/** Tokens not yet collected beyond this are dropped, for the same reason. A walk has one on its way at a time. */
inline constexpr size_t kPendingTokensMax = 65'536;

/**
 * Bytes that one link may bring at once: 64 frames, many times what the few walks of a run can have on one link. Who
 * says more is not of this engine, and would keep its thread from all other links.
 */
inline constexpr size_t kReceivedAtOnceMax = 64 * 40;

/** Bytes of tokens that wait for a link whose peer does not read; a token beyond is not sent, and told of. */
inline constexpr size_t kUnsentMax = 64 * 40;

/** Events taken from the kernel in one wait. */
inline constexpr int kEpollBatch = 256;

}  // namespace nslab::engine
