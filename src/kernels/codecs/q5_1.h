// SPDX-License-Identifier: Apache-2.0

// Q5_1: 32 weights of 5 bits above a minimum.
//   w[j] = d * code[j] + m        code[j] = nibble[j] + 16 * bit j of qh
//   low nibbles hold j = 0..15, high nibbles j = 16..31

#pragma once

#include <cstddef>
#include <cstdint>

namespace altteul::kernels {

struct BlockQ5_1 {
  uint16_t d;      ///< f16
  uint16_t m;      ///< f16, the smallest weight
  uint8_t qh[4];   ///< fifth bits, 32 bits little-endian
  uint8_t qs[16];  ///< nibbles
};
static_assert(sizeof(BlockQ5_1) == 24);

void DecodeQ5_1(const std::byte* blocks, size_t n, float* out);

/// d = (max - min) / 31, m = min.
void EncodeQ5_1(const float* values, size_t n, std::byte* blocks);

}  // namespace altteul::kernels
