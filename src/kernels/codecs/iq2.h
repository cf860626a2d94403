// SPDX-License-Identifier: Apache-2.0

// IQ2_XXS, IQ2_XS and IQ2_S: 256 weights; every 8 neighbours are one codebook entry with signs.
//   w = (d * (0.5 + scale) * 0.25) * level * sign
//              codebook  signs                  scale (4 bits) shared by
//   IQ2_XXS    256       7 bits, even parity    32 weights
//   IQ2_XS     512       7 bits, even parity    16 weights
//   IQ2_S      1024      8 bits                 16 weights

#pragma once

#include <cstddef>
#include <cstdint>

namespace altteul::kernels {

/// 8 bytes per 32 weights: four codebook indices; then a little-endian word of four 7-bit sign
/// fields and the scale in its top 4 bits.
struct BlockIQ2_XXS {
  uint16_t d;  ///< f16
  uint8_t qs[64];
};
static_assert(sizeof(BlockIQ2_XXS) == 66);

struct BlockIQ2_XS {
  uint16_t d;         ///< f16
  uint16_t qs[32];    ///< per 8 weights: 9 bits of index, 7 bits of signs above
  uint8_t scales[8];  ///< scale of weights 32i.. in the low nibble, of 32i + 16.. in the high one
};
static_assert(sizeof(BlockIQ2_XS) == 74);

struct BlockIQ2_S {
  uint16_t d;         ///< f16
  uint8_t qs[32];     ///< low 8 bits of the index, per 8 weights
  uint8_t signs[32];  ///< per 8 weights
  uint8_t qh[8];      ///< high 2 bits of the four indices of 32 weights
  uint8_t scales[8];  ///< as in IQ2_XS
};
static_assert(sizeof(BlockIQ2_S) == 82);

void DecodeIQ2_XXS(const std::byte* blocks, size_t n, float* out);
void DecodeIQ2_XS(const std::byte* blocks, size_t n, float* out);
void DecodeIQ2_S(const std::byte* blocks, size_t n, float* out);

}  // namespace altteul::kernels
