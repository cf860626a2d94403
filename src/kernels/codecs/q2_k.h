// SPDX-License-Identifier: Apache-2.0

// Q2_K: 256 weights of 2 bits in 16 sub-blocks of 16, each with a 4-bit scale and minimum.
//   w[j] = (d * scale[s]) * code[j] - (dmin * min[s])      s = j / 16
// Each half of 128 weights has 32 bytes of qs; bits 2r and 2r + 1 of its byte i are weight 32r + i.

#pragma once

#include <cstddef>
#include <cstdint>

namespace altteul::kernels {

struct BlockQ2_K {
  uint8_t scales[16];  ///< scale in the low nibble, minimum in the high one
  uint8_t qs[64];      ///< codes
  uint16_t d;          ///< f16
  uint16_t dmin;       ///< f16
};
static_assert(sizeof(BlockQ2_K) == 84);

void DecodeQ2_K(const std::byte* blocks, size_t n, float* out);

}  // namespace altteul::kernels
