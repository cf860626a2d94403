// SPDX-License-Identifier: Apache-2.0

// The signs that stand beside a codebook's entries, one weight at a time.

#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>

namespace altteul::kernels {

/// 7 stored sign bits -> 8: the eighth makes the number of minus signs even.
constexpr uint8_t ExpandSigns(uint32_t seven_bits) {
  const uint32_t bits = seven_bits & 127u;
  return static_cast<uint8_t>(bits | (std::popcount(bits) % 2 != 0 ? 128u : 0u));
}

/// `magnitude` with a minus where the bit of `signs` is set.
/// Signs are as good as random, so a branch would be mispredicted every other time.
inline float WithSign(float magnitude, uint32_t signs, size_t bit) {
  return std::bit_cast<float>(std::bit_cast<uint32_t>(magnitude) ^ (((signs >> bit) & 1u) << 31));
}

}  // namespace altteul::kernels
