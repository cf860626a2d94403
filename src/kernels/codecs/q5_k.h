// SPDX-License-Identifier: Apache-2.0

// Q5_K: 256 weights of 5 bits in 8 sub-blocks of 32, each with a 6-bit scale and minimum.
//   w[j] = (d * scale[s]) * code[j] - (dmin * min[s])      s = j / 32
// Nibbles lie as in Q4_K; the fifth bit of weight i of sub-block s is bit s of qh[i].

#pragma once

#include <cstddef>
#include <cstdint>

namespace altteul::kernels {

struct BlockQ5_K {
  uint16_t d;          ///< f16
  uint16_t dmin;       ///< f16
  uint8_t scales[12];  ///< eight 6-bit scales and minimums, see six_bit_scales.h
  uint8_t qh[32];      ///< fifth bits
  uint8_t qs[128];     ///< nibbles
};
static_assert(sizeof(BlockQ5_K) == 176);

void DecodeQ5_K(const std::byte* blocks, size_t n, float* out);

}  // namespace altteul::kernels
