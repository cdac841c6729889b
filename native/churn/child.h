// Processes that are in a namespace and do nothing else (native/hold).
#pragma once

#include <sys/types.h>

#include <string>
#include <utility>

#include "base/status.h"

namespace nslab::churn {

/** A process of ours; it is killed and waited for at the end. Move-only. */
class Child {
 public:
  Child() = default;
  Child(Child&& other) noexcept : pid_(std::exchange(other.pid_, -1)) {}
  Child& operator=(Child&& other) noexcept {
    if (this != &other) {
      end();
      pid_ = std::exchange(other.pid_, -1);
    }
    return *this;
  }
  Child(const Child&) = delete;
  Child& operator=(const Child&) = delete;
  ~Child() { end(); }

  /**
   * Starts `program` in the calling thread's namespaces, without any descriptor. The kernel kills it when the calling
   * thread ends, so only threads that live as long as the process start some. With `leader_dead` it is waited for that
   * its leading thread has ended.
   */
  static Result<Child> start(const std::string& program, bool leader_dead);

  /** Kills it and waits until it has left its namespaces. */
  void end();

 private:
  explicit Child(pid_t pid) : pid_(pid) {}
  [[nodiscard]] Status await_leader_dead() const;

  pid_t pid_ = -1;
};

}  // namespace nslab::churn
