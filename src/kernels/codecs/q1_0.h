// SPDX-License-Identifier: Apache-2.0

// Q1_0: 128 weights of 1 bit, one scale.
//   w[j] = bit ? d : -d      weight j is bit j mod 8 of qs[j / 8]

#pragma once

#include <cstddef>
#include <cstdint>

namespace altteul::kernels {

struct BlockQ1_0 {
  uint16_t d;      ///< f16
  uint8_t qs[16];  ///< signs
};
static_assert(sizeof(BlockQ1_0) == 18);

void DecodeQ1_0(const std::byte* blocks, size_t n, float* out);

}  // namespace altteul::kernels
