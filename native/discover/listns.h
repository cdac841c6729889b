// The kernel's own list of namespaces, against what is known.
#pragma once

#include <cstddef>
#include <optional>

#include "discover/known.h"

namespace nslab::discover {

/**
 * How many network namespaces the kernel lists that are not known. Nothing where it has no list (listns(2),
 * Linux 6.19), or where its ids are no cookies. It lists those that a thread, a descriptor or a mount holds, of all
 * processes.
 *
 * It counts, and finds nothing: a listed namespace could be opened by its handle (open_by_handle_at on nsfs), but only
 * to be held by ourselves from then on, which the list does not tell from others. Without a list, handles are of no
 * use (seen on Linux 6.18): a handle is looked up by id, type and number of the inode, all three, and while ids are
 * counted up and could be tried, numbers of inodes are not to be had that way; zero in their place is ESTALE.
 */
[[nodiscard]] std::optional<size_t> count_unseen(const Known& known);

}  // namespace nslab::discover
