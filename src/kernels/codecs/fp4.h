// SPDX-License-Identifier: Apache-2.0

// MXFP4 and NVFP4: weights of 4-bit floats (E2M1: sign, 2 exponent bits, 1 fraction bit).
//   w[j] = scale * kFp4Values[code[j]]
// The table holds the doubled values, which are integers; the scales are halved instead.
//   MXFP4  32 weights, scale 2^(e - 127) in one byte (E8M0)
//   NVFP4  64 weights, a scale per 16 in unsigned E4M3 (bias 7)
// Sources: OCP Microscaling Formats (MX) 1.0; NVIDIA's description of NVFP4; ggml for 0x7f = 0.

#pragma once

#include <cstddef>
#include <cstdint>

namespace altteul::kernels {

/// Twice the value of each E2M1 code.
inline constexpr int8_t kFp4Values[16] = {0, 1, 2, 3, 4, 6, 8, 12, 0, -1, -2, -3, -4, -6, -8, -12};

struct BlockMXFP4 {
  uint8_t e;       ///< E8M0
  uint8_t qs[16];  ///< low nibbles hold j = 0..15, high nibbles j = 16..31
};
static_assert(sizeof(BlockMXFP4) == 17);

struct BlockNVFP4 {
  uint8_t d[4];    ///< unsigned E4M3, the sign bit is ignored
  uint8_t qs[32];  ///< 8 bytes per 16 weights: low nibbles hold j = 0..7, high nibbles j = 8..15
};
static_assert(sizeof(BlockNVFP4) == 36);

/// 2^(e - 127) / 2.
float HalfOfE8M0(uint8_t e);

/// Half of an unsigned E4M3 number; 0 for 0x7f, which would be NaN.
float HalfOfUE4M3(uint8_t code);

void DecodeMXFP4(const std::byte* blocks, size_t n, float* out);
void DecodeNVFP4(const std::byte* blocks, size_t n, float* out);

}  // namespace altteul::kernels
