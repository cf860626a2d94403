// SPDX-License-Identifier: Apache-2.0

// What an estimate calls the work of compressing: one name a kind, so that what is planned and what
// was done are the same. Where time grows with a width otherwise than in proportion, each width is
// a kind of its own.

#pragma once

#include <cstddef>
#include <string>

#include "tensor/dtype.h"

namespace altteul::compress {

struct WorkKind {
  static constexpr const char* kPasses = "passes";    ///< a unit is a weight and token
  static constexpr const char* kAnswers = "answers";  ///< a walk's logits, compared

  /// Moments of chunks.
  static std::string Sums(size_t width) { return "sums " + std::to_string(width); }
  static std::string Metric(size_t width) { return "metric " + std::to_string(width); }
  /// Rows moved to their targets.
  static std::string Moves(size_t width) { return "moves " + std::to_string(width); }
  /// Rows encoded in a type, and in any.
  static std::string Rows(DType type, size_t width) {
    return "rows " + std::string(TraitsOf(type).name) + " " + std::to_string(width);
  }
  static std::string Rows(size_t width) { return "rows " + std::to_string(width); }
  /// Rows whose error in a type is sampled.
  static std::string Errors(size_t width) { return "errors " + std::to_string(width); }
};

}  // namespace altteul::compress
