// SPDX-License-Identifier: Apache-2.0

// IQ3_XXS and IQ3_S: 256 weights; every 4 neighbours are one codebook entry with signs.
//   IQ3_XXS  w = (d * (0.5 + scale) * 0.5) * level * sign     scale: 4 bits per 32 weights
//   IQ3_S    w = (d * (1 + 2 * scale)) * level * sign         scale: 4 bits per 32 weights

#pragma once

#include <cstddef>
#include <cstdint>

namespace altteul::kernels {

struct BlockIQ3_XXS {
  uint16_t d;         ///< f16
  uint8_t qs[64];     ///< codebook index, per 4 weights
  uint8_t words[32];  ///< per 32 weights a word of four 7-bit sign fields (8 weights each, even
                      ///< parity) and the scale in its top 4 bits
};
static_assert(sizeof(BlockIQ3_XXS) == 98);

struct BlockIQ3_S {
  uint16_t d;         ///< f16
  uint8_t qs[64];     ///< low 8 bits of the index, per 4 weights
  uint8_t qh[8];      ///< ninth bits of the eight indices of 32 weights
  uint8_t signs[32];  ///< per 8 weights
  uint8_t scales[4];  ///< scale of weights 64i.. in the low nibble, of 64i + 32.. in the high one
};
static_assert(sizeof(BlockIQ3_S) == 110);

void DecodeIQ3_XXS(const std::byte* blocks, size_t n, float* out);
void DecodeIQ3_S(const std::byte* blocks, size_t n, float* out);

}  // namespace altteul::kernels
