// What a churner is told to do, and what it tells. Times are of CLOCK_MONOTONIC, in ns.
#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <variant>
#include <vector>

namespace nslab::churn {

/** What holds a namespace: see holder.h. */
enum class Kind : uint8_t { named, mounted, process, thread, descriptor, socket };
enum class Fault : uint8_t { none, same_name, inode_reuse, remove_while_entered, leader_dead };
/** What its sockets are: see sockets.h. */
enum class Population : uint8_t { pair, short_lived, half_closed, time_wait, listener };

struct Operation {
  uint64_t op = 0;
  /** Number of the namespace, from 1: its id in the witness' namespace too. */
  uint64_t id = 0;
  /** 0: at once, and never late. */
  int64_t due_ns = 0;
  /** Else it is dropped, and what follows means nothing. */
  bool make = false;
  bool fill = false;
  Kind kind = Kind::descriptor;
  Fault fault = Fault::none;
  std::string name;
};

/** A socket as the kernel has it. */
struct SocketTruth {
  Population population = Population::pair;
  uint8_t family = 4;
  uint16_t port = 0;
  /** 0 for a listener. */
  uint16_t peer_port = 0;
  /** SO_COOKIE; 0 where the kernel's object is not the one that was asked. */
  uint64_t cookie = 0;
  /** When it was in the state that its population says, and when it left it; 0: as its namespace. */
  int64_t from_ns = 0;
  int64_t until_ns = 0;
};

struct Made {
  Operation operation;
  uint64_t cookie = 0;
  uint64_t inode = 0;
  int64_t asked_ns = 0;
  /** At most so late: it was there when unshare() returned. */
  int64_t exists_ns = 0;
  int64_t made_ns = 0;
  std::vector<SocketTruth> sockets;
};

struct Dropped {
  uint64_t op = 0;
  uint64_t id = 0;
  uint64_t inode = 0;
  int64_t due_ns = 0;
  int64_t asked_ns = 0;
  int64_t returned_ns = 0;
  /** 0: the kernel has not said so. */
  int64_t gone_ns = 0;
  int64_t gone_error_ns = 0;
  /** Sockets that left their state before: index into Made::sockets, and when. */
  std::vector<std::pair<uint32_t, int64_t>> ended;
};

struct Failed {
  uint64_t op = 0;
  uint64_t id = 0;
  int64_t at_ns = 0;
  std::string operation;
  int number = 0;
};

/** Namespaces that were made on the way to a fault, or in vain, and let go of at once. */
struct Passed {
  uint64_t op = 0;
  uint64_t id = 0;
  int64_t at_ns = 0;
  std::vector<uint64_t> cookies;
};

using Line = std::variant<Made, Dropped, Failed, Passed>;

}  // namespace nslab::churn
