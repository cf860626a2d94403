// SPDX-License-Identifier: Apache-2.0

// Q3_K: 256 weights of 3 bits in 16 sub-blocks of 16, each with a 6-bit scale around zero.
//   w[j] = (d * (scale[j / 16] - 32)) * (code[j] - 4)
// The low 2 bits of the codes lie as in two_bits.h. The third bit of weight 32r + i is bit r of
// hmask[i]. Scale s takes its low 4 bits from byte s mod 8 (low nibbles for s < 8, then high ones)
// and its high 2 bits from byte 8 + s mod 4, at bit 2 * (s / 4).

#pragma once

#include <cstddef>
#include <cstdint>

namespace altteul::kernels {

struct BlockQ3_K {
  uint8_t hmask[32];   ///< third bits
  uint8_t qs[64];      ///< low 2 bits
  uint8_t scales[12];  ///< sixteen 6-bit scales
  uint16_t d;          ///< f16
};
static_assert(sizeof(BlockQ3_K) == 110);

void DecodeQ3_K(const std::byte* blocks, size_t n, float* out);

}  // namespace altteul::kernels
