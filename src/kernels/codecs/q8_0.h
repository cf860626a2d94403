// SPDX-License-Identifier: Apache-2.0

// Q8_0: 32 weights of 8 bits, one scale.
//   w[j] = d * code[j]

#pragma once

#include <cstddef>
#include <cstdint>

namespace altteul::kernels {

struct BlockQ8_0 {
  uint16_t d;     ///< f16
  int8_t qs[32];  ///< codes
};
static_assert(sizeof(BlockQ8_0) == 34);

void DecodeQ8_0(const std::byte* blocks, size_t n, float* out);

/// d = max |value| / 127; codes round half away from zero.
void EncodeQ8_0(const float* values, size_t n, std::byte* blocks);

}  // namespace altteul::kernels
