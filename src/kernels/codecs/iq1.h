// SPDX-License-Identifier: Apache-2.0

// IQ1_S and IQ1_M: 256 weights; every 8 neighbours are one entry of a codebook of 2048 ternary
// vectors, shifted by an eighth up or down.
//   w = (d * (2 * scale + 1)) * (trit + shift)      shift = +0.125 or -0.125
// IQ1_S shares scale (3 bits) and shift among 32 weights; IQ1_M has a scale per 16, a shift per 8.

#pragma once

#include <cstddef>
#include <cstdint>

namespace altteul::kernels {

struct BlockIQ1_S {
  uint16_t d;      ///< f16
  uint8_t qs[32];  ///< low 8 bits of the index, per 8 weights
  uint16_t qh[8];  ///< per 32 weights: high 3 bits of four indices, 3 bits of scale, bit 15: minus
};
static_assert(sizeof(BlockIQ1_S) == 50);

struct BlockIQ1_M {
  uint8_t qs[32];      ///< low 8 bits of the index, per 8 weights
  uint8_t qh[16];      ///< a nibble per 8 weights: high 3 bits of the index, bit 3: minus
  uint16_t scales[4];  ///< per 64 weights: four 3-bit scales; above them 4 bits of d, an f16 whose
                       ///< lowest nibble is in scales[0]
};
static_assert(sizeof(BlockIQ1_M) == 56);

void DecodeIQ1_S(const std::byte* blocks, size_t n, float* out);
void DecodeIQ1_M(const std::byte* blocks, size_t n, float* out);

}  // namespace altteul::kernels
