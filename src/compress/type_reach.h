// SPDX-License-Identifier: Apache-2.0

// How large the numbers are that a type can hold: its codes are few, but what they are multiplied
// with has limits too, mostly those of f16.

#pragma once

#include "tensor/dtype.h"

namespace altteul::compress {

/// Limits of the largest magnitude of a tensor. Beyond `largest` scales or minimums would leave
/// f16, and values be cut off; below `smallest` they would lose more than a sixteenth of themselves
/// to the coarse steps with which f16 ends, or vanish.
struct Reach {
  float smallest = 0, largest = 0;

  /// Zeros alone are held by all types.
  bool Holds(float magnitude) const {
    return magnitude == 0 || (magnitude >= smallest && magnitude <= largest);
  }
};

/// @pre CanEncodePlainly(type)
Reach ReachOf(DType type);

}  // namespace altteul::compress
