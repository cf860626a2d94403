// SPDX-License-Identifier: Apache-2.0

// Q2_K at rest: 16 lines of codes (two_bits_unpack.inl), [4][row][4] bytes of a scale and a
// minimum, [row] f16 d, [row] f16 dmin. Interface: nibbles_unpack.inl.

#pragma once

#include "kernels/codecs/two_bits_unpack.inl"

namespace altteul::kernels {
namespace {

struct UnpackQ2_K {
  static constexpr size_t kTileCols = 256, kTileBytes = 1024 + 256 + 32 + 32;
  static constexpr size_t kScaleCols = 16;
  static constexpr int kMaxCode = 3, kBias = 0;
  static constexpr bool kHasMin = true;

  static constexpr int QuadAt(int step) { return step; }
  static ALT_SIMD_INLINE Bytes64 Quad(const uint8_t* tile, int block, int quad) {
    return TwoBitQuad(tile, block, quad);
  }
  static ALT_SIMD_INLINE void Scales(const uint8_t* tile, F32x16* scales, F32x16* mins) {
    const F32x16 d = LoadF16(tile + 1280);
    const F32x16 dmin = LoadF16(tile + 1312);
#pragma GCC unroll 16
    for (int i = 0; i < 16; ++i) {
      const I32x16 four = LoadI32(tile + 1024 + i / 4 * 64);
      scales[i] = Mul(d, ToF32(Bits(four, i % 4 * 8, 4)));
      mins[i] = Negate(Mul(dmin, ToF32(Bits(four, i % 4 * 8 + 4, 4))));
    }
  }
};

}  // namespace
}  // namespace altteul::kernels
