// SPDX-License-Identifier: Apache-2.0

// Q6_K: 256 weights of 6 bits in 16 sub-blocks of 16, each with a signed 8-bit scale.
//   w[j] = (d * scale[j / 16]) * (code[j] - 32)
// Each half of 128 weights has 64 bytes of ql and 32 bytes of qh. For i = 0..31 of a half:
//   code[i]      = low nibble of ql[i],       bits 0..1 of qh[i]
//   code[i + 32] = low nibble of ql[i + 32],  bits 2..3
//   code[i + 64] = high nibble of ql[i],      bits 4..5
//   code[i + 96] = high nibble of ql[i + 32], bits 6..7

#pragma once

#include <cstddef>
#include <cstdint>

namespace altteul::kernels {

struct BlockQ6_K {
  uint8_t ql[128];    ///< low 4 bits
  uint8_t qh[64];     ///< high 2 bits
  int8_t scales[16];  ///< one per 16 weights
  uint16_t d;         ///< f16
};
static_assert(sizeof(BlockQ6_K) == 210);

void DecodeQ6_K(const std::byte* blocks, size_t n, float* out);

}  // namespace altteul::kernels
