// SPDX-License-Identifier: Apache-2.0

// Q5_0: 32 weights of 5 bits around zero, one scale.
//   w[j] = d * (code[j] - 16)     code[j] = nibble[j] + 16 * bit j of qh
//   low nibbles hold j = 0..15, high nibbles j = 16..31

#pragma once

#include <cstddef>
#include <cstdint>

namespace altteul::kernels {

struct BlockQ5_0 {
  uint16_t d;      ///< f16
  uint8_t qh[4];   ///< fifth bits, 32 bits little-endian
  uint8_t qs[16];  ///< nibbles
};
static_assert(sizeof(BlockQ5_0) == 22);

void DecodeQ5_0(const std::byte* blocks, size_t n, float* out);

/// d = (value of largest magnitude) / -16, so that the extreme value has code 0.
void EncodeQ5_0(const float* values, size_t n, std::byte* blocks);

}  // namespace altteul::kernels
