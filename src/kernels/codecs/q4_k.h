// SPDX-License-Identifier: Apache-2.0

// Q4_K: 256 weights of 4 bits in 8 sub-blocks of 32, each with a 6-bit scale and minimum.
//   w[j] = (d * scale[s]) * code[j] - (dmin * min[s])      s = j / 32
// Nibbles come in 4 runs of 32 bytes: run i holds sub-block 2i in its low nibbles and 2i + 1 in its
// high ones.

#pragma once

#include <cstddef>
#include <cstdint>

namespace altteul::kernels {

struct BlockQ4_K {
  uint16_t d;          ///< f16
  uint16_t dmin;       ///< f16
  uint8_t scales[12];  ///< eight 6-bit scales and minimums, see six_bit_scales.h
  uint8_t qs[128];     ///< nibbles
};
static_assert(sizeof(BlockQ4_K) == 144);

void DecodeQ4_K(const std::byte* blocks, size_t n, float* out);

}  // namespace altteul::kernels
