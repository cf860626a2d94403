// SPDX-License-Identifier: Apache-2.0

// Errors as values. A function that can fail for a reason outside the program (a file, a peer, a
// request, the machine's memory) returns Status, or Result<T> when it also yields a value.

#pragma once

#include <string>
#include <utility>
#include <variant>

#include "base/check.h"

namespace altteul {

enum class ErrorCode {
  kOk,
  kInvalidArgument,  ///< the caller asked for something that can never work
  kNotFound,         ///< no such file, tensor, adapter or job
  kDoesNotFit,       ///< a prompt, a context or a model is larger than the room there is
  kNetwork,          ///< a peer could not be reached or broke off
  kCorruptFile,      ///< bytes from outside break their own format
  kRefused,          ///< allowed in principle, but not to this caller or now
  kOutOfMemory,      ///< the machine is too small; the message says by how many bytes
  kQualityGate,      ///< the result is worse than the caller allowed
  kBudgetSpent,      ///< the compute-seconds granted are used up
  kUnsupported,      ///< well-formed, but this build or machine cannot do it
  kIoError,          ///< the operating system refused a read or a write
  kCancelled,        ///< interrupted from outside
};

/// Either OK or an error with a code to branch on and a message to show.
class [[nodiscard]] Status {
 public:
  Status() = default;
  Status(ErrorCode code, std::string message) : code_(code), message_(std::move(message)) {}

  bool ok() const { return code_ == ErrorCode::kOk; }
  ErrorCode code() const { return code_; }
  const std::string& message() const { return message_; }

 private:
  ErrorCode code_ = ErrorCode::kOk;
  std::string message_;
};

/// A T, or the Status that says why there is none. value() on an error is a bug and aborts.
template <typename T>
class [[nodiscard]] Result {
 public:
  Result(T value) : held_(std::move(value)) {}      // NOLINT(google-explicit-constructor)
  Result(Status error) : held_(std::move(error)) {  // NOLINT(google-explicit-constructor)
    ALT_CHECK(!std::get<Status>(held_).ok());
  }

  bool ok() const { return std::holds_alternative<T>(held_); }
  Status status() const { return ok() ? Status() : std::get<Status>(held_); }
  T& value() & { return *CheckedValue(); }
  const T& value() const& {
    ALT_CHECK(ok());
    return *std::get_if<T>(&held_);
  }
  T&& value() && { return std::move(*CheckedValue()); }

 private:
  T* CheckedValue() {
    ALT_CHECK(ok());
    return std::get_if<T>(&held_);
  }
  std::variant<T, Status> held_;
};

}  // namespace altteul

#define ALT_CONCAT_INNER_(a, b) a##b
#define ALT_CONCAT_(a, b) ALT_CONCAT_INNER_(a, b)

/// Assigns the value of `expr` to `lhs`, or returns its error from the enclosing function.
/// Expands to several statements, so it needs braces after `if` or `for`.
#define ALT_ASSIGN_OR_RETURN(lhs, expr)                 \
  auto ALT_CONCAT_(alt_result_, __LINE__) = (expr);     \
  if (!ALT_CONCAT_(alt_result_, __LINE__).ok()) {       \
    return ALT_CONCAT_(alt_result_, __LINE__).status(); \
  }                                                     \
  lhs = std::move(ALT_CONCAT_(alt_result_, __LINE__)).value()

/// Returns the error of `expr` from the enclosing function, if it has one.
#define ALT_RETURN_IF_ERROR(expr)              \
  do {                                         \
    ::altteul::Status alt_status_ = (expr);    \
    if (!alt_status_.ok()) return alt_status_; \
  } while (false)
