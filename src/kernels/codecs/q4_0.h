// SPDX-License-Identifier: Apache-2.0

// Q4_0: 32 weights of 4 bits around zero, one scale.
//   w[j] = d * (code[j] - 8)      low nibbles hold j = 0..15, high nibbles j = 16..31

#pragma once

#include <cstddef>
#include <cstdint>

namespace altteul::kernels {

struct BlockQ4_0 {
  uint16_t d;      ///< f16
  uint8_t qs[16];  ///< nibbles
};
static_assert(sizeof(BlockQ4_0) == 18);

void DecodeQ4_0(const std::byte* blocks, size_t n, float* out);

/// d = (value of largest magnitude) / -8, so that the extreme value has code 0.
void EncodeQ4_0(const float* values, size_t n, std::byte* blocks);

}  // namespace altteul::kernels
