// SPDX-License-Identifier: Apache-2.0

// IQ4_NL and IQ4_XS: weights of 4 bits that name one of 16 unevenly spaced values.
//   IQ4_NL  32 weights:   w[j] = d * kIq4Values[code[j]]
//   IQ4_XS  256 weights:  w[j] = (d * (scale[s] - 32)) * kIq4Values[code[j]]      s = j / 32
// In each 32 weights low nibbles hold j = 0..15, high nibbles j = 16..31.

#pragma once

#include <cstddef>
#include <cstdint>

namespace altteul::kernels {

/// The values, a constant of the format: denser near zero, as weights are.
inline constexpr int8_t kIq4Values[16] = {-127, -104, -83, -65, -49, -35, -22, -10,
                                          1,    13,   25,  38,  53,  69,  89,  113};

struct BlockIQ4_NL {
  uint16_t d;      ///< f16
  uint8_t qs[16];  ///< nibbles
};
static_assert(sizeof(BlockIQ4_NL) == 18);

struct BlockIQ4_XS {
  uint16_t d;           ///< f16
  uint8_t scales_h[2];  ///< high 2 bits of scale s at bit 2s of this little-endian word
  uint8_t
      scales_l[4];  ///< low 4 bits: scale 2i in the low nibble of byte i, 2i + 1 in the high one
  uint8_t qs[128];  ///< nibbles, 16 bytes per 32 weights
};
static_assert(sizeof(BlockIQ4_XS) == 136);

void DecodeIQ4_NL(const std::byte* blocks, size_t n, float* out);

/// ggml's reference rule without an importance matrix. With s = x / -127 for the x of largest
/// magnitude, each value takes the nearest of the 16 (a tie the higher one) under s; then d is the
/// scale that fits these codes best, sum x^2 q x / sum x^2 q^2, and the codes stay.
void EncodeIQ4_NL(const float* values, size_t n, std::byte* blocks);

void DecodeIQ4_XS(const std::byte* blocks, size_t n, float* out);

}  // namespace altteul::kernels
