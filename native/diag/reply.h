// What the kernel answers to a dump, datagram by datagram, as rows.
#pragma once

#include <cstdint>
#include <span>

#include "diag/row.h"
#include "diag/seen.h"

namespace nslab::diag {

/** Where rows go, and what they have in common. */
struct RowWriter {
  /** The next row; there is room for as many as the datagram may have. */
  Row* next = nullptr;
  Row* end = nullptr;
  SeenCookies& seen;
  uint32_t poll = 0;
  uint32_t slot = 0;
  int64_t seen_ns = 0;
};

/** What a datagram held, beside rows. */
struct Reply {
  /** The dump is over. */
  bool done = false;
  /** The errno it ended with; 0: none. */
  int error = 0;
  /** NLM_F_DUMP_INTR: the table changed while it was listed. */
  bool interrupted = false;
  /** NLMSG_OVERRUN: the kernel had to drop some of it. */
  bool overrun = false;
  /** Lengths that can't be: some of it was not understood. */
  bool malformed = false;
  /** Rows written, and sockets that were rows already. */
  uint32_t rows = 0;
  uint32_t doubled = 0;
};

/**
 * Reads one datagram. Messages of another sequence or for another port are of an earlier dump, or not ours: passed
 * over.
 */
Reply read_reply(std::span<const std::byte> datagram, uint32_t sequence, uint32_t port, RowWriter& writer);

}  // namespace nslab::diag
