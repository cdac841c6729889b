// How native code below the binding says that something failed: a value, never an exception.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <utility>

namespace nslab {

/** What was asked, where, and the kernel's answer. */
struct Error {
  /** errno value, positive. */
  int number = 0;
  /** "RTM_NEWLINK veth17a", "unshare", … */
  std::string operation;
  /** "fabric root", "node 17", "thread", … */
  std::string where;
  /** The kernel's own words: extended acknowledgement where there is one, else strerror's. */
  std::string reason;

  /** `RTM_NEWLINK veth17a in fabric root: EEXIST (File exists)` */
  [[nodiscard]] std::string message() const;
};

/** Name of an errno value ("EEXIST"), or "E<number>" where it has none. */
[[nodiscard]] std::string errno_name(int number);
/** The C library's words for an errno value, in the C locale's English. */
[[nodiscard]] std::string errno_words(int number);

/** Success, or an Error. Costs one pointer; moves only. */
class [[nodiscard]] Status {
 public:
  Status() = default;
  explicit Status(Error error) : error_(std::make_unique<Error>(std::move(error))) {}

  /** A failed operation; `reason` defaults to the C library's words. */
  static Status failed(int number, std::string operation, std::string where, std::string reason = {});
  /** The same from the calling thread's errno: call it right after the system call. */
  static Status from_errno(std::string operation, std::string where);

  [[nodiscard]] bool ok() const { return !error_; }
  [[nodiscard]] explicit operator bool() const { return ok(); }
  /** Only where !ok(). */
  [[nodiscard]] const Error& error() const { return *error_; }
  [[nodiscard]] Error take_error() { return std::move(*error_); }

 private:
  std::unique_ptr<Error> error_;
};

/** A value, or an Error. */
template <typename T>
class [[nodiscard]] Result {
 public:
  Result(T value) : value_(std::move(value)) {}          // NOLINT: implicit, so that functions return either
  Result(Status status) : status_(std::move(status)) {}  // NOLINT

  [[nodiscard]] bool ok() const { return value_.has_value(); }
  [[nodiscard]] explicit operator bool() const { return ok(); }
  [[nodiscard]] T& operator*() { return *value_; }
  [[nodiscard]] const T& operator*() const { return *value_; }
  [[nodiscard]] T* operator->() { return &*value_; }
  [[nodiscard]] const T* operator->() const { return &*value_; }
  [[nodiscard]] const Error& error() const { return status_.error(); }
  /** The failure, to hand on; only where !ok(). */
  [[nodiscard]] Status take_status() { return std::move(status_); }

 private:
  std::optional<T> value_;
  Status status_;
};

}  // namespace nslab
