// SPDX-License-Identifier: Apache-2.0

// The rounding rules that encoders of simple blocks share. They are ggml's, to the bit, because a
// file encoded here and one encoded there should be the same file.

#pragma once

#include <cmath>
#include <cstddef>
#include <cstdint>

namespace altteul::kernels {

/// 1 / scale, or 0 for a block of zeros.
inline float InverseScale(float scale) { return scale == 0.0f ? 0.0f : 1.0f / scale; }

/// trunc(value) held to [0, limit]. `value` already carries the + 0.5 that makes it a rounding.
/// NaN, which only a block outside the contract can produce, gives 0.
inline uint8_t TruncateCode(float value, int limit) {
  const float high = static_cast<float>(limit);
  const float held = value > 0.0f ? (value < high ? value : high) : 0.0f;
  return static_cast<uint8_t>(static_cast<int>(held));
}

/// The first of n values with the largest magnitude, with its sign.
inline float ValueOfLargestMagnitude(const float* values, size_t n) {
  float largest = 0.0f;
  float magnitude = 0.0f;
  for (size_t i = 0; i < n; ++i) {
    const float candidate = std::fabs(values[i]);
    if (candidate > magnitude) {
      magnitude = candidate;
      largest = values[i];
    }
  }
  return largest;
}

struct ValueRange {
  float min;
  float max;
};

inline ValueRange RangeOf(const float* values, size_t n) {
  ValueRange range{values[0], values[0]};
  for (size_t i = 1; i < n; ++i) {
    range.min = values[i] < range.min ? values[i] : range.min;
    range.max = values[i] > range.max ? values[i] : range.max;
  }
  return range;
}

}  // namespace altteul::kernels
