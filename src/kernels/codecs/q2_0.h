// SPDX-License-Identifier: Apache-2.0

// Q2_0: 64 weights of 2 bits, one scale.
//   w[j] = d * (code[j] - 1)      weight j is bits 2 * (j mod 4) and up of qs[j / 4]

#pragma once

#include <cstddef>
#include <cstdint>

namespace altteul::kernels {

struct BlockQ2_0 {
  uint16_t d;      ///< f16
  uint8_t qs[16];  ///< codes
};
static_assert(sizeof(BlockQ2_0) == 18);

void DecodeQ2_0(const std::byte* blocks, size_t n, float* out);

}  // namespace altteul::kernels
