// SPDX-License-Identifier: Apache-2.0

// Q4_1: 32 weights of 4 bits above a minimum.
//   w[j] = d * code[j] + m        low nibbles hold j = 0..15, high nibbles j = 16..31

#pragma once

#include <cstddef>
#include <cstdint>

namespace altteul::kernels {

struct BlockQ4_1 {
  uint16_t d;      ///< f16
  uint16_t m;      ///< f16, the smallest weight
  uint8_t qs[16];  ///< nibbles
};
static_assert(sizeof(BlockQ4_1) == 20);

void DecodeQ4_1(const std::byte* blocks, size_t n, float* out);

/// d = (max - min) / 15, m = min.
void EncodeQ4_1(const float* values, size_t n, std::byte* blocks);

}  // namespace altteul::kernels
